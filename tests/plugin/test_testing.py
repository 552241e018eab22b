import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera_pandas
import pandera.polars as pandera_polars
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit import testing
from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import column
from ci_kit.models.model import Model
from ci_kit.testing import Broken
from ci_kit.testing.measure import LAST
from ci_kit.testing.strategies import Columns

Predict = Callable[[Any], np.ndarray]


def model(predict: Predict, task: str = "classification", features: tuple[str, ...] = ("x", "group")) -> Model:
    return Model(name="m", task=task, features=features, answer=predict)


def dataset(rows: int = 400, task: str = "classification") -> Dataset:
    x = np.random.default_rng(0).normal(size=rows)
    frame = pl.DataFrame({"x": x, "group": ["a", "b", "c", "d"] * (rows // 4)})
    truth = (x > 0).astype(int) if task == "classification" else x
    return Dataset(name="d", frame=frame, truth=truth, features=("x", "group"), target="t", task=task)


def sure(frame: Any) -> np.ndarray:
    p = 1 / (1 + np.exp(-4 * column(frame, "x")))
    return np.column_stack([1 - p, p])


def number(frame: Any) -> np.ndarray:
    return column(frame, "x").astype(float)


def test_a_threshold_holds_and_its_numbers_are_kept_for_the_report() -> None:
    assert testing.assert_metric(model(sure), dataset(), "accuracy", at_least=0.9) == 1.0
    assert LAST.pop() == ("100 %", "≥ 90.0 %")


@pytest.mark.parametrize(
    ("metric", "bounds", "says"),
    [
        ("accuracy", {"at_least": 1.01}, "accuracy is 100 % on 400 rows, limit ≥ 101 %"),
        ("log_loss", {"at_most": 0.001}, "log_loss is 0.1"),
        ("macro_f1", {"at_most": 0.5}, "macro_f1 is 100 %"),
    ],
)
def test_a_threshold_breaks_in_one_sentence(metric: str, bounds: dict[str, float], says: str) -> None:
    with pytest.raises(Broken) as error:
        testing.assert_metric(model(sure), dataset(), metric, **bounds)
    assert str(error.value).startswith(says)


def test_a_metric_of_the_other_task_is_a_mistake() -> None:
    with pytest.raises(UserError, match="no metric 'rmse' here"):
        testing.assert_metric(model(sure), dataset(), "rmse", at_most=1)


def test_nan_breaks_every_threshold() -> None:
    with pytest.raises(Broken, match="400 of 400 predictions are NaN"):
        testing.assert_metric(model(lambda frame: sure(frame) * np.nan), dataset(), "accuracy", at_least=0)


def wrong_in(group: str) -> Predict:
    def predict(frame: Any) -> np.ndarray:
        flip = column(frame, "group").astype(str) == group
        return np.where(flip[:, None], sure(frame)[:, ::-1], sure(frame))

    return predict


def test_a_bad_slice_is_named_with_its_rows() -> None:
    with pytest.raises(Broken, match=r"accuracy of group=c: 0\.0 % on 100 rows .* over 4 slices\), limit ≥ 80\.0 %"):
        testing.assert_slices(model(wrong_in("c")), dataset(), "group", at_least=0.8)


def test_good_slices_hold_by_column_by_mask_and_by_quarters() -> None:
    data = dataset()
    testing.assert_slices(model(sure), data, "group", at_least=0.95)
    testing.assert_slices(model(sure), data, "x", at_least=0.95)
    testing.assert_slices(model(sure), data, {"low": data.frame["x"] < 0, "none": data.frame["x"] > 99}, at_least=0.95)


def test_few_rows_fail_no_slice() -> None:
    data = dataset(4)
    testing.assert_slices(model(wrong_in("c")), data, "group", at_least=0.8)


def test_noise_fails_a_slice_in_at_most_five_percent_of_runs() -> None:
    """80 % accurate in each of ten slices against a limit of 80 %: naively nearly every run would fail."""
    rng, failed = np.random.default_rng(3), 0
    for _ in range(100):
        right = rng.random(500) < 0.8
        frame = pl.DataFrame({"x": np.where(right, 1.0, -1.0), "group": np.arange(500) % 10})
        data = Dataset(
            name="d", frame=frame, truth=np.ones(500, int), features=("x",), target="t", task="classification"
        )
        try:
            testing.assert_slices(model(sure), data, "group", at_least=0.8)
        except Broken:
            failed += 1
    assert failed <= 8


def test_regression_slices_are_held_to_their_error() -> None:
    data = dataset(task="regression")
    off = model(
        lambda frame: number(frame) + np.where(column(frame, "group").astype(str) == "b", 5.0, 0.01), "regression"
    )
    testing.assert_slices(off, data, "group", at_most=6)
    with pytest.raises(Broken, match=r"mean absolute error of group=b: 5 on 100 rows"):
        testing.assert_slices(off, data, "group", at_most=1)


def test_an_invariant_change_may_change_few_answers() -> None:
    data, one = dataset(), model(sure)
    testing.assert_invariant(one, data, lambda frame: frame.with_columns(group=pl.lit("z")))
    with pytest.raises(Broken, match=r"100\.0 % of 400 answers changed, limit ≤ 0\.0 %; first in row 0"):
        testing.assert_invariant(one, data, lambda frame: frame.with_columns(x=-pl.col("x")))
    with pytest.raises(UserError, match="the change returns 3 rows for 400"):
        testing.assert_invariant(one, data, lambda frame: frame[:3])


def test_rows_without_an_answer_are_left_out_unless_all_are() -> None:
    data = dataset(task="regression")
    some = model(lambda frame: np.where(number(frame) > 0, number(frame), np.nan), "regression")
    testing.assert_invariant(some, data, lambda frame: frame)
    with pytest.raises(Broken, match="none of 400 rows has a finite answer"):
        testing.assert_invariant(model(lambda frame: number(frame) * np.nan, "regression"), data, lambda frame: frame)


@pytest.mark.parametrize(("expected", "shift", "holds"), [("up", 1, True), ("down", -1, True), ("up", -1, False)])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_direction_is_kept(task: str, expected: str, shift: int, holds: bool) -> None:
    data, one = dataset(task=task), model(sure if task == "classification" else number, task)
    one.bind(data.frame, data.truth)

    def check() -> None:
        change = lambda frame: frame.with_columns(x=pl.col("x") + shift)  # noqa: E731
        testing.assert_directional(one, data, change, expected=expected)

    if holds:
        check()
    else:
        with pytest.raises(Broken, match="answers moved down, expected up"):
            check()


def test_a_change_without_any_effect_has_no_direction() -> None:
    with pytest.raises(Broken, match="no answer of 400 moved up"):
        testing.assert_directional(model(number, "regression"), dataset(task="regression"), lambda f: f, expected="up")


@pytest.mark.parametrize(
    ("shift", "says"), [(1e-6, None), (0.01, "400 of 400 rows differ, at most by 0.01"), (np.nan, "400 of 400 rows")]
)
def test_parity_is_within_the_tolerance(shift: float, says: str | None) -> None:
    def check() -> None:
        testing.assert_parity(model(sure), lambda frame: sure(frame) + shift, dataset())

    if says is None:
        check()
    else:
        with pytest.raises(Broken, match=says):
            check()


def test_parity_of_another_shape_breaks() -> None:
    with pytest.raises(Broken, match=r"the reference answers \(400, 3\), the model \(400, 2\)"):
        testing.assert_parity(model(sure), lambda frame: np.zeros((len(frame), 3)), dataset())


def test_a_slower_model_breaks_and_an_equal_one_holds() -> None:
    def slow(frame: Any) -> np.ndarray:
        time.sleep(0.002)
        return sure(frame)

    data = dataset()
    with pytest.raises(Broken, match="as slow as the baseline"):
        testing.assert_latency(model(slow), model(sure), data, at_most=1.5, rounds=12)
    assert testing.assert_latency(model(sure), model(slow), data, at_most=1.5, rounds=12) < 1


class Polars(pandera_polars.DataFrameModel):  # type: ignore[misc]
    x: float = pandera_polars.Field(ge=-2, le=2)
    group: str = pandera_polars.Field(isin=["a", "b"], nullable=True)


class Pandas(pandera_pandas.DataFrameModel):  # type: ignore[misc]
    x: float = pandera_pandas.Field(ge=-2, le=2)
    group: str = pandera_pandas.Field(isin=["a", "b"], nullable=True)


@pytest.mark.parametrize("schema", [Polars, Pandas, Polars.to_schema()])
def test_a_sound_model_has_the_properties(schema: Any) -> None:
    testing.assert_properties(model(sure), schema, examples=15)


def whole_batch(frame: Any) -> np.ndarray:
    return number(frame) - (number(frame).mean() if len(frame) else 0)


def by_place(frame: Any) -> np.ndarray:
    return number(frame) * 0 + (np.arange(len(frame)) if len(frame) != 1 else 0)


def hates_falling(frame: Any) -> np.ndarray:
    x = number(frame)
    return x + (len(x) > 1 and x[0] > x[-1])


def hates_empty(frame: Any) -> np.ndarray:
    if not len(frame):
        raise UserError("fails", why="no rows")
    return number(frame)


@pytest.mark.parametrize(
    ("predict", "says"),
    [
        (lambda frame: number(frame) / (number(frame) != 2), "not finite on edge values: x=2.0"),
        (whole_batch, "the answer alone differs by"),
        (by_place, "the answer alone differs by"),
        (hates_falling, "the answers depend on the order of the rows on edge values: they differ by 1"),
        (hates_empty, "fails on an empty batch: no rows; allow it by empty=False"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_a_property_that_does_not_hold_is_named(predict: Predict, says: str) -> None:
    with pytest.raises(Broken, match=says):
        testing.assert_properties(model(predict, "regression"), Polars, examples=10)


def test_a_fault_between_the_edges_is_found_too() -> None:
    def predict(frame: Any) -> np.ndarray:
        return np.where(np.abs(number(frame) - 1) < 0.4, np.nan, number(frame))

    with pytest.raises(Broken, match="not finite on drawn rows"):
        testing.assert_properties(model(predict, "regression"), Polars)


def test_the_empty_batch_can_be_left_out() -> None:
    testing.assert_properties(model(hates_empty, "regression"), Polars, examples=5, empty=False)


def odd(series: Any) -> Any:
    return series % 2 == 1


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({}, "the schema has no column 'x'"),
        ({"x": pandera_pandas.Column("datetime64[ns]")}, "column 'x' can't be drawn (its type is datetime64[ns])"),
        ({"x": pandera_pandas.Column(int, pandera_pandas.Check(odd))}, "(from its check 'odd')"),
    ],
)
def test_a_column_that_can_not_be_drawn_is_named(columns: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError) as error:
        Columns(pandera_pandas.DataFrameSchema(columns), ("x",))
    assert says in str(error.value)


CHECKS = [
    (int, {"ge": 3, "le": 9}),
    (int, {"gt": 3, "lt": 5}),
    (int, {"ne": 0}),
    (float, {"gt": 0}),
    (float, {"lt": -5}),
    (float, {"in_range": {"min_value": 0, "max_value": 1, "include_max": False}}),
    (float, {"nullable": True}),
    (str, {"isin": ["a", "b"]}),
    (str, {"notin": ["a"]}),
    (str, {"str_length": {"min_value": 2, "max_value": 3}}),
    (str, {"str_matches": r"^[ab]{2}$"}),
    (bool, {}),
]


@pytest.mark.parametrize("pandas", [False, True])
@pytest.mark.parametrize(("kind", "field"), CHECKS)
def test_drawn_rows_and_edges_pass_the_schema(kind: type, field: dict[str, Any], pandas: bool) -> None:
    pandera: Any = pandera_pandas if pandas else pandera_polars
    body = {"__annotations__": {"x": kind}, "x": pandera.Field(**field)}
    schema: Any = type("Schema", (pandera.DataFrameModel,), body)
    columns = Columns(schema, ("x",))
    edges = columns.edge_frame()
    if edges is not None:
        schema.validate(edges)

    @settings(max_examples=6)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        frame = data.draw(columns.frames())
        assert isinstance(frame, pd.DataFrame if pandas else pl.DataFrame)
        schema.validate(frame)

    check()


def test_regex_columns_are_drawn_for_each_feature() -> None:
    class Pixels(pandera_polars.DataFrameModel):  # type: ignore[misc]
        pixels: int = pandera_polars.Field(alias=r"^p\d\d$", regex=True, ge=0, le=16)

    edges = Columns(Pixels, ("p00", "p01")).edge_frame()
    assert edges is not None
    assert edges.to_dict(as_series=False) == {"p00": [0, 16], "p01": [0, 16]}


def test_a_drawn_value_of_a_sensitive_column_is_not_shown() -> None:
    one = model(lambda frame: number(frame) * np.nan, "regression")
    one.sensitive = ("group",)
    with pytest.raises(Broken, match=r"not finite on edge values: x=-2\.0, group=…$"):
        testing.assert_properties(one, Polars, examples=1)


@pytest.mark.parametrize(
    ("by", "groups", "says"),
    [
        ("group", ["a", "b", "c", "c"], "group=c: 0.0 %"),
        ("group", [f"name {number}" for number in range(20)], "group, group 1: 0.0 %"),
        ("x", ["a"], "x, group 1: 0.0 %"),
    ],
)
def test_slices_by_a_sensitive_column_name_groups_and_no_row(by: str, groups: list[str], says: str) -> None:
    values = groups * (400 // len(groups))
    frame = pl.DataFrame({"x": np.linspace(-1.25, 1, 400), "group": values})
    data = replace(dataset(), frame=frame, truth=np.ones(400, int), sensitive=("x", "group"))
    wrong = model(lambda frame: np.column_stack([np.ones(len(frame)), np.zeros(len(frame))]))
    with pytest.raises(Broken) as error:
        testing.assert_slices(wrong, data, by, at_least=0.8)
    assert f"accuracy of {says}" in str(error.value)
    assert "-1.25" not in str(error.value)
