"""What explains a verdict: slices, single rows, pictures, and what a model relies on."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from ci_kit.evaluate import explain as explaining
from ci_kit.evaluate import reliance, slices
from ci_kit.evaluate.evidence import Evidence
from ci_kit.evaluate.explain import Explained, explain
from ci_kit.evaluate.slices import cuts
from ci_kit.models.frames import column
from ci_kit.parts import Chart, Table
from ci_kit.result import Findings
from tests.evaluate.evidence import binary, evidence, table, text

ALL = ("Confusion matrix", "Calibration", "What the model relies on")


def told(one: Evidence) -> tuple[Explained, list[str]]:
    said: list[str] = []
    return explain(one, said.append), said


def titled(found: Explained, title: str) -> Any:
    parts: list[Table | Chart] = [*found.tables, *found.charts]
    return next(one for one in parts if one.title.startswith(title))


def cells(found: Table, head: str) -> list[str]:
    return [row[found.head.index(head)] for row in found.rows]


def there(frame: Any) -> Any:
    return column(frame, "town").astype(str) == "there"


def as_is(frame: pl.DataFrame) -> Any:
    return frame


def in_pandas(frame: pl.DataFrame) -> Any:
    return frame.to_pandas()


@pytest.mark.parametrize("library", [as_is, in_pandas])
def test_the_slice_that_is_harmed_comes_first_and_surely(library: Callable[[pl.DataFrame], Any]) -> None:
    found, said = told(evidence(library(table()), binary(3, there), binary(3)))
    harmed = titled(found, "Slices, the most harmed first")
    assert harmed.head == (
        "slice",
        "rows",
        "accuracy, baseline → now",
        "log loss, baseline → now",
        "change of log loss",
        "verdict",
    )
    assert harmed.rows[0][0] == "town=there"
    assert harmed.rows[0][-1] == "surely worse"
    assert {row[0]: row[-1] for row in harmed.rows}["town=here"] == "the same"
    assert set(cells(harmed, "slice")) == {f"group={n}" for n in range(3)} | {"town=here", "town=there"} | {
        "target=0",
        "target=1",
    }
    assert tuple(chart.title for chart in found.charts) == ALL
    assert (found.checks, said) == ((), [])


def test_equally_good_models_are_rarely_called_surely_worse_anywhere() -> None:
    """A hundred pairs of models, each off by noise of its own: 5 % may have a slice that is surely anything."""
    rng, alarms = np.random.default_rng(5), 0
    frame = table(300)
    for _ in range(100):
        noises = rng.normal(size=(2, 300)) * 0.7
        now, before = (lambda rows, noise=noise: binary(2)(rows.with_columns(x=rows["x"] + noise)) for noise in noises)
        one = evidence(frame, now, before)
        harmed = slices.table(one, cuts(one)[0])
        alarms += "surely" in " ".join(row[-1] for row in harmed.rows) if harmed else False
    assert alarms <= 5


def test_the_smallest_and_the_nearly_whole_slices_are_left_out_unless_asked_for() -> None:
    frame = table().with_columns(town=pl.Series(["there"] * 5 + ["here"] * 595))
    found, _ = told(evidence(frame, binary(3), binary(2)))
    rows = titled(found, "Slices")
    assert not any("town" in name for name in cells(rows, "slice"))
    assert "1 of fewer than 7 rows" in rows.note
    asked, _ = told(evidence(frame, binary(3), binary(2), slices=("town", "x", "gone")))
    assert set(cells(titled(asked, "Slices"), "slice")) >= {"town=here"}
    assert sum(name.startswith("x ") for name in cells(titled(asked, "Slices"), "slice")) == 4
    assert asked.checks[0].status == "skip"
    assert "rows has no column 'gone' to cut slices by" in (asked.checks[0].detail or "")


def test_many_slices_are_counted_where_they_are_not_shown() -> None:
    frame = table(2000).with_columns(**{f"c{n}": pl.int_range(2000, eager=True) % (n + 5) for n in range(5)})
    rows = titled(told(evidence(frame, binary(3), binary(2)))[0], "Slices")
    assert len(rows.rows) == 25
    assert rows.note.startswith("17 more slices are not shown.")


def test_without_a_baseline_the_worst_slice_comes_first() -> None:
    found, _ = told(evidence(table(), binary(3, there)))
    rows = titled(found, "Slices, the worst first")
    assert rows.head == ("slice", "rows", "accuracy", "log loss", "log loss, 95 % interval")
    assert rows.rows[0][0] == "town=there"
    assert [one.title for one in found.tables] == ["Slices, the worst first"]
    assert [one.name for one in titled(found, "What the model relies on").series] == ["this change"]


def test_where_no_row_changed_no_row_is_shown() -> None:
    found, _ = told(evidence(table(), binary(3), binary(3 + 1e-7)))
    assert [one.title for one in found.tables] == ["Slices, the worst first"]


def test_the_rows_that_changed_most_come_first_by_their_key() -> None:
    frame = table(40).with_columns(x=pl.Series(np.linspace(0.5, 4.4, 40)), target=pl.Series([1] * 39 + [0]))

    def first(frame: Any) -> Any:
        return np.asarray(frame["id"] == "row-30")

    found, _ = told(evidence(frame, binary(1, first), binary(1), key=("id",)))
    worse = titled(found, "Rows that got worse")
    assert worse.head == ("id", "truth", "baseline's answer", "answer now", "log loss, baseline → now")
    assert worse.rows == (("row-30", "1", "1 (97.1 %)", "0 (97.1 %)", "0.0298 → 3.53"),)
    assert not any(one.title == "Rows that got better" for one in found.tables)
    back, _ = told(evidence(frame, binary(1), binary(1, first), key=(), keep=False))
    assert titled(back, "Rows that got better").rows == (("31", "1", "1 (97.1 %)", "3.53 → 0.0298"),)


def test_a_key_may_be_called_as_another_column_of_the_table() -> None:
    frame = table().rename({"id": "truth"})
    worse = titled(told(evidence(frame, binary(3, there), binary(3), key=("truth",)))[0], "Rows that got worse")
    assert worse.head[:2] == ("truth", "truth")
    assert worse.rows[0][0].startswith("row-")


def test_many_changed_rows_are_counted() -> None:
    worse = titled(told(evidence(table(), binary(3, there), binary(3)))[0], "Rows that got worse")
    assert len(worse.rows) == 8
    assert "The 8 that changed most of" in worse.note


def test_texts_of_the_data_are_bounded() -> None:
    frame = table(60).with_columns(id=pl.lit("k" * 5000), target=pl.Series(["t" * 900, "u"] * 30))
    found, _ = told(evidence(frame, binary(3), binary(2)))
    assert max(len(cell) for one in found.tables for row in one.rows for cell in row) <= 500
    assert len(titled(found, "Rows that got worse").rows[0][0]) == 60


NAMES = ("alpha-secret", "omega-secret")


def secrets(frame: pl.DataFrame, name: str) -> tuple[pl.DataFrame, list[str]]:
    """Return the table with values in this column that are found again, and those."""
    rows = len(frame)
    if name == "x":
        values = np.round(frame["x"].to_numpy(), 5) * 1e7 + 7777777
        return frame.with_columns(x=values), [f"{one:.0f}"[:7] for one in values]
    texts = [f"id-secret-{n}" for n in range(rows)] if name == "id" else [NAMES[n % 2] for n in range(rows)]
    if name == "target":
        texts = [NAMES[one] for one in frame["target"].to_list()]
    return frame.with_columns(pl.Series(name, texts)), sorted(set(texts))


@pytest.mark.parametrize("name", ["id", "town", "target", "x"])
@pytest.mark.parametrize("asked", [False, True])
def test_values_of_a_sensitive_column_show_nowhere(name: str, asked: bool) -> None:
    frame, values = secrets(table(), name)

    def scaled(weight: float) -> Any:
        def answer(rows: Any) -> Any:
            x = rows["x"].to_numpy()
            return binary(weight)(rows.with_columns(x=(x - 7777777) / 1e7 if name == "x" else x))

        return answer

    one = evidence(frame, scaled(3), scaled(2), hidden=(name,), slices=(name, "group") if asked else ())
    found, said = told(one)
    written = text(Findings(checks=found.checks, charts=found.charts, tables=found.tables)) + str(said)
    assert not [value for value in values if value in written]
    assert titled(found, "Slices").rows
    assert titled(found, "Rows that got worse").head[0] == ("row" if name == "id" else "id")
    assert ("Confusion matrix" in written) == (name != "target")
    assert ("truth" in titled(found, "Rows that got worse").head) == (name != "target")
    if not asked:
        assert not any(name in one for one in cells(titled(found, "Slices"), "slice"))
    elif name != "id":
        assert f"{name}, group 1" in cells(titled(found, "Slices"), "slice")


def test_a_sensitive_number_shows_in_no_residual() -> None:
    frame = table().with_columns(target=pl.col("x") * 1e6 + 123456789)
    one = evidence(frame, lambda rows: rows["x"] * 1e6 + 123456700, task="regression", hidden=("target",))
    found, said = told(one)
    written = text(Findings(checks=found.checks, charts=found.charts, tables=found.tables))
    assert "12345" not in written
    assert said == ["evaluate: left out: residuals: target is sensitive"]


def test_the_confusion_matrix_counts_what_was_answered_where_what_was_true() -> None:
    true, given = ["b", "a", "c", "a", "a"] * 8, [0, 0, 1, 1, 0] * 8
    frame = table(40).with_columns(target=pl.Series(true), x=pl.Series(given))
    found, _ = told(evidence(frame, lambda rows: np.eye(3)[rows["x"].to_numpy()]))
    chart = titled(found, "Confusion matrix")
    assert (chart.kind, chart.x, chart.y) == ("matrix", "answered", "true")
    assert {one.name: dict(zip(one.x, one.y, strict=True)) for one in chart.series} == {
        "a": {"a": 16, "b": 8, "c": 0},
        "b": {"a": 8, "b": 0, "c": 0},
        "c": {"a": 0, "b": 8, "c": 0},
    }


def test_labels_stand_in_the_order_of_numbers() -> None:
    frame = table(60).with_columns(target=pl.int_range(60, eager=True) % 12)
    chart = titled(told(evidence(frame, lambda rows: np.eye(12)[np.arange(len(rows)) % 12]))[0], "Confusion matrix")
    assert chart.series[0].x == tuple(map(str, range(12)))


def test_a_model_that_says_what_is_true_lies_on_the_diagonal() -> None:
    rows = 4000
    p = np.tile([0.1, 0.3, 0.7, 0.9], rows // 4)
    true = (np.random.default_rng(0).random(rows) < p).astype(int)
    frame = table(rows).with_columns(x=p, target=pl.Series(true))

    def says(bend: float) -> Any:
        return lambda rows: np.column_stack([1 - rows["x"].to_numpy() ** bend, rows["x"].to_numpy() ** bend])

    chart = titled(told(evidence(frame, says(1), says(3)))[0], "Calibration")
    series = {one.name: one for one in chart.series}
    assert list(series) == ["this change", "baseline", "perfect"]
    assert series["this change"].x == pytest.approx((0.1, 0.3, 0.7, 0.9))
    assert series["this change"].y == pytest.approx((0.1, 0.3, 0.7, 0.9), abs=0.05)
    assert series["baseline"].x == pytest.approx((0.001, 0.027, 0.343, 0.729))
    assert series["perfect"].x == series["perfect"].y == pytest.approx((0.1, 0.9))
    assert chart.x == "probability of 1"


def test_of_many_labels_the_confidence_of_the_answer_is_held_against_the_truth() -> None:
    sure = np.where(np.arange(400) < 200, 0.5, 0.8)
    frame = table(400).with_columns(x=sure, target=pl.Series((np.arange(400) % 200 >= 100).astype(int) * 2))
    found, _ = told(evidence(frame, lambda rows: np.column_stack([rows["x"], *[(1 - rows["x"].to_numpy()) / 2] * 2])))
    chart = titled(found, "Calibration")
    assert chart.x == "probability of the answer"
    assert (chart.series[0].x, chart.series[0].y) == (pytest.approx((0.5, 0.8)), pytest.approx((0.5, 0.5)))


def regression(weight: float, spoil: Callable[[Any], Any] | None = None) -> Any:
    def answer(rows: Any) -> Any:
        return column(rows, "x") * weight + (0 if spoil is None else 3.0 * spoil(rows))

    return answer


def test_a_regression_has_residuals_and_the_error_of_each_slice() -> None:
    frame = table().with_columns(target=pl.col("x") * 2)
    found, said = told(evidence(frame, regression(2, there), regression(1.9), task="regression"))
    harmed = titled(found, "Slices, the most harmed first")
    assert harmed.head == (
        "slice", "rows", "mean absolute error, baseline → now", "change of absolute error", "verdict"
    )  # fmt: skip
    assert (harmed.rows[0][0], harmed.rows[0][-1]) == ("town=there", "surely worse")
    assert {row[0]: row[-1] for row in harmed.rows}["town=here"] == "surely better"
    points = titled(found, "Residuals")
    assert (points.kind, len(points.series[0].x)) == ("points", 200)
    assert set(np.round(points.series[0].y, 5)) == {0, 3}
    again, _ = told(evidence(frame, regression(2, there), regression(1.9), task="regression"))
    assert titled(again, "Residuals") == points
    assert titled(found, "What the model relies on").y == "rise of absolute error when shuffled"
    assert said == []


@pytest.mark.parametrize("library", [as_is, in_pandas])
def test_the_column_that_matters_is_first_and_one_that_is_ignored_has_none(library: Callable[[Any], Any]) -> None:
    frame = table().with_columns(target=(pl.col("x") > 0).cast(int) ^ (pl.col("town") == "there").cast(int))
    found, _ = told(evidence(library(frame), binary(3, there), binary(3)))
    before, now = titled(found, "What the model relies on").series
    assert (before.name, now.name) == ("baseline", "this change")
    assert before.x == now.x
    told_apart = {name: pair for name, *pair in zip(now.x, before.y, now.y, strict=True)}
    assert set(now.x[:2]) == {"x", "town"}
    assert min(told_apart["x"][1], told_apart["town"][1]) > 0.5
    assert told_apart["town"][0] == 0
    assert told_apart["idle"] == told_apart["group"] == [0, 0]


def test_an_importance_is_the_rise_of_the_mean_score() -> None:
    """Shuffled, half of the rows of a coin that says all become wrong."""
    frame = table(400).with_columns(x=pl.Series([0.0, 1.0] * 200), target=pl.Series([0, 1] * 200))
    found, _ = told(evidence(frame, lambda rows: rows["x"].to_numpy().astype(int)))
    chart = titled(found, "What the model relies on")
    assert (chart.y, chart.series[0].x[0]) == ("rise of mistakes (share) when shuffled", "x")
    assert chart.series[0].y[0] == pytest.approx(0.5, abs=0.05)


def test_only_twelve_columns_are_shown() -> None:
    frame = table().with_columns(**{f"c{n}": pl.col("x") for n in range(20)})
    assert len(titled(told(evidence(frame, binary(3)))[0], "What the model relies on").series[0].x) == 12


def test_a_model_that_would_take_too_long_is_not_asked_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliance, "BOUND", 0.0)
    found, said = told(evidence(table(), binary(3), binary(2)))
    assert [chart.title for chart in found.charts] == ["Confusion matrix", "Calibration"]
    assert said[0].startswith("evaluate: left out: what the model relies on: it would take about ")
    assert (found.checks[0].id, found.checks[0].status) == ("explanation", "skip")
    assert said[0].removeprefix("evaluate: left out: ") in (found.checks[0].detail or "")


def test_without_scikit_learn_the_charts_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "find_spec", lambda _: None)
    found, said = told(evidence(table(), binary(3), binary(2)))
    assert (found.charts, len(found.tables)) == ((), 3)
    assert said == ["evaluate: left out: charts: scikit-learn is not installed. Type: pip install 'ci-kit[evaluate]'"]


def picky(frame: Any) -> Any:
    """Fail on rows that were not there together."""
    if ((column(frame, "x") > 0) != (column(frame, "idle") > 0)).any():
        from ci_kit.errors import UserError

        raise UserError("picky failed")
    return binary(3)(frame)


def absent(frame: Any) -> Any:
    return binary(np.nan if ((column(frame, "x") > 0) != (column(frame, "idle") > 0)).any() else 3)(frame)


@pytest.mark.parametrize(("answer", "says"), [(picky, "picky failed"), (absent, "now.py:predict answers NaN")])
def test_a_model_that_fails_on_shuffled_columns_keeps_the_rest(answer: Any, says: str) -> None:
    found, said = told(evidence(table().with_columns(idle=pl.col("x")), answer))
    assert [chart.title for chart in found.charts] == ["Confusion matrix", "Calibration"]
    assert says in said[0]


def odd(**columns: Any) -> Callable[[], Evidence]:
    return lambda: evidence(table(60).with_columns(**columns), binary(3), binary(2))


ODD: dict[str, Callable[[], Evidence]] = {
    "one row": lambda: evidence(table(1), binary(3), binary(2)),
    "few rows": lambda: evidence(table(8), binary(3), binary(2)),
    "one label": odd(target=pl.lit(1)),
    "constants": odd(town=pl.lit("x"), group=pl.lit(1), idle=pl.lit(0.0)),
    "missing": odd(town=pl.lit(None, dtype=pl.String), idle=pl.lit(float("nan")), group=pl.lit(None)),
    "lists": odd(town=pl.lit([1, 2])),
    "dates": odd(town=pl.date_range(pl.date(2026, 1, 1), pl.date(2026, 3, 1), eager=True)),
    "mixed": lambda: evidence(
        table(60).to_pandas().assign(town=pd.Series([1, "a", None, 2.5, b"x", (1,)] * 10, dtype=object)),
        binary(3),
        binary(2),
    ),
    "endless": odd(idle=pl.Series([float("inf"), -float("inf"), 0.0] * 20)),
    "many labels": lambda: evidence(
        table(60).with_columns(target=pl.int_range(60, eager=True) % 30), lambda rows: np.full((len(rows), 30), 1 / 30)
    ),
    "labels only": lambda: evidence(
        table(60), lambda rows: (rows["x"] > 0).cast(int), lambda rows: (rows["x"] > 1).cast(int)
    ),
    "labels after probabilities": lambda: evidence(table(60), lambda rows: (rows["x"] > 0).cast(int), binary(1)),
    "probabilities after labels": lambda: evidence(table(60), binary(1), lambda rows: (rows["x"] > 0).cast(int)),
    "no feature moves": lambda: evidence(table(60), lambda rows: np.full((len(rows), 2), 0.5), binary(1)),
    "a constant truth": lambda: evidence(
        table(60).with_columns(target=pl.lit(2.0)), regression(1), regression(2), task="regression"
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_data_and_models_lose_what_they_do_not_allow_and_nothing_else(name: str) -> None:
    one = ODD[name]()
    found, said = told(one)
    assert all(line.startswith("evaluate: left out: ") for line in said)
    assert bool(found.checks) == bool(said)
    assert text(Findings(checks=found.checks, charts=found.charts, tables=found.tables))
    if len(one.dataset) >= 20:
        assert isinstance(titled(found, "What the model relies on"), Chart)


def test_answers_without_probabilities_are_right_or_wrong() -> None:
    labels = [lambda rows: (rows["x"] > 0).cast(int), lambda rows: (rows["x"] > 1).cast(int)]
    found, said = told(evidence(table(), *labels))
    assert titled(found, "Slices").head[2:] == ("accuracy, baseline → now", "change of mistakes", "verdict")
    assert set(cells(titled(found, "Rows that got worse"), "answer, baseline → now")) == {"right → wrong"}
    assert [chart.title for chart in found.charts] == ["Confusion matrix", "What the model relies on"]
    assert said == []
