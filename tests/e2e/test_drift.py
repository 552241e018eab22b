"""The drift check on real repositories: its history, its windows, what it leaves behind, and bad input."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from ci_kit.config import read
from ci_kit.drift.due import due
from ci_kit.drift.step import replay
from ci_kit.errors import UserError
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Result, load
from ci_kit.steps import step

pytestmark = pytest.mark.e2e

SECRET = "Ogdenville"
CONFIG: dict[str, Any] = {
    "data": {
        "train": {"path": "train.csv", "key": "id", "sensitive": "town"},
        "current": {"path": "log/*.jsonl", "key": "id", "sensitive": "town"},
    },
    "drift": {"window": {"column": "at", "every": "1d"}, "min-rows": 300},
}
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
YESTERDAY = (TODAY - timedelta(days=1)).timestamp()


class Service:
    """A repository whose served model writes a log: one file a day, `moved` from a day on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)
        (root / "log").mkdir()
        self.rows(0, 2000).drop("at").write_csv(root / "train.csv")
        self.configure(**CONFIG)
        self.git("init", "-q", "-b", "main")
        self.git("add", "ci-kit.yaml", "train.csv")
        self.git("commit", "-q", "-m", "start")

    def configure(self, **config: Any) -> None:
        (self.root / "ci-kit.yaml").write_text(yaml.safe_dump(config))

    def drift(self, **changed: Any) -> None:
        self.configure(**(CONFIG | {"drift": CONFIG["drift"] | changed}))

    def rows(self, seed: int, rows: int = 500, *, shift: float = 0.0) -> pl.DataFrame:
        random = np.random.default_rng(seed)
        return pl.DataFrame(
            {
                "id": np.arange(rows) + 10_000 * seed,
                "at": np.zeros(rows),
                "x": random.normal(shift, 1, rows).round(6),
                "kind": random.choice(["a", "b", "c"], rows),
                "town": random.choice(["Springfield", "Shelbyville"] if not shift else ["Springfield", SECRET], rows),
            }
        )

    def day(self, ago: int, *, shift: float = 0.0, rows: int = 500) -> None:
        """Write the log of the day that was so many days ago."""
        at = (TODAY - timedelta(days=ago)).timestamp() + np.linspace(0, 86_399, rows)
        self.rows(ago + 1, rows, shift=shift).with_columns(at=at).write_ndjson(self.root / f"log/{100 - ago}.jsonl")

    def judge(self, **more: Any) -> "list[Result]":
        """Judge what is due and record it, as drift and retrain do it together; return what was recorded."""
        job = Job(root=self.root, config=read((self.root / "ci-kit.yaml").read_bytes()), say=lambda _: None, **more)
        results = [one.result(job) for one in due(job).windows]
        LocalForge(self.root).record(watched.entries(results, job.config.drift.monitor, ""), "Record")
        return results

    def notes(self) -> dict[str, Check]:
        job = Job(root=self.root, config=read((self.root / "ci-kit.yaml").read_bytes()), say=lambda _: None)
        return {check.id: check for check in due(job).notes}

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        done = subprocess.run(["git", *who, *arguments], cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path / "repo")


def name(ago: int) -> str:
    return f"{TODAY - timedelta(days=ago):%Y%m%d}t000000z-1d"


def status(result: Result, check: str) -> str | None:
    return next((one.status for one in result.checks if one.id == check), None)


def test_a_window_where_nothing_moved_is_told_without_a_drawing(service: Service) -> None:
    service.day(1)
    with (service.root / "log/99.jsonl").open("a") as log:
        log.write(json.dumps({"id": 1, "at": YESTERDAY, "kind": "a", "town": "Springfield", "more": 1}) + "\n")
    result = step("drift", service.root)
    assert (result.metrics["moved"].value, status(result, "evidently")) == (0, "skip")
    assert [file.role for file in result.files] == ["report"]


