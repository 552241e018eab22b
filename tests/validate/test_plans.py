from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.validate.plans import duplicated, pick

# Brute force over real frames: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

COLUMNS: dict[str, tuple[Any, Any]] = {
    "integers": (st.integers(0, 6), pl.Int64),
    "floats": (st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]), pl.Float64),
    "texts": (st.sampled_from(["", "a", "A", "ä", "aa"]), pl.String),
    "truths": (st.booleans(), pl.Boolean),
    "categories": (st.sampled_from(["x", "y"]), pl.Enum(["x", "y"])),
    "lists": (st.lists(st.integers(0, 1), max_size=2), pl.List(pl.Int64)),
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("width", [1, 2])
@settings(max_examples=12, deadline=None)
@given(draw=st.data())
def test_duplicates_are_those_of_polars(kind: str, width: int, draw: Any) -> None:
    values, dtype = COLUMNS[kind]
    names = ["a", "b"][:width]
    rows = draw.draw(st.lists(st.tuples(*[st.none() | values] * width), max_size=12))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, dtype), orient="row")
    assert duplicated(frame.lazy(), names).to_list() == frame.is_duplicated().to_list()


def test_equal_hashes_of_different_rows_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_kit.validate.plans.row_hash", lambda columns: pl.col(columns[0]) * 0)
    frame = pl.DataFrame({"a": [1, 2, 1, 3, 3], "b": [1, 2, 1, 3, 4]})
    assert duplicated(frame.lazy(), ["a", "b"]).to_list() == [True, False, True, False, False]


def test_rows_are_picked_in_the_order_that_is_asked_for() -> None:
    frame = pl.LazyFrame({"a": [1, 2, 3], "b": ["x", "y", "z"]})
    assert pick(frame, ["b", "a"], [2, 0]) == [("z", 3), ("x", 1)]
    assert pick(frame, ["a"], []) == []
