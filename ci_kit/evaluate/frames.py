"""The few things that we ask of a table, whichever library made it: a polars or a pandas DataFrame."""

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
    series = frame[name]
    if is_pandas(frame):
        missing = series.isna().to_numpy()
    else:
        series = series.cast(float) if series.dtype.is_decimal() else series
        missing = series.is_null().to_numpy()
    if not missing.any():
        values = series.to_numpy()
        return np.asarray(
            values.astype(series.dtype.numpy_dtype) if values.dtype == object and _masked(series) else values
        )
    if series.dtype.kind in "iufb" if is_pandas(frame) else series.dtype.is_numeric():
        numbers = series.to_numpy(dtype="float64", na_value=np.nan) if is_pandas(frame) else series.to_numpy()
        return np.asarray(numbers)
    values = np.array(series.astype(object) if is_pandas(frame) else series.to_list(), dtype=object)
    values[missing] = None
    return values


def _masked(series: Any) -> bool:
    return hasattr(series.dtype, "numpy_dtype") and series.dtype.numpy_dtype != np.dtype(object)


def take(frame: Frame, rows: npt.NDArray[np.intp] | slice) -> Frame:
    """Return these rows, in this order."""
    if is_pandas(frame):
        return frame.iloc[rows].reset_index(drop=True)
    return frame[rows]


def same(left: npt.ArrayLike, right: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Compare labels element by element, whatever their types."""
    one, two = np.asarray(left), np.asarray(right)
    if one.dtype.kind in "biuf" and two.dtype.kind in "biuf":
        return np.asarray(one == two)
    return np.asarray(one.astype(str) == two.astype(str))
