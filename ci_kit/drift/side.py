"""One side of a comparison: exact facts of all rows, and a deterministic sample of them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Kind = Literal["number", "category", "time", "text"]
MAX_LEVELS = 1000
"""A text column with more levels in the reference is `text`: only its nulls are compared."""
MAX_NEW = 100
"""So many levels that the reference lacks are named; the rows of all others are counted together."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """What all rows of a column say. Null counts include NaN.

    `low` and `high` are numbers (times: seconds since 1970, UTC), `levels` the exact count of each value of a category,
    by its text; both None where the kind has none or there is no value. `others` are the rows of a category whose
    levels are too many to name: nulls, levels and others add up to all rows.
    """

    kind: Kind
    dtype: str
    nulls: int
    low: float | None = None
    high: float | None = None
    levels: dict[str, int] | None = None
    others: int = 0


@dataclass(frozen=True, kw_only=True)
class Side:
    """`rows` all rows, `sample` at most `drift.sample` of them as a polars DataFrame, `mark` the data's fingerprint.

    The sample has no text columns. Its numbers keep their type with NaN as null, its times are seconds since 1970
    (UTC), its categories are text.
    """

    rows: int
    columns: dict[str, Column]
    sample: "pl.DataFrame" = field(repr=False)
    mark: str = ""


def running(column: str, one: Side, two: Side) -> bool:
    """Say whether a number looks like an id or a clock: whole, and never twice in either sample."""
    for values in (side.sample[column].drop_nulls() for side in (one, two)):
        whole = values.dtype.is_integer() or bool((values == values.floor()).all())
        if not whole or values.n_unique() < len(values):
            return False
    return True
