"""Leakage: rows of one data set that stand in another one too."""

import polars as pl

from ci_kit.errors import UserError
from ci_kit.parts import Check
from ci_kit.sections import Overlap
from ci_kit.validate.plans import row_hash
from ci_kit.validate.source import Source
from ci_kit.validate.wording import check, hidden, samples, share

_ROW, _HASH = "\x00row", "\x00hash"  # no names of columns that people give


def overlap(pair: Overlap, first: Source, second: Source, shown: int) -> Check:
    """Count, exactly, the rows of the second data set that the first one has too.

    Rows are equal where all compared columns are, nulls included; columns may stand in any order. Raises UserError if
    a column is missing, or if the two have different types that no common type can hold.
    """
    columns = _columns(pair, first, second)
    by = ", ".join(pair.by) if pair.by else "whole row"
    title = f"{second.name} shares no row with {first.name} ({by})"
    path = f"overlap/{first.name}/{second.name}"
    with second.reading(), first.reading():
        one, two = _same_types(first, second, columns)
        rows = _shared(one, two, columns)
    count = len(rows)
    if not count:
        return check(path, title, "pass", f"none of {second.height:,} rows", "")
    some = tuple(one for one in second.shown(columns) if one not in first.sensitive)
    which = rows[_ROW].head(shown).to_list()
    detail = samples(some, which, rows.select(some).head(shown).rows()) if some else hidden(columns)
    return check(path, title, "fail", share(count, second.height), "", detail=detail if which else "")


def _columns(pair: Overlap, first: Source, second: Source) -> list[str]:
    columns = list(pair.by) or [name for name in first.columns if name in second.columns]
    for source in (first, second):
        missing = [name for name in columns if name not in source.columns]
        if missing:
            hint = f"It has: {', '.join(source.columns[:10])}"
            raise UserError(f"overlap: data set {source.name!r} has no column {', '.join(missing)}", hint=hint)
    if not columns:
        raise UserError(f"overlap: {first.name!r} and {second.name!r} have no column in common", hint="Set `by`")
    return columns


def _same_types(first: Source, second: Source, columns: list[str]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    one, two = first.rows.select(columns), second.rows.select(columns)
    left, right = one.collect_schema(), two.collect_schema()
    for name in columns:
        if _text(left[name]) != _text(right[name]):
            why = f"{left[name]} in {first.name!r}, {right[name]} in {second.name!r}"
            raise UserError(f"overlap: {name!r} can't be compared", why=why, hint="Give both the same type")
    try:
        common = pl.concat([one.head(0), two.head(0)], how="vertical_relaxed").collect().schema
    except pl.exceptions.PolarsError as error:
        why = next(iter(str(error).splitlines()), "")[:160]
        raise UserError(f"overlap: {first.name!r} and {second.name!r} have different types", why=why) from error
    return one.cast(common), two.cast(common)


def _text(dtype: pl.DataType) -> bool:
    return dtype in (pl.String, pl.Categorical, pl.Enum)


def _shared(one: pl.LazyFrame, two: pl.LazyFrame, columns: list[str]) -> pl.DataFrame:
    """Return the rows of `two`, with their number, that are in `one`: found by hash, then compared for real."""
    mark = row_hash(columns).alias(_HASH)
    hashes = one.select(mark).unique()
    near = two.with_row_index(_ROW).with_columns(mark).join(hashes, on=_HASH, how="semi", maintain_order="left")
    candidates = near.collect(engine="streaming")
    if candidates.is_empty():
        return candidates
    known = one.with_columns(mark).join(candidates.lazy().select(_HASH).unique(), on=_HASH, how="semi")
    exact = candidates.lazy().join(known.unique(), on=columns, how="semi", nulls_equal=True, maintain_order="left")
    return exact.collect(engine="streaming").sort(_ROW)
