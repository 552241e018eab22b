"""The current data, cut into windows that are judged once each: by time, by rows, or all of it as one.

A window's id says where it begins and how long it is, so the same data gives the same windows whenever they are cut,
and the ids sort by time as text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ci_kit.data import reading
from ci_kit.drift.clock import FORM, Clock, Placed, parsed
from ci_kit.errors import UserError
from ci_kit.sections import Window, duration

CATCH_UP = 60
"""At most so many missed windows are judged in one run."""
_TIMED = re.compile(r"^(\d{8}t\d{6}z)-(\d+[smhdw])$")
_COUNTED = re.compile(r"^(\d{12})-(\d+)$")


@dataclass(frozen=True, kw_only=True)
class Cut:
    """One window: `start` and `end` are seconds since 1970 (UTC), or row numbers, the end not included.

    `rows` are its rows; `unplaced` are those of the whole data set whose time can't be read, `future` those of which it
    lies in the future, `left` the windows that were due and are too many to catch up with; these are the same for all
    windows of a run.
    """

    id: str
    start: float
    end: float
    words: str
    rows: int
    frame: pl.LazyFrame = field(repr=False)
    unplaced: int = 0
    future: int = 0
    left: int = 0


def cuts(
    frame: pl.LazyFrame,
    window: Window | None,
    *,
    mark: str,
    now: datetime,
    after: str | None,
    last: int | None = 1,
    name: str = "the current data",
) -> list[Cut]:
    """Return the complete windows that are due, oldest first.

    Those after the window `after` (at most CATCH_UP, the newest), or the newest again where there is none, so that a
    run may be repeated. Without `after` the `last` windows. With `last` None all that have rows, for a replay.
    Raises UserError, naming the data by `name`, when there is no complete window, when there were no rows for two
    windows and none in those that are due, when rows that were judged are gone, when the column of times is missing or
    holds none, and when the data can't be read.
    """
    with reading(name):
        if window is None:
            return _whole(frame, mark, name)
        if window.rows:
            return _counted(frame, window.rows, after, last, name)
        return _timed(frame, window, now, after, last, name)


def _whole(frame: pl.LazyFrame, mark: str, name: str) -> list[Cut]:
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    if not rows:
        raise UserError(f"no rows in {name}", hint="Is it the right file?", code="data/empty")
    found = f"all-{mark.rpartition(':')[2][:12]}"
    return [Cut(id=found, start=0, end=rows, words="all data", rows=rows, frame=frame)]


def _counted(frame: pl.LazyFrame, size: int, after: str | None, last: int | None, name: str) -> list[Cut]:
    rows = int(frame.select(pl.len()).collect(engine="streaming").item())
    before = _COUNTED.match(after or "")
    ended = int(before[1]) + int(before[2]) if before else 0
    if ended > rows:
        # The numbers of its rows begin again: the ids of its windows would be those of others in the history.
        why = f"it has {rows:,} rows, but windows up to row {ended:,} were judged"
        hint = "Was it rotated? Use windows by time (`drift.window.every`), or another `drift.monitor`"
        raise UserError(f"rows of {name} are gone", why=why, hint=hint)
    if rows < size:
        raise UserError(f"no complete window of {size:,} rows yet", why=f"{rows:,} in {name}", hint="Wait for more")
    chosen, left = _due(0, rows // size, -(-ended // size) if before else None, last)
    return [
        Cut(
            id=f"{one * size:012d}-{size}",
            start=one * size,
            end=(one + 1) * size,
            words=f"rows {one * size + 1:,} to {(one + 1) * size:,}",
            rows=size,
            frame=frame.slice(one * size, size),
            left=left,
        )
        for one in chosen
    ]


def _timed(
    frame: pl.LazyFrame, window: Window, now: datetime, after: str | None, last: int | None, name: str
) -> list[Cut]:
    clock, column = Clock(window.every or ""), window.column or ""
    placed = Placed.of(frame, column, clock, now, name)
    rows, unplaced, newest = placed.rows, placed.unplaced, placed.newest
    first, end = min(rows), clock.number(now)
    if newest is None:
        why = f"the first is of {clock.moment(first):%Y-%m-%d %H:%M} UTC or later"
        raise UserError(f"all times of {name} lie in the future", why=why, hint="Is it their unit, or their time zone?")
    if first >= end:
        why = f"the first row is of the one that ends {clock.moment(first + 1):%Y-%m-%d %H:%M} UTC"
        raise UserError(f"no complete window of {clock.every} in {name}", why=why, hint="Wait until it has ended")
    before = _TIMED.match(after or "")
    judged = clock.number(parsed(before[1]) + duration(before[2]), up=True) if before else None
    chosen, left = _due(first, end, judged, last)
    if last is None:
        chosen = sorted(one for one in rows if one < end)
    elif not rows.keys() & {*chosen, end - 2}:
        # One window without rows may be a day off, and is judged; a second one is a log that ended.
        why = f"the newest row is of {newest:%Y-%m-%d %H:%M} UTC"
        why += f", and {unplaced:,} rows have no readable time" if unplaced else ""
        hint = "Does its writer still write, and does `path` name its files?"
        empty = clock.words(max(one for one in rows if one < end) + 1, "and", end)
        raise UserError(f"no rows between {empty} in {name}", why=why, hint=hint)
    dtype = frame.collect_schema()[column]
    return [
        Cut(
            id=f"{clock.moment(one):{FORM}}-{clock.every}",
            start=clock.moment(one).timestamp(),
            end=clock.moment(one + 1).timestamp(),
            words=clock.words(one, "to"),
            rows=rows.get(one, 0),
            frame=frame.filter(clock.inside(column, dtype, one)),
            unplaced=unplaced,
            future=placed.future,
            left=left,
        )
        for one in chosen
    ]


def _due(first: int, end: int, judged: int | None, last: int | None) -> tuple[Sequence[int], int]:
    """Return the numbers of the windows to judge, of those from `first` to `end`, and how many were left out."""
    if last is None:
        return range(first, end), 0
    if judged is None:
        return range(max(first, end - last), end), 0
    begin = min(max(judged, first), end - 1)
    return range(max(begin, end - CATCH_UP), end), max(0, end - CATCH_UP - begin)
