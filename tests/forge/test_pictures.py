import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from ci_kit.errors import UserError
from ci_kit.forge import connect, pictures
from ci_kit.forge.base import Refused
from ci_kit.forge.git import Git
from ci_kit.forge.github import GitHubForge
from ci_kit.forge.local import LocalForge
from ci_kit.forge.pictures import kept, place
from tests.forge.fake import Crash, Hub, crash, trouble
from tests.forge.repository import git

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e
ONE, TWO = b"<svg>1</svg>", b"<svg>2</svg>"


def forge(hub: Hub, repo: Path | None = None, server: str = "https://github.com") -> GitHubForge:
    return GitHubForge(hub.client(), "octo/demo", 3, git=Git(repo) if repo else None, server=server)


def fetched(repo: Path, *contents: bytes, more: tuple[str, ...] = ()) -> str:
    """Return the tip of the shared branch as a checkout of the whole history has it."""
    for number, content in enumerate(contents):
        git(repo, "config", "user.name", "x")
        git(repo, "config", "user.email", "x@localhost")
        LocalForge(repo).record({place(content): content, "results/a/x.json": str(number).encode()}, "one")
    git(repo, "update-ref", "refs/remotes/origin/ci-kit", "refs/heads/ci-kit")
    return git(repo, "rev-parse", "ci-kit")


def test_pictures_are_kept_in_one_commit_and_shown_at_it() -> None:
    hub = Hub()
    shown = forge(hub).keep({"a": ONE, "b": TWO, "again": ONE})
    tip = hub.refs["heads/ci-kit"]
    assert hub.files() == {place(ONE): ONE, place(TWO): TWO}
    assert hub.commits() == 1
    assert shown["a"] == shown["again"] == f"https://github.com/octo/demo/blob/{tip}/{place(ONE)}?raw=true"
    assert shown["b"].endswith(f"/{tip}/{place(TWO)}?raw=true")
    assert place(ONE).startswith(f"pictures/{place(ONE)[12:14]}/")


def test_enterprise_has_its_own_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Event:
        repo, number, url = "octo/demo", 3, None

    env = {"GITHUB_ACTIONS": "true", "GITHUB_TOKEN": "t", "GITHUB_SERVER_URL": "https://git.corp.test/"}
    made = connect(tmp_path, Event(), env=env)
    assert isinstance(made, GitHubForge)
    monkeypatch.setattr(made._commits, "record", lambda *_: "ab" * 20)
    assert made.keep({"a": ONE})["a"].startswith(f"https://git.corp.test/octo/demo/blob/{'ab' * 20}/pictures/")


def test_the_same_picture_again_makes_no_commit_and_where_the_clone_knows_it_no_call(repo: Path) -> None:
    hub = Hub()
    first = forge(hub).keep({"a": ONE})
    assert forge(hub).keep({"a": ONE}) == first
    assert hub.commits() == 1
    hub.journal.clear()
    tip = fetched(repo, ONE, TWO)
    assert forge(hub, repo).keep({"a": ONE, "b": TWO})["b"].endswith(f"/{tip}/{place(TWO)}?raw=true")
    assert hub.journal == []


def seeded(repo: Path, *contents: bytes) -> Hub:
    """Return a server whose branch stands where the clone's does."""
    hub, tip = Hub(), fetched(repo, *contents)
    tree = git(repo, "rev-parse", f"{tip}^{{tree}}")
    hub.objects[tree] = {place(one): hub._store(one.hex()) for one in contents} | {"results/a/x.json": hub._store("31")}
    hub.objects[tip] = {"tree": tree, "parents": []}
    hub.refs["heads/ci-kit"] = tip
    return hub


def test_where_the_clone_has_the_branchs_tip_three_calls_are_enough(repo: Path) -> None:
    hub = seeded(repo, ONE)
    forge(hub, repo).keep({"a": ONE, "b": TWO})
    assert [call.split("/git/")[1] for call in hub.journal] == ["trees", "commits", "refs/heads/ci-kit"]
    assert hub.files() == {place(ONE): ONE, place(TWO): TWO, "results/a/x.json": b"1"}


def test_a_clone_that_is_behind_overwrites_nothing(repo: Path) -> None:
    hub = seeded(repo, ONE)
    forge(hub).record({"results/b/x.json": b"2"}, "meanwhile")
    shown = forge(hub, repo).keep({"b": TWO})
    assert hub.files().keys() == {place(ONE), place(TWO), "results/a/x.json", "results/b/x.json"}
    assert f"/blob/{hub.refs['heads/ci-kit']}/" in shown["b"]


def test_a_branch_that_was_begun_anew_is_looked_up(repo: Path) -> None:
    fetched(repo, ONE)
    hub = Hub()
    forge(hub).record({"results/b/x.json": b"2"}, "another beginning")
    forge(hub, repo).keep({"b": TWO})
    assert hub.files().keys() == {place(TWO), "results/b/x.json"}


