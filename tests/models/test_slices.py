"""Columns cut into slices: each row lies in exactly one."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import mixed
from ci_kit.models.slices import Cut, cut, few


def data(values: Any, **more: Any) -> Dataset:
    frame = values if isinstance(values, pl.DataFrame | pd.DataFrame) else pl.DataFrame({"a": values}, strict=False)
    truth = np.zeros(len(frame), int)
    return Dataset(name="d", frame=frame, truth=truth, features=("a",), target="t", task="classification", **more)


def shown(found: Cut | None) -> dict[str, int]:
    assert found is not None
    counts = np.bincount(found.codes, minlength=len(found.names)).tolist()
    return dict(zip(found.names, counts, strict=True))


COLUMNS: tuple[tuple[Any, dict[str, int]], ...] = (
    ([2, 1, 2], {"a=1": 1, "a=2": 2}),
    ([1.0, 2.5, None], {"a=1": 1, "a=2.5": 1, "a missing": 1}),
    ([1.0, float("nan"), 1.0], {"a=1": 2, "a missing": 1}),
    (["b", "a", None, "b"], {"a=a": 1, "a=b": 2, "a missing": 1}),
    ([True, False, True], {"a=False": 1, "a=True": 2}),
    (pl.Series(["y", "x", None], dtype=pl.Categorical), {"a=x": 1, "a=y": 1, "a missing": 1}),
    (pd.DataFrame({"a": pd.array([1, None, 2, 2], dtype="Int64")}), {"a=1": 1, "a=2": 2, "a missing": 1}),
    (pd.DataFrame({"a": [1, "1b", None, 2.5]}, dtype=object), {"a=1": 1, "a=1b": 1, "a=2.5": 1, "a missing": 1}),
    (pd.DataFrame({"a": pd.Categorical(["q", None, "q"])}), {"a=q": 2, "a missing": 1}),
    (pl.Series([datetime(2026, 1, 2), datetime(2026, 1, 2)]), {"a=2026-01-02T00:00:00.000000": 2}),
    (
        pd.DataFrame({"a": pd.Series([pd.Timestamp("2026-01-02"), pd.NaT])}),
        {"a=2026-01-02 00:00:00": 1, "a missing": 1},
    ),
    (pl.Series([Decimal("1.5"), None]), {"a=1.5": 1, "a missing": 1}),
    (pl.Series([b"x", b"y"]), {"a=b'x'": 1, "a=b'y'": 1}),
)


@pytest.mark.parametrize(("values", "slices"), COLUMNS)
def test_a_column_of_few_values_is_cut_by_them(values: Any, slices: dict[str, int]) -> None:
    assert shown(cut(data(values), "a")) == slices
    assert len(slices) == 1 or shown(few(data(values), "a")) == slices


def test_many_numbers_are_cut_into_quarters_whatever_lies_at_the_ends() -> None:
    values = [float("inf"), float("-inf"), None, *map(float, range(101))]
    assert shown(cut(data(values), "a")) == {
        "a 0 to 25": 27,
        "a 25 to 50": 25,
        "a 50 to 75": 25,
        "a 75 to 100": 26,
        "a missing": 1,
    }
    assert few(data(values), "a") is None


@pytest.mark.parametrize("values", [[7] * 5, [None] * 5, ["x"] * 5, list(range(20_000)), list("abcdefghijklm")])
def test_one_slice_or_too_many_are_no_few(values: list[Any]) -> None:
    assert few(data(values), "a") is None


def test_what_can_not_be_cut_is_named() -> None:
    with pytest.raises(UserError, match="d has no column 'b' to cut slices by"):
        cut(data([1]), "b")
    nested = ([[1], [2]], [{"b": 1}, {"b": 2}], pl.Series([[1.5], [2.5]], dtype=pl.Array(pl.Float64, 1)))
    for values in (*(pl.DataFrame({"a": one}) for one in nested), pd.DataFrame({"a": [[1], [2]]})):
        with pytest.raises(UserError, match="no slices can be cut by 'a'"):
            cut(data(values), "a")
        assert few(data(values), "a") is None


@pytest.mark.parametrize(
    ("quiet", "slices"), [(False, {"a=x": 1, "a=y": 2}), (True, {"a, group 1": 1, "a, group 2": 2})]
)
def test_slices_of_a_sensitive_column_are_numbered_where_asked(quiet: bool, slices: dict[str, int]) -> None:
    assert shown(cut(data(["y", "x", "y"], sensitive=("a",)), "a", quiet=quiet)) == slices


VALUES = st.one_of(st.none(), st.integers(-99, 99), st.floats(), st.text(max_size=3), st.booleans())


@given(st.lists(VALUES, min_size=1, max_size=60))
def test_each_row_lies_in_one_slice_that_is_named(values: list[Any]) -> None:
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object)})
    found = cut(data(frame), "a")
    assert len(found.codes) == len(values)
    assert set(found.codes.tolist()) <= set(range(len(found.names)))


@given(st.lists(st.floats(width=32), min_size=1, max_size=60))
def test_numbers_lie_between_the_ends_of_their_quarter(values: list[float]) -> None:
    found = cut(data(pl.DataFrame({"a": values}, schema={"a": pl.Float64})), "a")
    assert set(found.codes.tolist()) <= set(range(len(found.names)))
    known = [(value, code) for value, code in zip(values, found.codes.tolist(), strict=True) if value == value]
    assert [code for _, code in sorted(known)] == sorted(code for _, code in known)


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_values_of_other_rows_keep_their_types(library: str) -> None:
    columns = {"a": [1, 2, 3], "b": pl.Series(["x", None, "y"], dtype=pl.Categorical), "c": [1.5, None, 0.0]}
    frame = pl.DataFrame(columns)
    whole = frame if library == "polars" else frame.to_pandas()
    found = mixed(whole, {"b": np.array([2, 0, 1]), "c": np.array([1, 1, 0])})
    assert list(found.dtypes) == list(whole.dtypes)
    back = found if library == "polars" else pl.from_pandas(found)
    expected = {"a": [1, 2, 3], "b": ["y", "x", None], "c": [None, None, 1.5]}
    assert back.cast({"b": pl.String}).to_dict(as_series=False) == expected
