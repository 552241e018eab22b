import contextlib
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ci_kit.errors import Unavailable, UserError
from ci_kit.forge.base import Stamp, read_mark
from ci_kit.forge.git import Git
from ci_kit.forge.history import entries, find
from ci_kit.forge.local import LocalForge
from tests.forge.fake import Crash, Hub, crash, trouble
from tests.forge.repository import git, linear, result

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

BINARY = bytes(range(256))


class TestGitHub:
    def test_the_branch_starts_without_a_parent_and_grows(self) -> None:
        hub = Hub()
        hub.forge().record({"results/a/x.json": "é".encode(), "results/a/s.npz": BINARY}, "first")
        hub.forge().record({"results/b/x.json": b"2"}, "second")
        assert hub.files() == {"results/a/x.json": "é".encode(), "results/a/s.npz": BINARY, "results/b/x.json": b"2"}
        assert hub.commits() == 2

    def test_the_same_content_makes_no_commit(self) -> None:
        hub = Hub()
        for _ in range(2):
            hub.forge().record({"results/a/x.json": b"1", "results/a/s.npz": BINARY}, "again")
        hub.forge().record({}, "nothing")
        assert hub.commits() == 1

    def test_all_of_twenty_writers_are_recorded(self) -> None:
        hub, together, looked = Hub(), threading.Barrier(20), threading.local()

        def look(method: str, path: str) -> httpx.Response | None:
            if path.endswith("ref/heads/ci-kit") and not getattr(looked, "once", False):
                looked.once = True
                together.wait(10)
            return None

        hub.after = look
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(lambda n: hub.forge().record({f"results/{n}/x.json": b"1"}, "one"), range(20)))
        assert len(hub.files()) == hub.commits() == 20

    @pytest.mark.parametrize("fault", [502, 429, "limit", "timeout", "reset", "damaged"])
    def test_one_fault_at_any_call_is_survived(self, fault: int | str) -> None:
        for moment in ("before", "after"):
            for call in range(7):
                hub = Hub()
                hub.at(moment, call, lambda: trouble(fault))
                hub.forge().record({"results/a/x.json": BINARY}, "one")
                assert len(hub.files()) == hub.commits() == 1

    def test_a_crash_at_any_call_loses_nothing_that_was_recorded(self) -> None:
        for call in range(8):
            hub = Hub()
            hub.forge().record({"results/a/x.json": b"1"}, "one")
            hub.at("after", call, crash)
            with contextlib.suppress(Crash):
                hub.forge().record({"results/b/x.json": b"2"}, "two")
            hub.after = lambda method, path: None
            hub.forge().record({"results/b/x.json": b"2"}, "two")
            assert len(hub.files()) == hub.commits() == 2

    def test_refusals_are_named(self) -> None:
        hub = Hub(before=lambda method, path: httpx.Response(403, json={"message": "No"}) if method == "POST" else None)
        with pytest.raises(UserError, match="contents: write"):
            hub.forge().record({"a": b"1"}, "one")
        rule = httpx.Response(422, json={"message": "Repository rule violations found"})
        hub = Hub(before=lambda method, path: rule if path.endswith("git/refs") else None)
        with pytest.raises(Unavailable, match="Repository rule violations found"):
            hub.forge().record({"a": b"1"}, "one")


class TestLocal:
    def test_a_comment_is_a_file(self, tmp_path: Path) -> None:
        stamp = Stamp(run_id=1, attempt=1, sha="abc")
        where = LocalForge(tmp_path).comment("default", "# Hello \ud800", stamp)
        assert where == str(tmp_path / ".ci-kit/comments/default.md")
        assert read_mark(Path(where).read_text(), "default") == stamp

    def test_what_is_recorded_is_found_again_and_the_work_tree_untouched(self, repo: Path) -> None:
        main = linear(repo, 2, {"sub/a": b"a"})
        git(repo, "checkout", "--quiet", "--force", "main")
        (repo / "turn").write_text("edited")
        (repo / "staged").write_text("staged")
        git(repo, "add", "staged")
        before = git(repo, "status", "--porcelain"), git(repo, "ls-files", "--stage")
        forge = LocalForge(repo / "sub")
        for sha in main:
            forge.record(entries(repo / "sub", [result(sha)], sha), f"Record {sha}\n\nMore")
        assert (git(repo, "status", "--porcelain"), git(repo, "ls-files", "--stage")) == before
        found = find(Git(repo), main[1], "evaluate")
        assert found is not None
        assert found.result == result(main[1])
        assert git(repo, "log", "--format=%an <%ae>", "-1", "ci-kit") == "ci-kit <ci-kit@localhost>"
        assert git(repo, "rev-list", "--count", "ci-kit") == "2"
        assert git(repo, "merge-base", "main", "ci-kit", check=False) == ""

    def test_the_same_content_makes_no_commit(self, repo: Path) -> None:
        for _ in range(2):
            LocalForge(repo).record({"results/a/x": BINARY}, "one")
        LocalForge(repo).record({}, "nothing")
        assert git(repo, "rev-list", "--count", "ci-kit") == "1"
        shown = subprocess.run(["git", "cat-file", "blob", "ci-kit:results/a/x"], cwd=repo, capture_output=True)
        assert shown.stdout == BINARY

    def test_the_users_own_name_is_used_where_there_is_one(self, repo: Path) -> None:
        git(repo, "config", "user.name", "x")
        git(repo, "config", "user.email", "x@localhost")
        LocalForge(repo).record({"a": b"1"}, "one")
        assert git(repo, "log", "--format=%cn <%ce>", "-1", "ci-kit") == "x <x@localhost>"

    def test_the_shared_branch_is_continued(self, repo: Path, tmp_path: Path) -> None:
        LocalForge(repo).record({"a": b"1"}, "one")
        git(tmp_path, "clone", "--quiet", "--branch=ci-kit", str(repo), "clone")
        git(tmp_path / "clone", "checkout", "--quiet", "--orphan", "main")
        git(tmp_path / "clone", "branch", "--quiet", "-D", "ci-kit")
        LocalForge(tmp_path / "clone").record({"b": b"2"}, "two")
        assert git(tmp_path / "clone", "ls-tree", "--name-only", "ci-kit").split() == ["a", "b"]

    def test_all_recorders_at_the_same_time_are_recorded(self, repo: Path) -> None:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda n: LocalForge(repo).record({f"results/{n}": b"1"}, "one"), range(6)))
        assert git(repo, "rev-list", "--count", "ci-kit") == "6"
        assert len(git(repo, "ls-tree", "-r", "--name-only", "ci-kit").split()) == 6

    @pytest.mark.parametrize("path", ["../up", "/etc/passwd", ".git/config", "a//b"])
    def test_a_path_that_leaves_the_branch_is_refused(self, repo: Path, path: str) -> None:
        with pytest.raises(UserError, match="Ignoring path"):
            LocalForge(repo).record({path: b"1"}, "one")

    def test_outside_a_repository_recording_is_the_users_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="not in a git repository"):
            LocalForge(tmp_path).record({"a": b"1"}, "one")