def test_a_picture_that_only_this_clone_has_is_not_known_to_be_on_the_server(repo: Path) -> None:
    fetched(repo, ONE)
    git(repo, "update-ref", "-d", "refs/remotes/origin/ci-kit")
    assert kept(Git(repo)).places == frozenset()


def test_the_oldest_pictures_go_in_the_same_commit(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST", 3)
    contents = [str(number).encode() for number in range(3)]
    hub = seeded(repo, *contents)
    forge(hub, repo).keep({"new": ONE})
    assert hub.files() == {place(one): one for one in (*contents[1:], ONE)} | {"results/a/x.json": b"1"}
    assert hub.commits() == 2
    assert len(hub.journal) == 3


def test_a_picture_that_somebody_took_away_already_is_no_trouble(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST", 1)
    hub = seeded(repo, b"0", b"1")
    forge(hub)._commits.record({place(b"0"): None}, "somebody else")
    forge(hub, repo).keep({"new": ONE})
    assert hub.files().keys() == {place(b"1"), place(ONE), "results/a/x.json"}  # the next run takes it away


def test_results_are_never_in_the_way_of_the_bound(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST", 1)
    fetched(repo, b"0", b"1")
    assert kept(Git(repo)).surplus([place(ONE)]) == sorted([place(b"0"), place(b"1")])
    assert kept(Git(repo)).surplus([place(b"1")]) == [place(b"0")]


def test_a_token_that_only_reads_is_refused_with_the_permission_that_it_lacks() -> None:
    hub = Hub(before=lambda method, path: httpx.Response(403, json={"message": "No"}) if method == "POST" else None)
    with pytest.raises(Refused, match="the token may not do this") as refused:
        forge(hub).keep({"a": ONE})
    assert refused.value.status == 403
    assert "contents: write" in str(refused.value)


def test_a_tree_that_github_refuses_for_another_reason_is_an_error() -> None:
    bad, asked = httpx.Response(422, json={"message": "tree.path contains a malformed path component"}), list[str]()

    def refuse(method: str, path: str) -> httpx.Response | None:
        asked.extend([path] if path.endswith("/git/trees") else [])
        return bad if path.endswith("/git/trees") else None

    with pytest.raises(UserError, match="malformed"):
        forge(Hub(before=refuse)).keep({"a": ONE})
    assert len(asked) == 1


@pytest.mark.parametrize("fault", [502, 429, "limit", "timeout", "reset", "damaged"])
def test_one_fault_at_any_call_is_survived(fault: int | str) -> None:
    for moment in ("before", "after"):
        for call in range(6):
            hub = Hub()
            hub.at(moment, call, lambda: trouble(fault))
            shown = forge(hub).keep({"a": ONE})
            assert hub.commits() == len(hub.files()) == 1
            assert f"/blob/{hub.refs['heads/ci-kit']}/" in shown["a"]


def test_a_crash_at_any_call_is_made_good_by_the_next_run() -> None:
    for call in range(6):
        hub = Hub()
        hub.at("after", call, crash)
        with contextlib.suppress(Crash):
            forge(hub).keep({"a": ONE})
        hub.after = lambda method, path: None
        shown = forge(hub).keep({"a": ONE})
        assert hub.commits() == 1
        assert f"/blob/{hub.refs['heads/ci-kit']}/" in shown["a"]


def test_runs_at_the_same_time_all_keep_theirs() -> None:
    hub = Hub()
    with ThreadPoolExecutor(8) as pool:
        shown = list(pool.map(lambda n: forge(hub).keep({"a": str(n % 4).encode()})["a"], range(8)))
    assert len(hub.files()) == hub.commits() == 4
    trees = {sha: hub.objects[hub.objects[sha]["tree"]] for sha in hub.objects if "tree" in hub.objects[sha]}
    for address in shown:  # each is shown at a commit that has it
        sha, _, name = address.removeprefix("https://github.com/octo/demo/blob/").partition("/")
        assert name.removesuffix("?raw=true") in trees[sha]


def test_locally_they_are_files_that_the_comment_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.forge.local.MOST", 2)
    made = LocalForge(tmp_path)
    for content in (b"old", ONE, TWO):
        shown = made.keep({"a": content})["a"]
        assert (tmp_path / ".ci-kit/comments" / shown).resolve().read_bytes() == content
    files = {path.read_bytes() for path in (tmp_path / ".ci-kit/pictures").rglob("*.svg")}
    assert files == {ONE, TWO}


@pytest.mark.parametrize("fault", [502, 429, "limit", "timeout", "reset", "damaged"])
def test_one_fault_at_any_call_is_survived_from_what_the_clone_knows(repo: Path, fault: int | str) -> None:
    for moment in ("before", "after"):
        for call in range(4):
            hub = seeded(repo, ONE)
            hub.at(moment, call, lambda: trouble(fault))
            shown = forge(hub, repo).keep({"a": TWO})
            assert hub.files().keys() == {place(ONE), place(TWO), "results/a/x.json"}
            assert hub.commits() == 2
            assert f"/blob/{hub.refs['heads/ci-kit']}/" in shown["a"]
