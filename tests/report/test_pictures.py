"""Pictures of a report: where they are shown, and that a report without them is whole all the same."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ci_kit import forge
from ci_kit.actions import Event
from ci_kit.config import read
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Source
from ci_kit.report import pictures, step
from ci_kit.result import Findings
from tests.forge.fake import Hub
from tests.render.samples import check, curve, matrix, points, result, view
from tests.report.test_step import CONFIG, event, only, outside_actions, pull_request, repository, save, statuses

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e
__all__ = ["outside_actions", "repository"]  # fixtures
SHOWN = re.compile(r"!\[([^\]]+)\]\(([^)]*)\)")
CALLS = 5  # of one commit: the branch, its tree, a tree, a commit, the branch again


def report(root: Path) -> Findings:
    return step.run(Job(root=root, config=read(CONFIG.encode()), source=Source(sha=Git(root).sha())))


def fill(root: Path, *charts: object, title: str = "") -> None:
    found = charts or (curve(), matrix(), points())
    save(root, result("evaluate", check("rows"), charts=found))  # type: ignore[arg-type]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The forge of this run, without a network: everything but the transport is the real thing."""
    hub = Hub()
    monkeypatch.setattr(forge, "connect", lambda root, event, publisher="", env=None: hub.forge())
    return hub


def test_on_a_laptop_report_and_comment_show_files_beside_them(repository: Path) -> None:
    fill(repository)
    findings = report(repository)
    comment = Path(only(findings, "publish").observed or "")
    for path in (comment, repository / ".ci-kit/report.md"):
        shown = SHOWN.findall(path.read_text())
        assert [alt.partition(":")[0] for alt, _ in shown] == ["what was answered", "residuals"]
        assert all((path.parent / place).read_bytes().startswith(b"<svg ") for _, place in shown)
    assert "pictures" not in statuses(findings)
    page = (repository / ".ci-kit/report.html").read_text()
    assert page.count("<svg ") == 3
    assert "<img" not in page


def test_a_comment_with_pictures_needs_few_calls(repository: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    fill(repository)
    summary, _ = event(repository, monkeypatch, "pull_request", pull_request(fork=False))
    assert statuses(report(repository)) == {"publish": "pass"}
    ((_, body),) = ((number, one["body"]) for number, one in hub.comments.items())
    tip = hub.refs["heads/ci-kit"]
    assert [place.split("/")[6] for _, place in SHOWN.findall(body)] == [tip, tip]
    assert SHOWN.findall(body) == SHOWN.findall(summary.read_text())
    git_calls = [call for call in hub.journal if "/git/" in call]
    # The branch is new: it has no tree to read yet.
    assert len(git_calls) == CALLS - 1
    assert len(hub.journal) - len(git_calls) == 3, hub.journal  # of the comment: look, write, look
    hub.journal.clear()
    report(repository)
    assert len([call for call in hub.journal if "/git/" in call]) == 3  # no commit: the tree is as it was
    assert hub.commits() == 1


def test_a_token_that_may_not_write_leaves_words(repository: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    fill(repository)
    event(repository, monkeypatch, "pull_request", pull_request(fork=False))
    answer = httpx.Response(403, json={"message": "Resource not accessible by integration"})
    hub.before = lambda method, path: answer if "/git/" in path and method == "POST" else None
    findings = report(repository)
    assert statuses(findings) == {"publish": "pass", "pictures": "skip"}
    assert "contents: write" in (only(findings, "pictures").detail or "")
    (comment,) = hub.comments.values()
    assert "| dog → cat | 3 |" in comment["body"]
    assert "and with `contents: write` here._" in comment["body"]
    assert not SHOWN.search(comment["body"])


@pytest.mark.parametrize("charts", [(), (curve(),)])
def test_nothing_is_kept_that_mermaid_draws(
    repository: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub, charts: tuple[object, ...]
) -> None:
    save(repository, result("evaluate", check("rows"), charts=charts))  # type: ignore[arg-type]
    event(repository, monkeypatch, "pull_request", pull_request(fork=False))
    assert statuses(report(repository)) == {"publish": "pass"}
    assert not [call for call in hub.journal if "/git/" in call]


@pytest.mark.parametrize("name", ["push", "pull_request"])
def test_a_push_and_a_fork_try_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub, name: str) -> None:
    fill(repository)
    payload = pull_request(fork=True) if name == "pull_request" else {}
    summary, _ = event(repository, monkeypatch, name, payload, GITHUB_REF="refs/heads/change")
    report(repository)
    assert not [call for call in hub.journal if "/git/" in call]
    assert "| dog → cat | 3 |" in summary.read_text()


def test_secrets_are_not_in_a_picture(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse")
    fill(repository, points(lambda text: f"{text} correct-horse"))
    report(repository)
    (picture,) = (repository / ".ci-kit/pictures").rglob("*.svg")
    assert b"residuals" in picture.read_bytes()
    assert b"correct-horse" not in picture.read_bytes()


def test_a_started_run_shows_them_in_the_pull_request_of_its_branch(
    repository: Path, monkeypatch: pytest.MonkeyPatch, hub: Hub
) -> None:
    fill(repository)
    event(repository, monkeypatch, "workflow_dispatch", {}, GITHUB_REF="refs/heads/change")
    made = hub.forge()
    made.opened = lambda branch, base: "https://github.com/octo/digits/pull/3"  # type: ignore[method-assign]
    monkeypatch.setattr(forge, "connect", lambda root, event, publisher="", env=None: made)
    assert statuses(report(repository)) == {"publish": "pass"}
    (comment,) = hub.comments.values()
    assert len(SHOWN.findall(comment["body"])) == 2


def test_what_is_not_drawn_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing to connect for")

    monkeypatch.setattr(forge, "connect", refuse)
    empty = points().model_copy(update={"series": (points().series[0].model_copy(update={"x": (), "y": ()}),)})
    one = view(result("evaluate", check("rows"), charts=(empty,)))
    job = Job(root=tmp_path, config=read(CONFIG.encode()))
    assert pictures.pictured(job, Event(), one) == (one, ())
    assert pictures.beside(replace(one, pictures={"a": "../pictures/x"})).pictures == {"a": "pictures/x"}
