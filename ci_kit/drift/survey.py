"""From rows to a side: a deterministic sample of them and the exact facts of all, in few streaming passes."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import polars as pl

from ci_kit.data import reading
from ci_kit.drift.facts import Subject, facts
from ci_kit.drift.hashing import hashed, mixed
from ci_kit.drift.side import Column, Kind, Side

_HASH, _ROW = "\x00hash", "\x00row"
_FAIR = 0.9
_DAY = r"^\s*\d{4}-\d\d-\d\d"


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
    surveyed, and text is `time` where all values of the sample are times. The sample is drawn and ordered by the hash
    of `key` where that names rows, else of the row's number. Raises UserError, naming the data by `name`, when it can't
    be read.
    """
    with reading(name):
        schema = frame.collect_schema()
        asked: Mapping[str, Kind | None] = (
            {one: None for one in schema if one not in key} if columns is None else columns
        )
        subjects = [
            Subject(name=one, kind=kind_of(schema[one], kind), dtype=schema[one], levels=(levels or {}).get(one))
            for one, kind in asked.items()
            if one in schema
        ]
        rows = int(frame.select(pl.len()).collect(engine="streaming").item())
        values = [one.value for one in subjects if one.kind != "text"]
        names = [one for one in key if one in schema]
        some = _sample(frame, values, names if len(names) == len(key) else [], rows, sample)
        if columns is None:
            subjects, some = _timed(subjects, some)
        known = facts(frame, subjects, some, rows)
    found = {one: _trusted(column, asked[one], rows) for one, column in known.items()}
    kept = [one for one, column in found.items() if column.kind != "text" and one in some.columns]
    return Side(rows=rows, columns=found, sample=some.select(kept), mark=mark)


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


def _timed(subjects: Sequence[Subject], some: pl.DataFrame) -> tuple[list[Subject], pl.DataFrame]:
    """Take text that is a time in every row of the sample for times: CSV and JSON have none of their own."""
    clocks = [replace(one, kind="time") for one in subjects if one.dtype == pl.String and some[one.name].count()]
    # Polars takes 1-2-3 for a day of the year 1.
    read = some.select(pl.when(pl.col(one.name).str.contains(_DAY)).then(one.value) for one in clocks)
    times = {one.name: one for one in clocks if read[one.name].null_count() == some[one.name].null_count()}
    return [times.get(one.name, one) for one in subjects], some.with_columns(read[name] for name in times)


def _trusted(column: Column, asked: Kind | None, rows: int) -> Column:
    """Take a column without a value for what it should be: nothing speaks against it."""
    if asked in (None, column.kind) or column.nulls < rows:
        return column
    return replace(column, kind=asked, low=None, high=None, levels={} if asked == "category" else None)


def _sample(frame: pl.LazyFrame, values: Sequence[pl.Expr], key: Sequence[str], rows: int, size: int) -> pl.DataFrame:
    """Return the `size` rows of the smallest hashes (fewer where there are not as many)."""
    source = frame if key else frame.with_row_index(_ROW)
    number = hashed(key, frame.collect_schema()) if key else mixed(pl.col(_ROW).cast(pl.UInt64))
    # Six standard deviations more than are needed pass the threshold; the smallest of them are kept.
    share = (size + 6 * math.sqrt(size) + 10) / max(rows, 1)
    if share < 1:
        source = source.filter(number < pl.lit(int(share * 2**64), pl.UInt64)).head(2 * size)
    found = source.select(number.alias(_HASH), *values).collect(engine="streaming")
    if key and (found.height < min(rows, size) or found[_HASH].n_unique() < _FAIR * found.height):
        # Rows that share their key are all in or all out: no fair sample.
        return _sample(frame, values, (), rows, size)
    return found.sort(_HASH, maintain_order=True).head(size).drop(_HASH)
