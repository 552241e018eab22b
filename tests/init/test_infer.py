"""From rows to rules: one table, and what the rules forbid."""

import math
from datetime import date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.init.facts import gather
from ci_kit.init.infer import rule


def ruled(values: pl.Series, *, name: str = "x", bare: bool = False, **more: bool) -> tuple[str, dict[str, Any]]:
    found = rule(gather(name, {"data": values}, bare=bare), **more)
    return found.kind, dict(found.given)


MANY = [*range(100), 5]


@pytest.mark.parametrize(
    ("values", "kind", "given"),
    [
        pytest.param(MANY, "int", {"ge": 0, "le": 108}, id="a tenth of the range beyond, and never below 0"),
        pytest.param([-n for n in MANY], "int", {"ge": -108, "le": 0}, id="and never above 0"),
        pytest.param([n - 50 for n in MANY], "int", {"ge": -59, "le": 58}, id="to both sides"),
        pytest.param([1, 2, 3, 4] * 9, "int", {"ge": 1, "le": 4}, id="a narrow range of whole numbers"),
        pytest.param([0, 1] * 9, "int", {"isin": [0, 1]}, id="two whole numbers"),
        pytest.param([7] * 9, "int", {"ge": 7, "le": 7}, id="a constant"),
        pytest.param([0.1, 0.5, 0.95] * 9, "float", {"ge": 0.015, "le": 1.0}, id="a share"),
        pytest.param([1.0, 2.0, 123.4] * 9, "float", {"ge": 0, "le": 136.0}, id="rounded outwards"),
        pytest.param([1.0, None, 3.0], "float", {"ge": 0.8, "le": 3.2, "nullable": True}, id="nulls"),
        pytest.param([1.0, math.nan, 3.0], "float", {"ge": 0.8, "nullable": True}, id="NaN has no upper limit"),
        pytest.param([-math.inf, 1.0, 3.0], "float", {"ge": 0.8, "le": 3.2}, id="infinite values are outside"),
        pytest.param([math.nan, None], "float", {"nullable": True}, id="nothing but missing numbers"),
        pytest.param([True, False] * 9, "bool", {}, id="flags"),
        pytest.param(["b", "a"] * 9, "str", {"isin": ["a", "b"]}, id="categories"),
        pytest.param(["b", "a", None] * 9, "str", {"isin": ["a", "b"], "nullable": True}, id="categories with gaps"),
        pytest.param(["b", "a", "c"], "str", {}, id="too few rows for categories"),
        pytest.param([str(n) for n in range(60)] * 6, "str", {}, id="too many categories"),
        pytest.param(["x" * 101, "y"] * 9, "str", {}, id="texts and no categories"),
        pytest.param([date(2026, 1, 1)] * 9, "pl.Date", {}, id="dates"),
        pytest.param([datetime(2026, 1, 1)] * 9, 'Annotated[pl.Datetime, "us", None]', {}, id="times"),
        pytest.param([[1], [2]], "", {}, id="lists are not described"),
        pytest.param([None, None], "", {}, id="a column without a value"),
    ],
)
def test_a_column_gets_its_rule(values: list[Any], kind: str, given: dict[str, Any]) -> None:
    assert ruled(pl.Series(values, strict=False)) == (kind, given)


@pytest.mark.parametrize(
    ("name", "values", "given"),
    [
        ("id", [3, 9, 70], {"unique": True, "ge": 0}),
        ("houseId", [-3, 9, 70], {"unique": True}),
        ("number", [5, 6, 7, 8, 9, 10], {"unique": True, "ge": 0}),
        ("code", [f"{n:08x}" for n in range(9)], {"unique": True}),
        ("id", [3, 9, 9, 4], {"ge": 3, "le": 9}),
        ("number", [9, 8, 7, 6, 5, 4], {"ge": 4, "le": 9}),
        ("price", [3, 9, 70], {"ge": 0, "le": 76}),
        ("paid", [3, 9, 70], {"ge": 0, "le": 76}),
        ("day", [f"2026-01-{n:02d}" for n in range(1, 9)], {}),
    ],
)
def test_what_names_rows_is_unique(name: str, values: list[Any], given: dict[str, Any]) -> None:
    assert ruled(pl.Series(values), name=name)[1] == given


