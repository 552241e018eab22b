"""Times as data sets write them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_FORMS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800


def moment(one: "pl.Expr") -> "pl.Expr":
    """Return the time (UTC) that each text says in ISO 8601, null where it says none."""
    import polars as pl

    # One form only: a guess would read 1/2/2026 as February in one row and 31/1/2026 as January in the next.
    text = one.str.strip_chars().str.replace("T", " ", literal=True).str.replace("Z$", "+00:00")
    zoned = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f%:z", strict=False, time_unit="us").dt.convert_time_zone("UTC")
    bare = [text.str.to_datetime(form, strict=False, time_unit="us").dt.replace_time_zone("UTC") for form in _FORMS]
    return pl.coalesce(zoned, *bare)


def epoch(column: str, dtype: "pl.DataType") -> "pl.Expr":
    """Return the microseconds since 1970 (UTC) that each value says, null where that is no time of years 1 to 9999.

    Dates, times with and without zone (UTC), ISO 8601 text, and numbers, each by its own size: seconds below 1e11 (the
    year 5138), milliseconds below 1e14, microseconds below 1e17, else nanoseconds.
    """
    import polars as pl

    one = pl.col(column)
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        found = one.cast(pl.Datetime("us", getattr(dtype, "time_zone", None))).cast(pl.Int64)
    elif dtype == pl.String:
        found = moment(one).dt.epoch("us")
    elif dtype.is_numeric():
        number = one.cast(pl.Float64)
        size = number.abs()
        scale = pl.when(size < 1e11).then(1e6).when(size < 1e14).then(1e3).when(size < 1e17).then(1.0).otherwise(1e-3)
        found = (number * scale).round().cast(pl.Int64, strict=False)
    else:
        return pl.lit(None, pl.Int64)
    return pl.when(found.is_between(_YEAR_1 * 10**6, _YEAR_10000 * 10**6, closed="left")).then(found)
