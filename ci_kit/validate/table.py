"""What the rules ask of a table, whichever library holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many rows break a rule, and the numbers (from 0) of the first few of them.

    `whole` says that the rule speaks of the data set as a whole, so that there are no rows to show.
    """

    bad: int
    rows: tuple[int, ...] = ()
    whole: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A column or a table that is not what the schema says, before any value is looked at."""

    column: str | None
    rule: str
    observed: str
    limit: str
    samples: tuple[str, ...] = ()
    unusable: bool = False


class Table(Protocol):
    """Rows with the operations that pandera's rules need; `parse` comes first."""

    height: int
    columns: list[str]

    def parse(self, schema: Any) -> list[Fault]:
        """Coerce, fill and order as the schema says, and return what does not fit."""

    def matching(self, column: Any) -> list[str]:
        """Return the columns that a regular-expression column of the schema stands for."""

    def nulls(self, column: str) -> Tally:
        """Count nulls, and NaN in a column of floats."""

    def duplicates(self, columns: Sequence[str], keep: str) -> Tally:
        """Count the rows whose values in these columns occur more than once."""

    def check(self, check: Any, column: str | None) -> Tally:
        """Count the rows that fail a pandera check of a column, or of the whole table."""

    def values(self, columns: Sequence[str], rows: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return the values of some rows."""
