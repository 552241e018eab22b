"""Which torn lines of a log lie among the rows of the windows that are judged: the others were told in their time."""

from collections.abc import Sequence

import polars as pl

from ci_kit.data.times import epoch
from ci_kit.drift.log import Torn
from ci_kit.drift.window import Cut
from ci_kit.sections import Window


def among(torn: list[Torn], frame: pl.LazyFrame, window: Window | None, chosen: Sequence[Cut]) -> list[Torn]:
    """Return those between, or right before or after, rows of their file that are in the windows, oldest first."""
    if not torn or window is None:
        return torn
    start, end = chosen[0].start, chosen[-1].end
    if window.column is None:
        return [one for one in torn if start <= one.row <= end]
    micros = epoch(window.column, frame.collect_schema()[window.column]).forward_fill().backward_fill()
    inside = (micros >= int(start * 1e6)) & (micros < int(end * 1e6))
    numbered = frame.select(inside.alias("inside"), pl.int_range(pl.len()).alias("row"))
    rows = numbered.filter("inside").select("row").collect()["row"]
    found = []
    for one in torn:
        mine = rows.filter(rows.is_between(one.begin, one.end, closed="left"))
        first, last = mine.min(), mine.max()
        if isinstance(first, int) and isinstance(last, int) and first <= one.row <= last + 1:
            found.append(one)
    return found
