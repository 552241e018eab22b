"""Reading the history with real git: order, damage, folders, hostile texts, and the number of processes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ci_kit.config import read
from ci_kit.forge.git import Git
from ci_kit.forge.history import entries
from ci_kit.job import Job
from ci_kit.render.commits import Commit, Mark
from ci_kit.report.archive import ENTRY, commits, logged, windows
from ci_kit.report.chronicle import history
from ci_kit.report.raw import TEXT, Reader
from ci_kit.report.releases import releases
from ci_kit.result import Findings
from tests.forge.repository import git, linear, result

pytestmark = pytest.mark.e2e
CONFIG = b"package: {name: digits}\n"
EVIL = "</script><script>alert(1)</script>"


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def raw(sha: str, step: str = "evaluate", **more: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(result(sha, step=step).model_dump_json(by_alias=True, exclude_none=True))
    return document | more


def record(repo: Path, files: dict[str, Any]) -> None:
    content = {name: one if isinstance(one, bytes) else json.dumps(one).encode() for name, one in files.items()}
    linear(repo, 1, content, branch="ci-kit")


def plain(text: str) -> str:
    return text


def known(root: Path) -> tuple[tuple[Commit, ...], Reader]:
    reader = Reader(clean=plain)
    return commits(Git(root), logged(Git(root), "main"), reader), reader


def show(root: Path) -> tuple[Findings, list[str], str]:
    said: list[str] = []
    found = history(Job(root=root, config=read(CONFIG), say=said.append))
    path = root / ".ci-kit/history.html"
    return found, said, path.read_text() if path.exists() else ""


def test_commits_come_oldest_first_and_only_those_that_were_judged(repo: Path) -> None:
    main = linear(repo, 6)
    files: dict[str, bytes] = {}
    for turn in (4, 0, 2):
        files |= entries(repo, [result(main[turn], value=turn / 10), result(main[turn], step="train")], main[turn])
    record(repo, files | {f"results/{'f' * 40}/evaluate.json": raw("f" * 40)})
    found, reader = known(repo)
    assert [(one.sha, one.metrics["accuracy"].value) for one in found] == [
        (main[0], 0.0), (main[2], 0.2), (main[4], 0.4)
    ]  # fmt: skip
    assert found[0].seconds == {"evaluate": 1.0, "train": 1.0}
    assert [one.at for one in found] == [1_700_000_000, 1_700_000_002, 1_700_000_004]
    assert not reader.wrong.total()


def test_only_first_parents_of_the_base_branch_are_shown(repo: Path) -> None:
    main = linear(repo, 2)
    side = linear(repo, 1, {"side": b""}, branch="side")
    tree = git(repo, "rev-parse", f"{main[1]}^{{tree}}")
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    merge = git(repo, *who, "commit-tree", tree, "-p", main[1], "-p", side[0], "-m", "merge")
    git(repo, "update-ref", "refs/heads/main", merge)
    record(repo, {f"results/{sha}/evaluate.json": raw(sha) for sha in (*main, *side, merge)})
    assert [one.sha for one in known(repo)[0]] == [*main, merge]


def test_a_commit_dated_wrongly_stays_between_its_neighbours(repo: Path) -> None:
    linear(repo, 1)
    tree, parent = git(repo, "rev-parse", "main^{tree}"), git(repo, "rev-parse", "main")
    for when in (1_700_000_100, 4_000_000_000, 5, 1_700_000_300, 10**15):
        person = f"x <x@localhost> {when} +0000"
        text = f"tree {tree}\nparent {parent}\nauthor {person}\ncommitter {person}\n\nc\n"
        parent = git(repo, "hash-object", "-t", "commit", "-w", "--stdin", stdin=text.encode())
    git(repo, "update-ref", "refs/heads/main", parent)
    times = [at for at, _ in reversed(logged(Git(repo), "main").values())]
    assert times == [1_700_000_000, 1_700_000_100, *[1_700_000_300] * 4]


def broken(sha: str) -> dict[str, tuple[Any, str]]:
    """Return what an entry may hold instead of a Result, and what is then counted."""
    return {
        "no JSON": (b"{", "result"),
        "no text": (b"\xff\xfe\x00", "result"),
        "deep": (b"[" * 200_000, "result"),
        "a list": ([], "result"),
        "another version": (raw(sha, schema=2), "result"),
        "another step": (raw(sha, step="train"), "result"),
        "another commit": (raw("e" * 40), "result"),
        "too big": (json.dumps(raw(sha)).encode().ljust(ENTRY + 1), "result"),
        "NaN": (json.dumps(raw(sha, metrics={"accuracy": {"value": float("nan")}})).encode(), "number"),
        "infinite": (json.dumps(raw(sha)).replace("0.9", "1e999").encode(), "number"),
        "a great integer": (json.dumps(raw(sha)).replace("0.9", "9" * 4000).encode(), "number"),
        "a text": (raw(sha, metrics={"accuracy": {"value": "0.9"}}), "number"),
        "yes": (raw(sha, metrics={"accuracy": {"value": True}}), "number"),
        "no metric": (raw(sha, metrics={"accuracy": [1]}), "number"),
        "no status": (raw(sha, checks=[{"status": ["fail"]}, 7]), "verdict"),
    }


@pytest.mark.parametrize("name", broken("0" * 40))
def test_what_can_not_be_read_is_left_out_and_counted_once(repo: Path, name: str) -> None:
    main = linear(repo, 2)
    content, kind = broken(main[1])[name]
    record(repo, {f"results/{main[0]}/evaluate.json": raw(main[0]), f"results/{main[1]}/evaluate.json": content})
    found, reader = known(repo)
    assert found[0].metrics["accuracy"].value == 0.9
    assert dict(+reader.wrong) == {kind: 1}
    assert [one.sha for one in found] == (main[:1] if kind == "result" else main)
    assert all("accuracy" not in one.metrics for one in found[1:]) or kind == "verdict"
    check = show(repo)[0].checks[0]
    assert f"Left out, as they could not be read: 1 {kind}." in str(check.detail)


@pytest.mark.parametrize("end", ["low", "high"])
def test_half_an_interval_is_none(repo: Path, end: str) -> None:
    main = linear(repo, 1)
    record(repo, {f"results/{main[0]}/evaluate.json": raw(main[0], metrics={"a": {"value": 1, end: 0.5}})})
    (found,), reader = known(repo)
    assert (found.metrics["a"].low, found.metrics["a"].high, dict(+reader.wrong)) == (None, None, {})


def test_the_base_branch_is_fetched_where_a_checkout_has_only_another(repo: Path, tmp_path: Path) -> None:
    main = linear(repo, 2)
    record(repo, {f"results/{main[0]}/evaluate.json": raw(main[0])})
    git(tmp_path, "init", "--quiet", "--initial-branch=change", "checkout")
    git(tmp_path / "checkout", "remote", "add", "origin", str(repo))
    check = show(tmp_path / "checkout")[0].checks[0]
    assert (check.status, check.observed) == ("pass", "1 commit of main")


def test_the_verdict_is_that_of_the_checks_and_not_what_the_file_says(repo: Path) -> None:
    main = linear(repo, 1)
    failed = [{"id": "a", "title": "A", "status": "fail"}, {"id": "b", "title": "B", "status": "pass"}]
    record(
        repo,
        {
            f"results/{main[0]}/evaluate.json": raw(main[0], checks=failed, status="pass"),
            f"results/{main[0]}/train.json": raw(main[0], step="train"),
        },
    )
    assert [one.status for one in known(repo)[0]] == ["fail"]


def test_a_folder_of_a_monorepo_has_its_own_history(repo: Path) -> None:
    main = linear(repo, 2)
    folder = repo / "services" / "digits"
    folder.mkdir(parents=True)
    drift = raw("0" * 40, step="drift", name="w") | {"source": {"repo": "", "data": {}}}
    inner = f"results/{main[0]}/services/digits/evaluate.json"
    record(
        repo,
        {
            f"results/{main[0]}/evaluate.json": raw(main[0], metrics={"top": {"value": 1}}),
            inner: raw(main[0], metrics={"inner": {"value": 2}}),
            f"results/{main[1]}/evaluate.json": raw(main[1], metrics={"top": {"value": 1}}),
            "drift/default/w.json": drift,
            "drift/services/digits/default/w.json": drift,
            "drift/services/digits/other/20261105t000000z-7d.json": drift | {"name": "20261105t000000z-7d"},
        },
    )
    reader = Reader(clean=plain)
    assert [list(one.metrics) for one in known(folder)[0]] == [["inner"]]
    assert [list(one.metrics) for one in known(repo)[0]] == [["top"], ["top"]]
    assert [one.text for one in windows(Git(folder), reader)] == ["drift w", "drift other 2026-11-05, 7d"]
    assert [one.text for one in windows(Git(repo), reader)] == ["drift w"]


def test_windows_have_their_time_and_verdict_and_a_retraining_that_was_none_is_left_out(repo: Path) -> None:
    def window(step: str, status: str, started: object) -> dict[str, Any]:
        document = raw("0" * 40, step=step, name="w", checks=[{"status": status}], run={"started": started})
        return document | {"source": {}}

    record(
        repo,
        {
            "drift/a/w.json": window("drift", "fail", "2024-01-01T00:00:00+00:00"),
            "drift/b/w.json": window("drift", "pass", "2024-01-02T00:00:00+00:00"),
            "drift/c/w.json": window("drift", "pass", "yesterday"),
            "drift/d/w.json": window("drift", "pass", ["2024-01-02"]),
            "drift/e/other.json": window("drift", "pass", "2024-01-02T00:00:00+00:00"),
            "retrain/a/w.json": window("retrain", "pass", "2024-01-03T00:00:00+00:00"),
            "retrain/b/w.json": window("retrain", "skip", "2024-01-03T00:00:00+00:00"),
        },
    )
    reader = Reader(clean=plain)
    found = [(one.kind, one.text, one.status, one.at) for one in windows(Git(repo), reader)]
    assert found == [
        ("drift", "drift a w", "fail", 1_704_067_200),
        ("drift", "drift b w", "pass", 1_704_153_600),
        ("retrain", "retrain a w", "pass", 1_704_240_000),
    ]
    assert dict(+reader.wrong) == {"time": 2, "result": 1}


def test_hostile_texts_do_no_harm_anywhere(repo: Path) -> None:
    linear(repo, 1)
    text = f"##[error]\x1b[31m::error::{EVIL}" + "z" * 2_000_000
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    git(
        repo,
        "update-ref",
        "refs/heads/main",
        git(repo, *who, "commit-tree", "main^{tree}", "-F", "-", stdin=text.encode()),
    )
    sha = git(repo, "rev-parse", "main")
    metrics = {EVIL: {"value": 1, "unit": EVIL, "direction": EVIL}, "x" * 100_000: {"value": 2}}
    source = {"sha": sha, "data": {EVIL: EVIL, "y": ["no text"]}}
    run = {"seconds": 1, "started": EVIL, "cost": {"amount": 1, "currency": EVIL}}
    record(repo, {f"results/{sha}/evaluate.json": raw(sha, metrics=metrics, source=source, run=run)})
    found, _ = known(repo)
    assert max(map(len, (found[0].subject, *found[0].metrics))) == TEXT
    _, said, page = show(repo)
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert len(page) < 60_000
    assert max(map(len, said)) <= 200
    assert not any("\x1b" in line or line.lstrip().startswith("::") or "##[" in line for line in said)


def test_a_secret_in_a_subject_does_not_reach_the_page(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2hunter2")
    linear(repo, 1)
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    sha = git(repo, *who, "commit-tree", "main^{tree}", "-m", "Use hunter2hunter2")
    git(repo, "update-ref", "refs/heads/main", sha)
    record(repo, {f"results/{sha}/evaluate.json": raw(sha)})
    _, said, page = show(repo)
    assert "hunter2" not in page + "".join(said)
    assert "Use ***" in page


def test_versions_stand_at_their_commits_with_the_stages_that_they_have(repo: Path) -> None:
    main = linear(repo, 3)
    for version, source in (("v1.0.0", {"sha": main[1]}), ("v1.1.0", {"sha": "a" * 40}), ("v1.2.0", [])):
        release: dict[str, Any] = {"schema": 1, "source": source, "created": "2024-01-01T00:00:00+00:00"}
        linear(repo, 1, {f"registry/digits/{version}.json": json.dumps(release).encode()}, branch=version)
        who = ("-c", "user.name=x", "-c", "user.email=x@localhost", "tag", "-a", "-m", "x")
        git(repo, *who, f"digits@{version}", version)
        git(repo, *who, f"digits#prod#{version[3]}", version)
    reader = Reader(clean=plain)
    found = list(releases(Git(repo), "digits", logged(Git(repo), "main"), reader))
    assert found == [
        Mark(kind="release", at=1_700_000_001, text="v1.0.0"),
        Mark(kind="release", at=1_704_067_200, text="v1.1.0"),
    ]
    assert reader.wrong == {"result": 1}


def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    started: list[tuple[str, ...]] = []
    run = Git.run

    def count(self: Git, *arguments: str, **more: Any) -> Any:
        started.append(arguments)
        return run(self, *arguments, **more)

    monkeypatch.setattr(Git, "run", count)
    return lambda: len(started)


def test_five_thousand_commits_take_as_many_processes_as_fifty(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    git(small, "init", "--quiet", "--initial-branch=main")
    took = []
    for folder, number in ((small, 50), (repo, 5010)):
        main = linear(folder, number)
        steps = ("validate", "train", "evaluate")
        record(folder, {f"results/{sha}/{step}.json": raw(sha, step=step) for sha in main for step in steps})
        with monkeypatch.context() as patch:
            count = counted(patch)
            check = show(folder)[0].checks[0]
            took.append(count())
        assert check.observed == f"{min(number, 5000):,} commits of main"
    assert took[1] <= took[0] <= 25
    assert check.detail == "The newest 5,000 commits were looked at."


def test_the_terminal_shows_the_last_twelve_with_a_sparkline(repo: Path) -> None:
    main = linear(repo, 15)
    record(
        repo,
        {
            f"results/{sha}/evaluate.json": raw(sha, metrics={"accuracy": {"value": turn}})
            for turn, sha in enumerate(main)
        },
    )
    found, said, page = show(repo)
    assert said[0].split() == ["commit", "date", "subject", "accuracy", "time"]
    assert said[1].split()[0] == "▁▁▂▃▃▄▅▆▆▇██"
    assert [line.split()[0] for line in said[2:-1]] == [sha[:8] for sha in reversed(main[3:])]
    assert said[-1] == "15 commits of main: .ci-kit/history.html"
    assert [(file.role, file.path) for file in found.files] == [("report", ".ci-kit/history.html")]
    assert all(sha[:10] in page for sha in main)


def test_without_a_history_it_is_said_what_to_do(repo: Path, tmp_path: Path) -> None:
    for folder, hint in ((tmp_path, "git init"), (repo, "Set `base`")):
        check = show(folder)[0].checks[0]
        assert (check.status, check.title) == ("skip", "There is no history yet")
        assert hint in str(check.detail)
    linear(repo, 1)
    found, said, page = show(repo)
    assert (found.checks[0].status, page, found.files) == ("skip", "", ())
    assert said == [f"history: {found.checks[0].detail}"]
    assert "ci-kit run check" in str(found.checks[0].detail)


def test_what_origin_has_wins_over_what_only_this_clone_has(repo: Path, tmp_path: Path) -> None:
    main = linear(repo, 2)
    record(repo, {f"results/{main[0]}/evaluate.json": raw(main[0], metrics={"a": {"value": 1}})})
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(repo), str(clone))
    extra = {f"results/{main[1]}/evaluate.json": raw(main[1], metrics={"a": {"value": 3}})}
    record(clone, {f"results/{main[0]}/evaluate.json": raw(main[0], metrics={"a": {"value": 2}}), **extra})
    assert [one.metrics["a"].value for one in known(clone)[0]] == [1, 3]
