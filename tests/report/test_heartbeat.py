import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ci_kit import forge
from ci_kit.actions import Event
from ci_kit.config import read
from ci_kit.forge import watched
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.report.heartbeat import heartbeat
from ci_kit.report.step import run
from ci_kit.result import Result
from tests.render.drifting import drifted, quiet
from tests.render.samples import passing

pytestmark = pytest.mark.e2e

DATA = "data: {train: {path: a.csv}, current: {path: b.csv}}\n"
DAILY = DATA + "drift: {window: {column: time, every: 1d}}"
NOW = datetime(2025, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GITHUB_ACTIONS", "GITHUB_EVENT_NAME", "GITHUB_TOKEN", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".gitignore").write_text(".ci-kit\n")
    who = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*who, "commit", "-qm", "start")):
        subprocess.run(("git", *command), cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def checked(root: Path, result: Result, ago: timedelta, window: str = "20251120t000000z-1d", **more: str) -> None:
    run = result.run.model_copy(update={"started": (NOW - ago).isoformat(timespec="seconds")} | more)
    one = result.model_copy(update={"name": window, "run": run})
    forge.connect(root, Event(), "github").record(watched.entries([one], "default", ""), "Record")


def beat(root: Path, config: str = DAILY) -> Check:
    return heartbeat(Job(root=root, config=read(config.encode())), NOW)


def test_without_a_drift_check_there_is_nothing_to_hear(repository: Path) -> None:
    assert beat(repository, "data: {train: {path: a.csv}}").status == "skip"


def test_without_any_history_nothing_is_known(repository: Path) -> None:
    assert beat(repository).status == "skip"


def test_a_history_without_a_drift_check_is_a_warning(repository: Path) -> None:
    checked(repository, quiet(), timedelta(hours=1))
    assert beat(repository).status == "pass"
    other = beat(repository, DAILY.replace("drift: {", "drift: {monitor: other, "))
    assert (other.status, other.title) == ("warn", "No drift check has run yet")


@pytest.mark.parametrize(
    ("config", "ago", "status"),
    [
        (DAILY, timedelta(hours=47), "pass"),
        (DAILY, timedelta(hours=49), "warn"),
        (DAILY.replace("every: 1d}", "every: 1d}, every: 1w"), timedelta(days=13), "pass"),
        (DAILY.replace("every: 1d}", "every: 1d}, every: 1w"), timedelta(days=15), "warn"),
        # An hourly look at weekly windows records one entry a week.
        (DAILY.replace("every: 1d}", "every: 1w}, every: 1h"), timedelta(days=13), "pass"),
        (DATA + "drift: {window: {rows: 500}}", timedelta(days=900), "pass"),
    ],
)
def test_two_periods_without_a_check_are_a_warning(repository: Path, config: str, ago: timedelta, status: str) -> None:
    checked(repository, quiet(), ago)
    assert beat(repository, config).status == status


def test_it_says_when_the_last_check_ran_and_what_it_said(repository: Path) -> None:
    checked(repository, drifted(), timedelta(days=9), "20251111t000000z-1d")
    checked(repository, quiet(), timedelta(days=1), "20251110t000000z-1d")  # caught up later
    assert beat(repository).observed == "checked 20 November, quiet"


def test_a_time_that_can_not_be_read_is_none(repository: Path) -> None:
    checked(repository, quiet(), timedelta(), started="soon")
    assert beat(repository).title == "No drift check has run yet"


def test_the_report_shows_it(repository: Path) -> None:
    checked(repository, drifted(), timedelta(days=9))
    for one in passing("validate"):
        one.model_copy(update={"source": one.source.model_copy(update={"sha": None})}).save(repository)
    found = run(Job(root=repository, config=read(DAILY.encode())))
    assert [check.status for check in found.checks if check.id == "heartbeat"] == ["warn"]
    comment, page = ((repository / ".ci-kit" / name).read_text() for name in ("report.md", "report.html"))
    assert "⚠️ **drift:** The drift check has stopped: last checked 12 November" in comment
    assert "The drift check has stopped: last checked 12 November" in page