def test_the_truth_is_listed_where_it_has_classes_and_is_no_id() -> None:
    assert ruled(pl.Series([0, 1, 2] * 9), target=True, classes=True)[1] == {"isin": [0, 1, 2]}
    assert ruled(pl.Series(MANY), target=True)[1] == {"ge": 0, "le": 108}


def test_floats_in_text_may_look_like_whole_numbers() -> None:
    assert ruled(pl.Series([0.5, 1.5]), bare=True)[1]["coerce"] is True
    assert "coerce" not in ruled(pl.Series([0.5, 1.5]))[1]


@pytest.mark.parametrize(("kind", "given"), [(pl.Int8, {"ge": -128, "le": 127}), (pl.UInt8, {"ge": 0, "le": 255})])
def test_limits_stay_within_the_type(kind: Any, given: dict[str, int]) -> None:
    edges = [0, 100, 255] if kind == pl.UInt8 else [-128, 5, 127]
    assert ruled(pl.Series(edges, dtype=kind)) == (f"pl.{kind.__name__}", given)


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (["2026-01-31", None], "%Y-%m-%d"),
        (["2026-01-31T08:00:00Z", "2026-01-31T08:00:00+02:00"], "%Y-%m-%dT%H:%M:%S%.f%#z"),
        (["2026-01-31 08:00:00.5", "2026-01-31 08:00:00"], "%Y-%m-%d %H:%M:%S%.f"),
        (["31.1.2026", "1.12.2026"], "%d.%m.%Y"),
        (["1/31/2026", "2/1/2026"], "%m/%d/%Y"),
        (["1/2/2026", "2/1/2026"], ""),  # which of both is the month?
        (["2026-01-31", "tomorrow"], ""),
        (["20260131", "20260201"], ""),
    ],
)
def test_dates_in_text_have_one_form(values: list[str | None], form: str) -> None:
    assert gather("day", {"data": pl.Series(values)}, bare=True).form == form


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (["1", "2", "n/a"] * 3, "3 of 9 are no numbers, such as 'n/a': so this is text"),
        ([" 1", " 2"] * 5, "numbers with spaces around them are text"),
        ([1.0, None], "1 of 2 are missing"),
        ([1.0, 2.0, math.nan], "NaN is above every limit"),
        ([7, 7], "the same value in every row"),
        ([1.0, math.inf], "infinite"),
        (["31.1.2026", "1.12.2026"], "ISO 8601"),
        ([b"x"], "Binary"),
    ],
)
def test_what_is_odd_is_to_be_looked_at(values: list[Any], says: str) -> None:
    assert says in "; ".join(rule(gather("x", {"data": pl.Series(values)}, bare=True)).look)


def test_what_one_file_alone_has_is_said_and_allowed() -> None:
    parts = {"train": pl.Series(["a", "b"] * 9), "evaluation": pl.Series(["a", "b."] * 9)}
    found = rule(gather("x", parts, bare=True))
    assert dict(found.given) == {"isin": ["a", "b", "b."]}
    assert found.look == ("only in train: 'b'", "only in evaluation: 'b.'")


def test_what_is_not_listed_is_not_compared() -> None:
    parts = {"train": pl.Series([1, 2, 3] * 9), "evaluation": pl.Series([2, 3, 4] * 9)}
    assert rule(gather("x", parts, bare=True)).look == ()


def test_files_with_different_types_get_one_that_fits_both() -> None:
    found = rule(gather("x", {"train": pl.Series([1, 2]), "evaluation": pl.Series([1.5, 2.5])}, bare=False))
    assert (found.kind, dict(found.given)["coerce"]) == ("float", True)
    assert "Int64, Float64" in found.look[0]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_what_was_seen_is_allowed(values: list[float]) -> None:
    _, given = ruled(pl.Series(values))
    finite = [one for one in values if math.isfinite(one)]
    assert all(given.get("ge", -math.inf) <= one <= given.get("le", math.inf) for one in finite)
    if finite and "le" in given and max(finite) > min(finite):
        assert given["le"] - max(finite) <= 0.3 * (max(finite) - min(finite)) + 0.02 * abs(max(finite))
