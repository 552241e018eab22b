"""What needs no schema: how many rows, how fresh, and whether the key names each row once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import polars as pl

from ci_kit.data.times import moment
from ci_kit.parts import Check
from ci_kit.sections import Freshness, duration
from ci_kit.validate.plans import duplicated, pick
from ci_kit.validate.source import Source
from ci_kit.validate.wording import check, hidden, samples, share


def limits(source: Source, shown: int, now: datetime) -> Iterator[Check]:
    """Yield the checks of rows, freshness and key that the data set asks for."""
    yield _rows(source)
    if source.dataset.fresh:
        yield _fresh(source, source.dataset.fresh, now)
    if source.dataset.key:
        yield _key(source, shown)


def _rows(source: Source) -> Check:
    low, high = source.dataset.min_rows, source.dataset.max_rows
    limit = f"≥ {low:,}" if high is None else f"{low:,} to {high:,}"
    good = source.height >= low and (high is None or source.height <= high)
    return check(f"rows/{source.name}", f"{source.name}: rows", "pass" if good else "fail", f"{source.height:,}", limit)


def _fresh(source: Source, fresh: Freshness, now: datetime) -> Check:
    path, title = f"fresh/{source.name}", f"{source.name}.{fresh.column}: newest value"
    limit = f"at most {fresh.within} old"
    if fresh.column not in source.columns:
        return check(path, title, "fail", "no such column", limit)
    with source.reading():
        newest = source.rows.select(_time(source.rows.collect_schema()[fresh.column], fresh.column)).collect().item()
    if newest is None:
        detail = "Every value must be a date or a time, in text as ISO 8601: 2026-05-31 or 2026-05-31T08:00:00Z."
        return check(path, title, "fail", "no times", limit, detail=detail)
    when = _aware(newest)
    age = now - when
    seen = f"{_span(age)} old" if age >= timedelta(0) else f"{_span(-age)} in the future"
    if fresh.column not in source.sensitive:
        seen += f" ({when:%Y-%m-%d %H:%M:%S} UTC)"
    if age < timedelta(0):
        return check(path, title, "warn", seen, limit, detail="A date in the future hides how old the rest is.")
    return check(path, title, "pass" if age <= duration(fresh.within) else "fail", seen, limit)


def _time(dtype: pl.DataType, column: str) -> pl.Expr:
    """Return the newest value as an expression, null where the column holds no times."""
    one = pl.col(column)
    if dtype.is_temporal() and (dtype == pl.Date or isinstance(dtype, pl.Datetime)):
        return one.max()
    if dtype != pl.String:
        return pl.lit(None)
    when = moment(one)
    return pl.when((when.is_null() & one.is_not_null()).any()).then(None).otherwise(when.max())


def _aware(newest: date | datetime) -> datetime:
    when = newest if isinstance(newest, datetime) else datetime(newest.year, newest.month, newest.day, tzinfo=UTC)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _span(age: timedelta) -> str:
    seconds = age.total_seconds()
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def _key(source: Source, shown: int) -> Check:
    key = source.dataset.key
    path, title, limit = f"key/{source.name}", f"{source.name}: key {' + '.join(key)}", "names each row once"
    missing = [column for column in key if column not in source.columns]
    if missing:
        return check(path, title, "fail", f"no column {', '.join(missing)}", limit)
    with source.reading():
        lacking = source.rows.select(pl.any_horizontal(pl.col(key).is_null())).collect().to_series()
        bad = duplicated(source.rows, key) | lacking
    if not bad.any():
        return check(path, title, "pass", f"all {source.height:,} rows", limit)
    first = bad.arg_true().head(shown).to_list()
    columns = source.shown(key)
    detail = samples(columns, first, pick(source.rows, columns, first)) if columns else hidden(key, first)
    seen = f"{share(int(bad.sum()), source.height)} share their key or lack it"
    return check(path, title, "fail", seen, limit, detail=detail if first else "")
