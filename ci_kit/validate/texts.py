"""A column of text that should be numbers, times or truths: which of its values are none, and why."""

import re
from dataclasses import replace

import polars as pl

from ci_kit.data.times import moment
from ci_kit.validate.table import Fault
from ci_kit.validate.wording import value

# As many as a Result may show, see `validate.samples`.
FIRST = 50
_NOUNS = {
    r"u?int": "whole number",
    r"float|double|decimal": "number",
    r"bool": "true or false",
    r"datetime|timestamp": "time",
    r"date": "date",
}


def read(column: str, dtype: str) -> pl.Expr | None:
    """Return what turns text into truths, dates or times, null where it says none; None where a cast does that.

    Polars casts text to numbers alone.
    """
    one = pl.col(column)
    return {
        "true or false": one.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None),
        "time": moment(one).dt.replace_time_zone(None),
        "date": one.str.to_date("%Y-%m-%d", strict=False),
    }.get(_noun(dtype))


def explained(fault: Fault, values: pl.Series, *, polars: bool = True) -> Fault:
    """Return the fault of a column of text with the count and the first of the values that do not fit its type.

    A fault that wants text, or a type that no text stands for, is returned as it was.
    """
    noun = _noun(fault.limit)
    if not noun:
        return fault
    bad = _bad(values, noun)
    count, total = int(bad.sum()), len(values)
    if not count:
        as_what = noun if noun == "true or false" else f"a {noun}"
        return replace(fault, observed=f"{fault.observed}, each value can be read as {as_what}, {_cure(noun, polars)}")
    rows = bad.arg_true().head(FIRST).to_list()
    samples = tuple(f"row {row}: {value(one)}" for row, one in zip(rows, values.gather(rows), strict=True))
    no = "are not" if noun == "true or false" else "are no"
    observed = f"{fault.observed}, {count:,} of {total:,} values {no} {noun}{spaces(values.filter(bad), fault.limit)}"
    return replace(fault, observed=observed, samples=samples)


def _cure(noun: str, polars: bool) -> str:
    # Pandas takes every text for true, also "False".
    return "set coerce=True" if polars or noun != "true or false" else "convert it where it is read"


def spaces(values: pl.Series, dtype: str) -> str:
    """Return such as ` (leading spaces)` where white space is all that keeps the values from the type, else nothing."""
    noun = _noun(dtype)
    if values.dtype != pl.String or not noun:
        return ""
    text = values.str
    if not _bad(values, noun).any():
        return ""
    stripped = {
        "leading spaces": text.strip_chars_start(),
        "trailing spaces": text.strip_chars_end(),
        "spaces around them": text.strip_chars(),
    }
    return next((f" ({name})" for name, bare in stripped.items() if not _bad(bare, noun).any()), "")


def _noun(dtype: str) -> str:
    return next((noun for form, noun in _NOUNS.items() if re.match(form, dtype.lower())), "")


def _bad(values: pl.Series, noun: str) -> pl.Series:
    one = pl.col("values")
    good = {
        "whole number": one.str.contains(r"^[+-]?[0-9]+$"),
        "number": one.cast(pl.Float64, strict=False).is_not_null(),
        "true or false": one.str.contains("(?i)^(true|false)$"),
        "time": moment(one).is_not_null(),
        "date": one.str.to_date("%Y-%m-%d", strict=False).is_not_null(),
    }[noun]
    frame = values.alias("values").to_frame().lazy()
    return frame.select(~good & one.is_not_null()).collect().to_series().fill_null(value=False)
