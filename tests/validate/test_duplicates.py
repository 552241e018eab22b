from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.validate.duplicates import duplicated

COLUMNS: dict[str, tuple[Any, Any]] = {
    "integers": (st.integers(0, 6), pl.Int64),
    "floats": (st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]), pl.Float64),
    "texts": (st.sampled_from(["", "a", "A", "ä", "aa"]), pl.String),
    "truths": (st.booleans(), pl.Boolean),
    "categories": (st.sampled_from(["x", "y"]), pl.Enum(["x", "y"])),
    "lists": (st.lists(st.integers(0, 1), max_size=2), pl.List(pl.Int64)),
}


@pytest.mark.parametrize("kind", COLUMNS)
@settings(max_examples=30, deadline=None)
@given(draw=st.data())
def test_the_answer_is_that_of_polars(kind: str, draw: Any) -> None:
    values, dtype = COLUMNS[kind]
    frame = pl.DataFrame({"a": draw.draw(st.lists(st.none() | values, max_size=12))}, schema={"a": dtype})
    assert duplicated(frame).to_list() == frame.is_duplicated().to_list()


def test_rows_of_two_columns() -> None:
    frame = pl.DataFrame({"a": [1, 1, 1, None, None], "b": [1, 2, 1, None, None]})
    assert duplicated(frame).to_list() == [True, False, True, True, True]
