"""From rows to a side: exact facts of all rows and a deterministic sample, in two streaming passes.

The first pass reads every column for counts, extremes and the sample, the second the categories alone for their
levels. Whether a text column is a category is first asked of the sample, so that a column of a million distinct texts
is never grouped.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from ci_kit.data import reading
from ci_kit.data.times import epoch
from ci_kit.drift.hashing import hashed, mixed
from ci_kit.drift.levels import count
from ci_kit.drift.side import Column, Kind, Side

_HASH, _ROW = "\x00hash", "\x00row"


def survey(
    frame: pl.LazyFrame,
    columns: Mapping[str, Kind] | None,
    *,
    sample: int,
    key: Sequence[str] = (),
    levels: Mapping[str, Collection[str]] | None = None,
    mark: str = "",
    name: str = "the data",
) -> Side:
    """Return the facts of all rows and the `sample` rows whose hashes are the smallest.

    `columns` are the kinds of the reference and `levels` its categories' levels: a column that the frame lacks is left
    out, one that can't be of that kind has its own, one without a value has any. Without `columns` all but the key are
    surveyed. The sample is drawn and ordered by the hash of `key` where that names rows, else of the row's number.
    Raises UserError, naming the data by `name`, when it can't be read.
    """
    with reading(name):
        schema = frame.collect_schema()
        asked: Mapping[str, Kind | None] = columns or {one: None for one in schema if one not in key}
        kinds = {one: kind_of(schema[one], kind) for one, kind in asked.items() if one in schema}
        values = {one: _value(one, kind, schema[one]) for one, kind in kinds.items()}
        rows = int(frame.select(pl.len()).collect(engine="streaming").item())
        facts = frame.select(_facts(kinds, values)).collect(engine="streaming").row(0, named=True)
        known = {one: expr for one, expr in values.items() if kinds[one] != "text"}
        some = _sample(frame, known, [one for one in key if one in schema], rows, sample)
        categories = {one: values[one] for one, kind in kinds.items() if kind == "category"}
        counted = count(frame, categories, some, levels or {})
    found = {one: _column(one, kinds[one], asked[one], schema[one], facts, counted.get(one), rows) for one in kinds}
    kept = [one for one, column in found.items() if column.kind != "text"]
    return Side(rows=rows, columns=found, sample=some.select(kept), mark=mark)


def _column(
    name: str,
    kind: Kind,
    asked: Kind | None,
    dtype: pl.DataType,
    facts: Mapping[str, Any],
    counted: tuple[dict[str, int], int] | None,
    rows: int,
) -> Column:
    nulls = facts[f"nulls/{name}"]
    if asked and nulls == rows:  # nothing speaks against it
        kind, counted = asked, ({}, 0) if asked == "category" else None
    elif kind == "category" and counted is None:
        kind = "text"
    return Column(
        kind=kind,
        dtype=str(dtype),
        nulls=nulls,
        low=facts.get(f"low/{name}"),
        high=facts.get(f"high/{name}"),
        levels=counted[0] if counted else None,
        others=counted[1] if counted else 0,
    )


def kind_of(dtype: pl.DataType, asked: Kind | None = None) -> Kind:
    """Return the kind of a column: the one asked for where its type can be that, else its own."""
    own: Kind = "text"
    if dtype.is_numeric():
        own = "number"
    elif dtype == pl.Boolean or dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        own = "category"
    elif dtype == pl.Date or isinstance(dtype, pl.Datetime):
        own = "time"
    # What a CSV file shows as integers may be the names of classes, and JSON has no times.
    fits = {"category": dtype.is_integer(), "time": dtype == pl.String, "text": not dtype.is_nested(), "number": False}
    return asked if asked and (fits[asked] or dtype == pl.Null) else own


def _value(column: str, kind: Kind, dtype: pl.DataType) -> pl.Expr:
    one = pl.col(column)
    if kind == "time":
        return (epoch(column, dtype) / 1e6).alias(column)
    if kind == "category":
        return one.cast(pl.String)
    if kind == "number":
        if dtype.is_float():
            return one.fill_nan(None)
        return one if dtype.is_integer() else one.cast(pl.Float64)
    return one


def _facts(kinds: Mapping[str, Kind], values: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    facts = [expr.null_count().alias(f"nulls/{one}") for one, expr in values.items()]
    for one, kind in kinds.items():
        if kind in ("number", "time"):
            facts.append(values[one].min().cast(pl.Float64).alias(f"low/{one}"))
            facts.append(values[one].max().cast(pl.Float64).alias(f"high/{one}"))
    return facts


def _sample(
    frame: pl.LazyFrame, values: Mapping[str, pl.Expr], key: Sequence[str], rows: int, size: int
) -> pl.DataFrame:
    """Return the `size` rows of the smallest hashes (fewer where there are not as many)."""
    schema = frame.collect_schema()
    source = frame if key else frame.with_row_index(_ROW)
    number = hashed(key, schema) if key else mixed(pl.col(_ROW).cast(pl.UInt64))
    # Six standard deviations more than are needed pass the threshold; the smallest of them are kept.
    share = (size + 6 * math.sqrt(size) + 10) / max(rows, 1)
    chosen = source.with_columns(number.alias(_HASH))
    if share < 1:
        chosen = chosen.filter(pl.col(_HASH) < int(share * 2**64)).head(2 * size)
    found = chosen.select(pl.col(_HASH), *values.values()).collect(engine="streaming")
    if key and (found.height < min(rows, size) or found[_HASH].n_unique() < 0.9 * found.height):
        # Rows that share their key are all in or all out: no fair sample.
        return _sample(frame, values, (), rows, size)
    return found.sort(_HASH, maintain_order=True).head(size).drop(_HASH)
