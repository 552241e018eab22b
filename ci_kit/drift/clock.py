"""Times, placed in windows of one length."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import polars as pl

from ci_kit.data.times import epoch
from ci_kit.errors import UserError
from ci_kit.sections import duration

FORM = "%Y%m%dt%H%M%Sz"
SKEW = 300
"""Seconds that a writer's clock may be ahead of ours."""
_MONDAY = 4 * 86_400
"""1970 began on a Thursday."""


class Clock:
    """Windows of one length, numbered from 1970 (weeks from its first Monday)."""

    def __init__(self, every: str) -> None:
        self.every, self.size = every, int(duration(every).total_seconds())
        self.origin = _MONDAY if every.endswith("w") else 0

    def number(self, when: datetime, *, up: bool = False) -> int:
        """Return the number of the window that holds a time; with `up`, of the first that begins no earlier."""
        passed = int(when.timestamp()) - self.origin
        return -(-passed // self.size) if up else passed // self.size

    def numbers(self, micros: pl.Expr) -> pl.Expr:
        """Return the numbers of the windows that hold times in microseconds since 1970."""
        return (micros - self.origin * 10**6) // (self.size * 10**6)

    def moment(self, number: int) -> datetime:
        """Return when a window begins."""
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.origin + number * self.size)

    def words(self, number: int, between: str, end: int | None = None) -> str:
        """Say from when to when a window goes, or all windows before `end`."""
        form = "%Y-%m-%d %H:%M:%S" if self.size % 60 else "%Y-%m-%d %H:%M"
        return f"{self.moment(number):{form}} {between} {self.moment(end or number + 1):{form}} UTC"

    def inside(self, column: str, dtype: pl.DataType, number: int) -> pl.Expr:
        """Return which rows lie in a window."""
        if not isinstance(dtype, pl.Datetime):
            return self.numbers(epoch(column, dtype)) == number
        # A plain comparison lets polars leave out the parts of a Parquet file whose times are others.
        begin, end = (pl.lit(self.moment(one)).cast(pl.Datetime("us", "UTC")) for one in (number, number + 1))
        if dtype.time_zone is None:
            begin, end = begin.dt.replace_time_zone(None), end.dt.replace_time_zone(None)
        return pl.col(column).is_between(begin.cast(dtype), end.cast(dtype), closed="left")


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The rows of each window by its number, and how many have no readable time or lie in the `future`.

    `newest` is the last time of the others.
    """

    rows: dict[int, int]
    unplaced: int
    future: int
    newest: datetime | None

    @classmethod
    def of(cls, frame: pl.LazyFrame, column: str, clock: Clock, now: datetime, name: str) -> Self:
        """Place all rows; raise UserError where the column is missing or holds no time."""
        schema = frame.collect_schema()
        if column not in schema:
            raise UserError(
                f"no column {column!r:.80} in {name}", why="`drift.window.column` names it", hint="Mend the name"
            )
        micros, limit = epoch(column, schema[column]), int((now.timestamp() + SKEW) * 1e6)
        wanted = pl.len(), (pl.col("at") > limit).sum().alias("ahead"), pl.col("at").filter(pl.col("at") <= limit).max()
        found = frame.select(clock.numbers(micros).alias("window"), micros.alias("at")).group_by("window").agg(wanted)
        table = found.collect(engine="streaming")
        counts = dict(table.select("window", "len").iter_rows())
        unplaced = counts.pop(None, 0)
        if not counts:
            hint = "Times are dates, numbers since 1970 or text in ISO 8601: 2026-05-31T08:00:00Z"
            raise UserError(f"no times in the column {column!r:.80} of {name}", why=f"{unplaced:,} rows", hint=hint)
        last = table["at"].max()
        newest = None if last is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(str(last)))
        return cls(rows=counts, unplaced=unplaced, future=int(table["ahead"].sum()), newest=newest)


def parsed(text: str) -> datetime:
    """Return when the window whose id begins so begins."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)