def test_the_step_tells_the_newest_window_and_leaves_what_others_need(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    service.day(3)
    service.day(2, shift=1)
    service.day(1, shift=1)
    stale = service.root / ".ci-kit/windows/20200101t000000z-1d.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    result = step("drift", service.root)
    assert result == load(service.root / ".ci-kit/drift.json")
    checks = {check.id: check for check in result.checks}
    assert {name: checks[name].status for name in ("window", "rows", "data/x", "data/kind", "data/town")} == {
        "window": "pass",
        "rows": "pass",
        "data/x": "fail",
        "data/kind": "pass",
        "data/town": "fail",
    }
    assert checks["window"].observed == name(1)
    assert checks["data/x"].detail == f"in 2 of the last 2 windows, since {TODAY - timedelta(days=2):%Y-%m-%d}"
    assert {"x", "town"} >= {chart.title for chart in result.charts} == {"x"}
    assert result.metrics["window_start"].value == (TODAY - timedelta(days=1)).timestamp()
    assert [file.role for file in result.files] == ["evidently", "evidently", "report"]
    assert all((service.root / file.path).stat().st_size == file.bytes for file in result.files)
    windows = sorted((service.root / ".ci-kit/windows").iterdir())
    assert [path.stem for path in windows] == [name(2), name(1)]
    kept = load(windows[-1])
    assert (kept.name, kept.status, kept.charts, kept.files) == (name(1), "fail", (), ())
    assert kept.source == result.source
    assert (kept.run.started, kept.run.kit) == (result.run.started, result.run.kit)
    assert "x moved" in (tmp_path / "summary.md").read_text() + capsys.readouterr().out
    for path in [*(service.root / ".ci-kit").rglob("*.*"), tmp_path / "summary.md"]:
        assert SECRET not in path.read_text(), path
    assert service.git("status", "--porcelain") == "?? log/"


def counted(service: Service, *shifts: float, start: int = 0) -> list[Result]:
    """Add windows of 500 rows, one with each shift, and judge what is due then."""
    service.drift(window={"rows": 500})
    for place, shift in enumerate(shifts):
        service.day(100 - start - place, shift=shift)
    return service.judge()


def moves(results: list[Result]) -> list[tuple[str, str | None]]:
    return [(str(int(str(one.name).partition("-")[0])), status(one, "data/x")) for one in results]


def test_a_column_alarms_when_it_moved_in_two_windows_of_the_history(service: Service) -> None:
    assert moves(counted(service, 0)) == [("0", None)]
    [second] = counted(service, 1, start=1)
    assert status(second, "data/x") == "warn"
    [third] = counted(service, 1, start=2)
    assert (status(third, "data/x"), third.status) == ("fail", "fail")
    assert next(one.detail for one in third.checks if one.id == "data/x") == "in 2 of the last 2 windows, since row 501"
    [fourth] = counted(service, 0, start=3)
    assert status(fourth, "data/x") is None
    git = Git(service.root)
    assert [one.name for one in watched.past(git, "drift", "default")] == [
        f"{start:012d}-500" for start in (0, 500, 1000, 1500)
    ]


def test_a_window_that_was_judged_is_judged_again_and_says_the_same(service: Service) -> None:
    counted(service, 0, 1)
    [first] = counted(service, 1, start=2)
    [again] = counted(service)
    assert (again.name, again.checks, again.metrics) == (first.name, first.checks, first.metrics)
    assert len(watched.past(Git(service.root), "drift", "default")) == 3


def test_windows_that_no_run_judged_are_caught_up_in_order(service: Service) -> None:
    counted(service, 0)
    service.day(99, shift=1)
    service.day(98, shift=1)
    service.day(97)
    missed = service.notes()["missed"]
    assert (missed.status, missed.observed) == ("warn", "2 windows caught up")
    assert moves(counted(service)) == [("500", "warn"), ("1000", "fail"), ("1500", None)]
    assert "missed" not in service.notes()


def test_a_first_run_judges_as_many_windows_as_an_alarm_looks_at_and_says_that_it_sees_no_more(
    service: Service,
) -> None:
    for ago, shift in ((100, 0), (99, 1), (98, 1)):
        service.day(ago, shift=shift)
    service.drift(window={"rows": 500})
    assert (service.notes()["history"].status, service.notes()["history"].title) == (
        "pass",
        "No window was judged before",
    )
    results = service.judge()
    assert [status(one, "data/x") for one in results] == ["warn", "fail"]
    assert "history" not in service.notes()
    assert "missed" not in service.notes()


def test_a_history_that_may_be_there_and_can_not_be_seen_is_worth_a_warning(service: Service) -> None:
    service.day(1)
    remote = service.root.parent / "remote.git"
    service.git("init", "-q", "--bare", str(remote))
    service.git("remote", "add", "origin", str(remote))
    assert service.notes()["history"].status == "pass"
    remote.rename(remote.with_name("away"))
    assert service.notes()["history"].status == "warn"
    service.git("remote", "remove", "origin")
    service.git("commit", "-q", "--allow-empty", "-m", "more")
    head = service.git("rev-parse", "HEAD")
    (service.root / ".git/shallow").write_text(f"{head}\n")
    assert service.notes()["history"].status == "warn"


def test_what_moved_away_from_another_reference_is_no_evidence(service: Service) -> None:
    """After a retraining the windows before it stop counting: the reference has another fingerprint."""
    counted(service, 0, 1)
    service.rows(77, 2000, shift=0.9).drop("at").write_csv(service.root / "train.csv")
    assert counted(service) == []
    [other] = counted(service, 0, start=2)
    assert status(other, "data/x") == "warn"


def test_a_window_is_not_judged_again_by_another_reference(service: Service) -> None:
    """It was made for just this window, which says nothing of it: no pull request is to open or to close for that."""
    counted(service, 0, 1)
    service.rows(77, 2000, shift=-2).drop("at").write_csv(service.root / "train.csv")
    result = step("drift", service.root)
    assert [(check.id, check.status) for check in result.checks] == [("window", "skip")]
    assert result.checks[0].title == "The newest window was judged before the reference changed"
    assert result.checks[0].observed == "000000000500-500"
    assert (result.status, result.metrics, result.charts) == ("skip", {}, ())
    assert [file.role for file in result.files] == ["report"]
    assert not list((service.root / ".ci-kit/windows").glob("*"))
    service.day(98, shift=1)
    assert status(step("drift", service.root), "data/x") == "warn"


def test_other_monitors_and_windows_of_another_length_have_a_history_of_their_own(service: Service) -> None:
    counted(service, 0, 1)
    service.drift(window={"rows": 500}, monitor="other")
    assert "history" not in service.notes()
    assert [status(one, "data/x") for one in service.judge()] == [None, "warn"]
    service.drift(window={"rows": 1000}, alarm={"windows": 2, "of": 2})
    assert [(one.name, status(one, "data/x")) for one in service.judge()] == [("000000000000-1000", "warn")]


def test_a_window_with_too_few_rows_is_inconclusive_and_alarms_nothing(service: Service) -> None:
    service.drift(window={"rows": 500}, **{"min-rows": 501})
    service.day(100, shift=5)
    [only] = service.judge()
    assert only.status == "unsure"
    assert not any(check.id.startswith("data/") for check in only.checks)
    observed = next(check for check in only.checks if check.id == "rows")
    assert (observed.observed, observed.limit) == ("500 rows in the window", "501")


def test_a_day_without_rows_is_inconclusive_and_recorded(service: Service) -> None:
    service.day(2)
    result = step("drift", service.root)
    assert (result.status, status(result, "rows"), status(result, "data/x")) == ("unsure", "unsure", None)
    service.judge()
    git = Git(service.root)
    newest = watched.past(git, "drift", "default")[-1]
    assert (newest.name, newest.status, newest.metrics["rows"].value) == (name(1), "unsure", 0)


def test_torn_lines_and_rows_without_a_time_are_counted(service: Service) -> None:
    service.day(1)
    with (service.root / "log/99.jsonl").open("a") as log:
        log.write('{"id": 1, "at": null, "x": 0.5, "kind": "a", "town": "Springfield"}\n{"id": 2, "at')
    notes = service.notes()
    assert (notes["torn"].status, notes["torn"].observed) == ("warn", "1")
    assert notes["torn"].detail == "log/99.jsonl:502"
    assert (notes["times"].status, notes["times"].observed) == ("warn", "1 row")


def test_a_torn_line_is_told_in_its_time_and_no_longer(service: Service) -> None:
    service.day(2)
    with (service.root / "log/98.jsonl").open("a") as log:
        log.write('{"id": 2, "at')
    service.day(1)
    service.drift(alarm={"windows": 1, "of": 1})
    assert "torn" not in service.notes()
    lines = (service.root / "log/99.jsonl").read_text().splitlines()
    (service.root / "log/99.jsonl").write_text("\n".join([*lines[:9], *["{"] * 4, *lines[9:]]))
    assert service.notes()["torn"].detail == "log/99.jsonl:10, log/99.jsonl:11, log/99.jsonl:12 and 1 more"
    service.drift(window={"rows": 400}, alarm={"windows": 1, "of": 1})
    assert service.notes()["torn"].observed == "5"
    service.drift(window={"rows": 200}, alarm={"windows": 1, "of": 1})
    assert "torn" not in service.notes()


def test_rows_that_lie_in_the_future_are_counted(service: Service) -> None:
    service.day(1)
    ahead = pl.lit((TODAY + timedelta(days=2)).timestamp())
    service.rows(7, 24).with_columns(at=ahead).write_ndjson(service.root / "log/ahead.jsonl")
    assert (service.notes()["future"].status, service.notes()["future"].observed) == ("warn", "24 rows")


def test_all_of_the_data_is_one_window_where_none_is_configured(service: Service) -> None:
    service.drift(window=None)
    service.day(2, shift=1)
    [first] = service.judge()
    assert str(first.name).startswith("all-")
    service.day(1, shift=1)
    [second] = service.judge()
    assert second.name != first.name
    assert (status(first, "data/x"), status(second, "data/x")) == ("warn", "fail")


def _profile(root: Path) -> None:
    folder = root / "profile"
    folder.mkdir()
    (folder / "profile.json").write_text("{")


@pytest.mark.parametrize(
    ("config", "prepare", "said"),
    [
        ({"data": {}}, None, r"no reference data set 'train' \(`data` has none\)\. Set `drift.reference`"),
        ({"drift": {"current": "answers"}}, None, r"no current data set 'answers'.* Set `drift.current`"),
        ({"drift": {"current": "curent"}}, None, r"no current data set 'curent'.* Did you mean 'current'\?"),
        ({"drift": {"labels": "trian"}}, None, r"no labels data set 'trian'.* Did you mean 'train'\?"),
        ({"drift": {"profile": "profile"}}, None, "no reference at profile.*ci-kit drift --build-reference"),
        ({"drift": {"profile": "profile"}}, _profile, "profile.*--build-reference"),
        ({"drift": {"columns": "speed"}}, None, "data.train has no column 'speed'.*drift.columns"),
        ({"drift": {"prediction": "answer"}}, None, "the current data has no column 'answer'.*drift.prediction"),
        (
            {"drift": {"prediction": "kind"}},
            lambda root: _log(root, at=YESTERDAY, x=1.0),
            "no column 'kind'.*drift.prediction",
        ),
        ({}, lambda root: _log(root, at=YESTERDAY, y=1), "another schema"),
        ({}, lambda root: _log(root, at=YESTERDAY - 2 * 86_400, x=1.0), "no rows between .* and "),
        ({}, lambda root: _log(root, x=1.0), "no column 'at' in data.current.*drift.window.column"),
        ({}, lambda root: _log(root, at="noon", x=1.0), "no times in the column 'at'.*ISO 8601"),
        ({}, lambda root: (root / "log/99.jsonl").write_text("a,b\n1,2\n" * 9), "can't be read.*format"),
        ({}, lambda root: (root / "log/99.jsonl").write_text(""), "99.jsonl is empty"),
        ({}, lambda root: (root / "log/99.jsonl").unlink(), r"no file matches log/\*.jsonl"),
        ({}, lambda root: _away(root), "no data at train.csv.*DVC tracks it and can't bring it.*dvc pull train.csv"),
    ],
)
def test_bad_input_is_one_clear_line(
    service: Service, config: dict[str, Any], prepare: Callable[[Path], object] | None, said: str
) -> None:
    service.day(1)
    service.configure(**(CONFIG | {key: CONFIG[key] | value if value else value for key, value in config.items()}))
    if prepare:
        prepare(service.root)
    with pytest.raises(UserError, match=said) as caught:
        step("drift", service.root)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    error = load(service.root / ".ci-kit/drift.json").checks
    assert [(check.id, check.status) for check in error] == [("error", "fail")]
    assert not list((service.root / ".ci-kit").glob("windows/*"))


def test_after_a_mistake_in_the_configuration_no_window_of_an_earlier_run_is_left(service: Service) -> None:
    service.day(1)
    step("drift", service.root)
    assert len(list((service.root / ".ci-kit/windows").iterdir())) == 1
    step(
        "drift", service.root, entry="build_reference", label="drift-build-reference", overrides={"drift.profile": "p"}
    )
    assert len(list((service.root / ".ci-kit/windows").iterdir())) == 1
    service.configure(**CONFIG, more={})
    with pytest.raises(UserError, match="unknown key 'more'"):
        step("drift", service.root)
    assert not list((service.root / ".ci-kit/windows").iterdir())


def _log(root: Path, **row: Any) -> None:
    (root / "log/99.jsonl").write_text(f"{json.dumps(row)}\n" * 400)


def _away(root: Path) -> None:
    dvc = [sys.executable, "-P", "-m", "dvc"]
    (root / "train.csv").rename(root.parent / "train.csv")
    outs = {"outs": [{"path": "train.csv", "md5": "0" * 32, "hash": "md5", "size": 9}]}
    (root / "train.csv.dvc").write_text(json.dumps(outs))
    for command in (["init", "-q", "-f"], ["remote", "add", "-q", "-d", "away", "/nowhere/at/all"]):
        subprocess.run([*dvc, *command], cwd=root, check=True, capture_output=True)


def test_the_digits_by_the_order_of_their_writers_would_have_alarmed_at_the_later_ones(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits  # takes a second

    digits = load_digits()
    frame = pl.DataFrame(digits.data.astype("int64"), schema=[f"p{pixel:02d}" for pixel in range(64)])
    frame.head(600).write_csv(tmp_path / "first.csv")
    frame.tail(-600).write_csv(tmp_path / "later.csv")
    config = {
        "data": {"train": {"path": "first.csv"}, "current": {"path": "later.csv"}},
        "drift": {"window": {"rows": 150}, "min-rows": 100},
    }
    said: list[str] = []
    found = replay(Job(root=tmp_path, config=read(yaml.safe_dump(config).encode()), say=said.append))
    words = [line.split("rows")[2].split()[0] for line in said]
    assert words == ["quiet", "quiet", "moved", "ALARM", "ALARM", "ALARM", "quiet"]
    assert found.checks[0].title == "The first alarm would have come after rows 451 to 600"
    assert found.metrics["alarms"].value == 3
    assert found.charts[0].series[0].x == tuple(range(1, 8))
    assert not (tmp_path / ".ci-kit").exists()
