"""A column cut into slices of rows: one for each of its values, or quarters of its range."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import column

BINS = 4  # a numeric column with more than MANY distinct values is cut into quarters
MANY = 12
_FIRST = 10_000  # rows that tell at once that a column has many values


@dataclass(frozen=True, kw_only=True)
class Cut:
    """Slices that share no row and leave none out: `codes` holds n indices of `names`."""

    names: tuple[str, ...]
    codes: npt.NDArray[np.intp]


def cut(dataset: Dataset, by: str, *, quiet: bool = False) -> Cut:
    """Cut by a column: a numeric one of more than MANY values into quarters, any other by its values.

    Slices of a sensitive column are numbered where their names would quote single rows: ends of ranges, or one of very
    many values; with `quiet` always. Raises UserError for a column that is not there, or holds lists.
    """
    if by not in dataset.frame.columns:
        raise UserError(f"{dataset.name} has no column {by!r} to cut slices by")
    values = column(dataset.frame, by)
    found = levels(values)
    if found is None:
        raise UserError(f"no slices can be cut by {by!r}", why="its values can't be compared")
    secret = by in dataset.sensitive
    if values.dtype.kind in "iuf" and len(found[0]) > MANY:
        return _whole(by, *_quarters(by, values), numbered=secret)
    names = [f"{by}={_text(value)}" for value in found[0]]
    return _whole(by, names, found[1], numbered=secret and (quiet or len(names) > MANY))


def few(dataset: Dataset, by: str, most: int = MANY) -> Cut | None:
    """Cut by the values of a column; None where there are more than `most`, or where all rows are one slice."""
    found = levels(column(dataset.frame, by), most)
    if found is None:
        return None
    one = _whole(by, [f"{by}={_text(value)}" for value in found[0]], found[1], numbered=by in dataset.sensitive)
    return one if len(one.names) > 1 else None


def levels(values: npt.NDArray[Any], most: int | None = None) -> tuple[list[Any], npt.NDArray[np.intp]] | None:
    """Return the distinct values in their order, and n indices into them, −1 for what is missing.

    `values` is as `frames.column` gives it. None where there are more than `most`, or where they can't be hashed.
    """
    if most is not None and len(values) > _FIRST and levels(values[:_FIRST], most) is None:
        return None
    if values.ndim != 1:
        return None
    if values.dtype.kind in "iufb":
        found, codes = np.unique(values, return_inverse=True)
        if found.size and found[-1] != found[-1]:  # NaN comes last, and once
            found, codes = found[:-1], np.where(codes == found.size - 1, -1, codes)
        distinct = found.tolist()
    else:
        listed = (values.astype(str) if values.dtype.kind in "mM" else values).tolist()
        try:
            distinct = sorted((one for one in set(listed) if one is not None and one == one), key=str)
        except TypeError:
            return None
        index = {one: place for place, one in enumerate(distinct)}
        codes = np.fromiter(map(index.get, listed, itertools.repeat(-1)), dtype=np.intp, count=len(listed))
    return None if most is not None and len(distinct) > most else (distinct, codes)


def _text(value: Any) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def _quarters(by: str, values: npt.NDArray[Any]) -> tuple[list[str], npt.NDArray[np.intp]]:
    edges = np.unique(np.quantile(values[np.isfinite(values)], np.linspace(0, 1, BINS + 1)))
    names = [f"{by} {low:.4g} to {high:.4g}" for low, high in itertools.pairwise(edges)]
    return names, np.where(np.isnan(values), -1, np.searchsorted(edges[1:-1], values))


def _whole(by: str, names: Sequence[str], codes: npt.NDArray[np.intp], *, numbered: bool) -> Cut:
    """Make what is missing a slice of its own, the last."""
    shown = [f"{by}, group {number}" for number in range(1, len(names) + 1)] if numbered else list(names)
    if (codes < 0).any():
        shown, codes = [*shown, f"{by} missing"], np.where(codes < 0, len(shown), codes)
    return Cut(names=tuple(shown), codes=codes)
