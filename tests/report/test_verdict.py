"""The verdict beside the comment: what a check and a status say, and what becomes of them where the token may not."""

from pathlib import Path

import httpx
import pytest

from ci_kit import forge
from ci_kit.actions import Event
from ci_kit.config import read
from ci_kit.job import Job
from ci_kit.parts import Check, Location, Source, Status
from ci_kit.render.markdown import markdown
from ci_kit.render.view import View
from ci_kit.report.verdict import MOST, shown, verdict
from ci_kit.result import Result
from tests.forge.fake import Hub
from tests.render.samples import SHA, check, evaluated, passing, result

STEPS = ("validate", "train", "evaluate")


def view(*results: Result, expected: tuple[str, ...] = STEPS) -> View:
    return View(results={one.step: one for one in results}, expected=expected, title="digits")


@pytest.mark.parametrize(
    ("status", "outcome", "title"),
    [
        ("pass", "success", "the candidate is better than main"),
        ("unsure", "neutral", "can't tell whether the candidate is worse than main"),
        ("fail", "failure", "the candidate is worse than main"),
    ],
)
def test_the_check_is_as_strict_as_the_exit_code(status: Status, outcome: str, title: str) -> None:
    said = verdict(view(*passing("validate", "train"), evaluated(status)), "## report")
    assert (said.outcome, said.title, said.text) == (outcome, title, "## report")


def test_a_warning_is_a_success_with_an_annotation() -> None:
    said = verdict(view(*passing("validate", "train"), evaluated("pass", check("slow", "warn"))), "x")
    assert (said.outcome, [note.level for note in said.notes]) == ("success", ["warning"])


def test_a_job_that_left_nothing_is_a_failure() -> None:
    said = verdict(view(*passing("validate", "train")), "x")
    assert (said.outcome, said.title) == ("failure", "incomplete, no result of evaluate")
    assert verdict(view(), "x").outcome == "failure"


def test_a_budget_that_is_spent_is_a_failure_that_is_named() -> None:
    over = Check(id="budget/minutes", title="Time of this change is above its budget", status="fail")
    said = verdict(view(*passing(*STEPS)), "x", (over,))
    assert (said.outcome, said.title) == ("failure", "all checks pass; Time of this change is above its budget")


def test_findings_stand_at_their_lines_the_failures_first() -> None:
    found = [
        check("b", "warn"),
        check("a", "fail", observed="3 rows", detail="row 7"),
        check("c", "unsure"),
        check("d"),
    ]
    one = result("validate", *found)
    one = one.model_copy(update={"source": one.source.model_copy(update={"directory": "ml/bike"})})
    notes = verdict(view(one), "x").notes
    assert {note.path for note in notes} == {"ml/bike/tests/test_model.py"}
    assert [(note.level, note.title, note.text) for note in notes] == [
        ("failure", "validate: a", "3 rows\nrow 7"),
        ("warning", "validate: c", "c"),
        ("warning", "validate: b", "b"),
    ]


@pytest.mark.parametrize("file", ["/etc/passwd", "../x", "a/../../x"])
def test_a_place_outside_of_the_repository_is_none(file: str) -> None:
    outside = check("a", "fail").model_copy(update={"location": Location.model_construct(file=file, line=1)})
    assert verdict(view(result("validate", outside)), "x").notes == ()


def test_beyond_the_most_a_sentence_tells_of_the_rest() -> None:
    many = [check(f"row {number}", "warn") for number in range(MOST + 20)]
    one = view(result("validate", *many, check("bad", "fail")))
    said = verdict(one, markdown(one))
    assert (len(said.notes), said.notes[0].level) == (MOST, "failure")
    assert said.text.endswith("500 of 521 findings stand at their lines, the failures first.\n")
    assert len(said.text) <= 65_535


def test_no_secret_and_no_hidden_character_reaches_an_annotation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    (note,) = verdict(view(result("validate", check("a", "fail", detail="correct-horse-battery\u202e"))), "x").notes
    assert note.text == "***\\u202e"


PULL = Event(name="pull_request", repo="octo/demo", number=3, run_id=7, attempt=2, url="https://x/runs/7")


def show(hub: Hub, root: Path, event: Event, monkeypatch: pytest.MonkeyPatch, report: str = "") -> list[Check]:
    monkeypatch.setattr(forge, "connect", lambda *_: hub.forge(run=event.run_id))
    monkeypatch.setenv("GITHUB_OUTPUT", str(root / "output"))
    config = read(f"report: {{show: [check, status]{report}}}".encode())
    job = Job(root=root, config=config, source=Source(sha=SHA), say=lambda _: None)
    return shown(job, event, view(*passing(*STEPS)), "## report", ())


@pytest.mark.parametrize(("report", "name"), [("", "ci-kit: digits"), (", id: bike, title: x", "ci-kit: bike")])
def test_the_commit_has_a_check_and_a_status_of_one_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: str, name: str
) -> None:
    hub = Hub()
    checks = show(hub, tmp_path, PULL, monkeypatch, report)
    assert [(one.id, one.status) for one in checks] == [("publish/check", "pass"), ("publish/status", "pass")]
    (made,), (status,) = hub.checks.values(), hub.statuses
    assert (made["name"], made["head_sha"], made["external_id"]) == (name, SHA, "7.2")
    assert (status["context"], status["sha"], status["state"]) == (name, SHA, "success")
    assert made["html_url"] in (tmp_path / "output").read_text(), "without a comment this is where the report is"


@pytest.mark.parametrize(("actor", "status"), [("octocat", "warn"), ("dependabot[bot]", "skip")])
def test_what_the_token_may_not_is_one_call_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, actor: str, status: str
) -> None:
    refuse = httpx.Response(403, json={"message": "Resource not accessible by integration"})
    hub = Hub(before=lambda method, path: refuse if "check-runs" in path or method == "POST" else None)
    event = Event(**{**PULL.__dict__, "actor": actor})
    checks = show(hub, tmp_path, event, monkeypatch)
    assert [one.status for one in checks] == [status, status]
    assert "Add `checks: write` to the job's permissions" in (checks[0].detail or "")
    assert "Add `statuses: write`" in (checks[1].detail or "")
    assert [call.split()[0] for call in hub.journal] == ["GET"], "the refused ones are not in the journal"


def test_a_service_that_stays_away_is_a_failure_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(before=lambda method, path: httpx.Response(502))
    checks = show(hub, tmp_path, PULL, monkeypatch)
    assert [one.status for one in checks] == ["fail", "fail"]
    assert all("The report is in the job summary" in (one.detail or "") for one in checks)
    assert all("\n" not in (one.detail or "") for one in checks)


@pytest.mark.parametrize(("event", "count"), [(Event(), 0), (Event(name="pull_request", number=3, fork=True), 2)])
def test_locally_and_for_a_fork_nothing_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: Event, count: int
) -> None:
    hub = Hub()
    assert [one.status for one in show(hub, tmp_path, event, monkeypatch)] == ["skip"] * count
    assert hub.journal == []
