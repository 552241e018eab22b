"""The exact facts of all rows; only columns that are known to have few levels are grouped."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ci_kit.data.times import epoch
from ci_kit.drift.side import MAX_LEVELS, MAX_NEW, Column, Kind


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A column to survey: `kind` is what its type can be, `levels` are those of the reference where they are known."""

    name: str
    kind: Kind
    dtype: pl.DataType
    levels: Collection[str] | None = None

    @property
    def value(self) -> pl.Expr:
        """Its values as a side's sample has them."""
        one = pl.col(self.name)
        if self.kind == "time":
            return (epoch(self.name, self.dtype) / 1e6).alias(self.name)
        if self.kind == "category":
            return one.cast(pl.String)
        if self.dtype.is_float():
            return one.fill_nan(None)
        return one if self.dtype.is_integer() or self.kind == "text" else one.cast(pl.Float64)

    @property
    def grouped(self) -> bool:
        """Whether its levels must be grouped; the two of a truth value are counted."""
        return self.kind == "category" and self.dtype != pl.Boolean


def facts(frame: pl.LazyFrame, subjects: Sequence[Subject], sample: pl.DataFrame, rows: int) -> dict[str, Column]:
    """Return what all rows say of each column; a category with too many levels and no known ones is text.

    How many there are is first asked of the sample, so that a column of a million distinct texts is never grouped.
    """
    # One reading for all groups: CSV would be parsed once a column.
    few = frame.select(one.value for one in subjects if one.grouped).cache()
    groups = {one.name: _groups(few, one, sample) for one in subjects if one.grouped}
    final = [one if groups.get(one.name, few) is not None else replace(one, kind="text") for one in subjects]
    asked = [expr for one in final if not one.grouped for expr in _extremes(one)]
    # One after the other: both at once would hold twice as much in memory.
    first = frame.select(asked).collect(engine="streaming")
    lazy = {name: one for name, one in groups.items() if one is not None}
    counts = dict(zip(lazy, pl.collect_all(list(lazy.values()), engine="streaming"), strict=True))
    row = first.row(0, named=True) if asked else {}
    return {one.name: _category(one, counts[one.name], rows) if one.grouped else _plain(one, row) for one in final}


def _groups(few: pl.LazyFrame, one: Subject, sample: pl.DataFrame) -> pl.LazyFrame | None:
    """Return the rows of each level, those of all that have no name under null; None for a text."""
    values = few.select(level=one.name).drop_nulls()
    common = sample.select(level=one.name).drop_nulls().group_by("level").len()
    if common.height > MAX_LEVELS:
        if one.levels is None:
            return None
        named = sorted({*one.levels, *list(_ordered(common))[:MAX_LEVELS]})
        values = values.select(pl.when(pl.col("level").is_in(named)).then("level"))
    return values.group_by("level").len()


def _ordered(counts: pl.DataFrame) -> dict[str, int]:
    """Return the rows of each level, the most frequent first."""
    return dict(counts.drop_nulls().sort(["len", "level"], descending=[True, False]).iter_rows())


def _category(one: Subject, counts: pl.DataFrame, rows: int) -> Column:
    ordered, total = _ordered(counts), int(counts["len"].sum())
    dtype, nulls = str(one.dtype), rows - total
    if one.levels is None and len(ordered) > MAX_LEVELS:
        return Column(kind="text", dtype=dtype, nulls=nulls)
    known = ordered if one.levels is None else set(one.levels)
    new = [level for level in ordered if level not in known]
    levels = {level: count for level, count in ordered.items() if level not in set(new[MAX_NEW:])}
    return Column(kind="category", dtype=dtype, nulls=nulls, levels=levels, others=total - sum(levels.values()))


def _extremes(one: Subject) -> Iterator[pl.Expr]:
    column, name = pl.col(one.name), one.name
    if one.kind == "time":
        column = one.value
    yield column.null_count().alias(f"nulls/{name}")
    if one.dtype.is_float() and one.kind == "number":
        yield column.is_nan().sum().alias(f"nan/{name}")
    if one.kind in ("number", "time"):
        yield column.min().cast(pl.Float64).alias(f"low/{name}")
        yield column.max().cast(pl.Float64).alias(f"high/{name}")
    elif one.kind == "category":
        yield column.sum().alias(f"true/{name}")
        yield (~column).sum().alias(f"false/{name}")


def _plain(one: Subject, row: Mapping[str, Any]) -> Column:
    name = one.name
    nulls = int(row[f"nulls/{name}"]) + int(row.get(f"nan/{name}") or 0)
    low, high = (_number(row.get(f"{end}/{name}")) for end in ("low", "high"))
    levels = (
        {level: int(row[f"{level}/{name}"] or 0) for level in ("true", "false")} if one.kind == "category" else None
    )
    if levels is not None:
        levels = {level: count for level, count in levels.items() if count}
    return Column(kind=one.kind, dtype=str(one.dtype), nulls=nulls, low=low, high=high, levels=levels)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
