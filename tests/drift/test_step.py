"""A window, judged: what the step says of it and keeps of it, and what a replay would have said."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ci_kit.config import Config, read
from ci_kit.drift import step
from ci_kit.drift.judge import Judge, Judged, keys, sensitive
from ci_kit.drift.replay import table
from ci_kit.drift.window import Cut
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.result import Result, parse
from tests.drift.sides import letters, normal, side

FRAME = {"id": range(1000), "x": normal(1), "kind": letters(2)}


def config(**drift: Any) -> Config:
    data = {"train": {"path": "train.csv", "key": "id"}, "current": {"path": "log.csv", "key": "id"}}
    return read(yaml.safe_dump({"data": data, "drift": drift}).encode())


def judged(
    root: Path,
    changed: dict[str, Any],
    reference: dict[str, Any] | None = None,
    *,
    past: Result | None = None,
    **drift: Any,
) -> Judged:
    job = Job(root=root, config=config(**drift), say=lambda _: None)
    base = side(**(reference or FRAME))
    frame = pl.DataFrame({name: column for name, column in (FRAME | changed).items() if column is not None}).lazy()
    cut = Cut(id="20261120t000000z-1d", start=1.0, end=2.0, words="2026-11-20", rows=0, frame=frame)
    performance = ([Check(id="performance", title="p", status="skip")], {"accuracy": Metric(value=0.9)})
    return Judge(job=job, reference=base, mark="sha256:1", performance=lambda _: performance).window(
        cut, [past] if past else []
    )


def statuses(one: Judged) -> dict[str, str]:
    return {check.id: check.status for check in one.findings.checks}


def test_a_quiet_window_says_what_was_looked_at(tmp_path: Path) -> None:
    one = judged(tmp_path, {"x": normal(3), "kind": letters(4)})
    fixed = dict.fromkeys(("window", "rows", "schema", "data/x", "data/kind"), "pass") | {"performance": "skip"}
    assert {name: status for name, status in statuses(one).items() if not name.startswith("range/")} == fixed
    window = one.findings.checks[0]
    assert (window.observed, window.detail) == ("20261120t000000z-1d", "2026-11-20, 1,000 rows")
    assert one.findings.data == {"reference": "sha256:0", "current": "sha256:1"}
    found = one.findings.metrics
    assert [found[name].value for name in ("rows", "window_start", "window_end", "moved", "accuracy")] == [
        1000,
        1,
        2,
        0,
        0.9,
    ]
    assert {"drift/x", "p/x", "mean/x", "mean/x@baseline", "drift/kind", "p/kind"} < found.keys()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"x": normal(3, shift=1)}, {"data/x": "warn"}),
        ({"x": [*normal(3, 999), None]}, {"nulls/x": "pass"}),
        ({"x": None}, {"schema/x": "fail"}),
        ({"x": letters(1)}, {"schema/x": "fail"}),
        ({"x": [None] * 1000}, {"schema/x": "fail"}),
        ({"x": [None] * 1000, "kind": [None] * 1000}, {"schema/x": "fail", "schema/kind": "fail"}),
        ({"more": normal(1)}, {"schema/more": "warn"}),
        ({"more": [None] * 999 + [1]}, {"schema/more": "warn"}),
        ({"more": [None] * 1000}, {"schema": "pass"}),
        ({"kind": [" 39", " 40"] * 500}, {"spaces/kind": "warn"}),
        ({"id": None}, {"schema": "pass"}),
    ],
    ids=[
        "moved",
        "a null",
        "gone",
        "other kind",
        "all null",
        "all of all",
        "new",
        "once",
        "elsewhere",
        "spaces",
        "no key",
    ],
)
def test_what_changed_is_told(tmp_path: Path, changed: dict[str, Any], expected: dict[str, str]) -> None:
    assert expected.items() <= statuses(judged(tmp_path, changed)).items()


def test_a_column_under_another_name_is_missing_in_the_very_window(tmp_path: Path) -> None:
    """The columns of a log are those of all its lines: where `kind` became `sort`, both are there in every window."""
    renamed = judged(tmp_path, {"kind": [None] * 1000, "sort": letters(3)})
    assert {"schema/kind": "fail", "schema/sort": "warn"}.items() <= statuses(renamed).items()
    assert not {"data/kind", "nulls/kind", "schema"} & statuses(renamed).keys()
    before = judged(tmp_path, {"kind": letters(3), "sort": [None] * 1000})
    assert "schema/sort" not in statuses(before)
    assert statuses(before)["schema"] == "pass"


def test_the_truth_that_only_the_reference_has_is_not_missing(tmp_path: Path) -> None:
    reference = FRAME | {"y": normal(7), "target": letters(7)}
    assert "schema/target" not in statuses(judged(tmp_path, {}, reference))
    assert statuses(judged(tmp_path, {}, reference))["schema/y"] == "fail"
    both = judged(tmp_path, {"y": normal(8), "target": letters(8)}, reference, target="y")
    assert {name for name in statuses(both) if name.endswith(("/y", "/target"))} == {"data/target"}


def test_a_prediction_that_the_reference_lacks_is_skipped_and_said(tmp_path: Path) -> None:
    one = judged(tmp_path, {"answer": normal(5)}, prediction="answer")
    assert statuses(one)["prediction/answer"] == "skip"
    assert "schema/answer" not in statuses(one)


def test_a_prediction_that_an_earlier_reference_had_is_worth_a_warning(tmp_path: Path) -> None:
    had = judged(tmp_path, {"answer": normal(5)}, FRAME | {"answer": normal(6)}, prediction="answer")
    past = had.result(Job(root=tmp_path, config=config()))
    one = judged(tmp_path, {"answer": normal(5)}, past=past, prediction="answer")
    assert statuses(one)["schema/answer"] == "warn"
    assert "prediction/answer" not in statuses(one), "it would pass for a movement"


@pytest.mark.parametrize(
    ("changed", "settings", "said"),
    [
        ({"x": None, "kind": None, "y": normal(1)}, {}, "reference has another schema.*--build-reference"),
        ({"kind": None}, {"prediction": "kind"}, "current data has no column 'kind'.*drift.prediction"),
        ({}, {"prediction": "answer"}, "current data has no column 'answer'.*drift.prediction"),
        ({}, {"columns": "y"}, "reference has no column 'y'.*drift.columns"),
    ],
)
def test_what_can_not_be_compared_is_one_clear_line(
    tmp_path: Path, changed: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        judged(tmp_path, changed, **settings)


@pytest.mark.parametrize(("rows", "observed"), [(0, "0 rows in the window"), (999, "999 rows in the window")])
def test_too_few_rows_are_inconclusive_and_a_missing_column_fails_all_the_same(
    tmp_path: Path, rows: int, observed: str
) -> None:
    few = {"id": range(rows), "x": pl.Series(normal(3, rows, shift=9), dtype=pl.Float64), "kind": None}
    one = judged(tmp_path, few)
    assert statuses(one) == {
        "window": "pass",
        "rows": "unsure",
        "schema/kind": "fail",
        "performance": "skip",
    }
    assert one.findings.checks[1].observed == observed


def test_the_history_keeps_effects_and_what_did_not_pass(tmp_path: Path) -> None:
    one = judged(tmp_path, {"x": normal(3, shift=1)})
    kept = one.result(Job(root=tmp_path, config=config()))
    assert [check.id for check in kept.checks] == ["window", "rows", "schema", "data/x", "performance"]
    assert {"drift/x", "drift/kind", "moved", "rows", "window_start", "accuracy"} <= kept.metrics.keys()
    assert not any(name.startswith(("p/", "mean/")) for name in kept.metrics)
    assert parse(kept.model_dump_json().encode(), "kept") == kept


def test_secrets_are_blanked_in_what_the_history_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", "correct horse battery")
    one = judged(tmp_path, {"kind": ["correct horse battery"] * 1000})
    text = one.result(Job(root=tmp_path, config=config())).model_dump_json()
    assert "'***'" in text
    assert "correct horse" not in text


def test_of_very_many_columns_what_passed_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.drift.judge.FOLD", 10)
    wide = {f"x{number}": normal(number) for number in range(20)}
    changed = {"x": None, "kind": None, "id": None} | wide | {"x0": None, "x9": normal(9, shift=1)}
    one = judged(tmp_path, changed, wide)
    assert statuses(one) == {
        "window": "pass",
        "rows": "pass",
        "schema/x0": "fail",
        "data/x9": "warn",
        "performance": "skip",
        "passed": "pass",
    }
    assert one.findings.checks[-1].title == "19 more checks of columns passed"


def test_keys_and_sensitive_columns_are_those_of_all_sides() -> None:
    document = {
        "data": {
            "train": {"path": "a.csv", "key": "id", "sensitive": "name"},
            "current": {"path": "b.csv", "sensitive": ["pay", "name"]},
            "truth": {"path": "c.csv", "sensitive": "answer"},
        },
        "drift": {"labels": "truth"},
    }
    found = Config.model_validate(document)
    assert keys(found) == ("id",)
    assert sensitive(found) == {"name", "pay", "answer"}


def test_a_replay_says_of_every_window_what_it_would_have_said_in_its_time(tmp_path: Path) -> None:
    pl.DataFrame({"x": normal(0, 1000)}).write_csv(tmp_path / "train.csv")
    shifts = (0.0, 1.0, 0.0, 1.0, 1.0, 0.0)
    log = [value for place, shift in enumerate(shifts) for value in normal(place + 1, 400, shift)]
    pl.DataFrame({"x": [*log, *normal(9, 399)]}).write_csv(tmp_path / "log.csv")
    said: list[str] = []
    job = Job(root=tmp_path, config=config(**{"window": {"rows": 400}, "min-rows": 400}), say=said.append)
    found = step.replay(job)
    words = ["quiet", "moved", "quiet", "moved", "ALARM", "quiet"]
    assert [line.split("rows")[2].split()[0] for line in said] == words
    assert "ALARM  x (KS 0." in said[4]
    windows = [check for check in found.checks if check.id.startswith("window/")]
    assert [check.status for check in windows] == ["pass"] * 4 + ["warn", "pass"]
    first = found.checks[0]
    assert (first.status, first.title) == ("warn", "The first alarm would have come after rows 1,601 to 2,000")
    assert (first.observed, str(first.detail).startswith("x moved: KS 0.")) == (None, True)
    assert found.metrics["alarms"].value == 1
    [chart] = found.charts
    assert chart.series[0].name == "x"
    assert [effect > 0.2 for effect in chart.series[0].y] == [shift > 0 for shift in shifts]
    assert not (tmp_path / ".ci-kit").exists()


def test_a_replay_says_first_that_performance_fell(tmp_path: Path) -> None:
    one = judged(tmp_path, {"x": None})
    fell = Check(id="performance", title="Performance fell", status="fail", observed="0.9 → 0.8")
    worse = replace(one, findings=replace(one.findings, checks=(*one.findings.checks, fell)))
    [line] = table([worse])
    assert line.endswith("ALARM  Performance fell (0.9 → 0.8), x is missing")


def test_a_replay_of_quiet_and_of_few_rows_alarms_nothing(tmp_path: Path) -> None:
    """A new value is worth a warning to `drift`, but it is no movement."""
    pl.DataFrame({"x": normal(0), "kind": ["a"] * 1000}).write_csv(tmp_path / "train.csv")
    pl.DataFrame({"x": normal(1), "kind": ["a"] * 990 + ["b"] * 10}).write_csv(tmp_path / "log.csv")
    said: list[str] = []
    quiet = step.replay(Job(root=tmp_path, config=config(window={"rows": 1000}), say=said.append))
    assert [check.status for check in quiet.checks] == ["pass", "pass"]
    assert [line.split()[-1] for line in said] == ["quiet"]
    assert quiet.charts == ()
    few = step.replay(Job(root=tmp_path, config=config(window={"rows": 500}), say=said.append))
    assert [check.status for check in few.checks] == ["pass", "skip", "skip"]
