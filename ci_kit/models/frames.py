"""The few things that we ask of a table, whichever library made it: a polars or a pandas DataFrame."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Frame = Any
"""A polars or pandas DataFrame; neither library is imported here."""


def is_pandas(frame: Frame) -> bool:
    """Say whether the table is a pandas one."""
    return type(frame).__module__.partition(".")[0] == "pandas"


def names(frame: Frame) -> list[str]:
    """Return the names of the columns."""
    return [str(name) for name in frame.columns]


def column(frame: Frame, name: str) -> npt.NDArray[Any]:
    """Return one column: numbers with NaN for what is missing, all else as objects with None for it."""
    return _pandas_column(frame[name]) if is_pandas(frame) else _polars_column(frame[name])


def matrix(frame: Frame, columns: tuple[str, ...]) -> npt.NDArray[Any] | None:
    """Return n×k numbers with NaN for what is missing, in one go; None unless all columns are plain numbers."""
    part = frame[list(columns)]
    if is_pandas(frame):
        plain = all(getattr(dtype, "kind", "") in "iufb" and hasattr(dtype, "char") for dtype in part.dtypes)
    else:
        plain = all(dtype.is_float() or dtype.is_integer() for dtype in part.dtypes)
    return np.asarray(part.to_numpy()) if plain and columns else None


def _polars_column(series: Any) -> npt.NDArray[Any]:
    if series.dtype.is_decimal():
        series = series.cast(float)
    if not series.null_count() or series.dtype.is_numeric():
        return np.asarray(series.to_numpy())
    return np.array(series.to_list(), dtype=object)


def _pandas_column(series: Any) -> npt.NDArray[Any]:
    missing = series.isna().to_numpy()
    if getattr(series.dtype, "kind", "O") in "iufb":
        if missing.any():
            return np.asarray(series.to_numpy(dtype="float64", na_value=np.nan))
        values = series.to_numpy()
        # The nullable types of pandas give objects even where nothing is missing.
        return np.asarray(values.astype(series.dtype.numpy_dtype) if values.dtype == object else values)
    values = np.asarray(series.to_numpy(), dtype=object if missing.any() else None)
    if missing.any():
        values = values.copy()
        values[missing] = None
    return values


def take(frame: Frame, rows: npt.NDArray[np.intp] | slice) -> Frame:
    """Return these rows, in this order."""
    if is_pandas(frame):
        return frame.iloc[rows].reset_index(drop=True)
    return frame[rows]


def mixed(frame: Frame, rows: Mapping[str, npt.NDArray[np.intp]]) -> Frame:
    """Return the table with the values of these columns taken from other rows of it, types as they are."""
    if is_pandas(frame):
        return frame.assign(**{name: frame[name].take(those).set_axis(frame.index) for name, those in rows.items()})
    return frame.with_columns(frame[name][those] for name, those in rows.items())


def same(left: npt.ArrayLike, right: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Compare labels element by element, whatever their types."""
    one, two = np.asarray(left), np.asarray(right)
    if one.dtype.kind in "biuf" and two.dtype.kind in "biuf":
        return np.asarray(one == two)
    return np.asarray(one.astype(str) == two.astype(str))
