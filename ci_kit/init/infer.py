"""From what the rows of a column say to what its schema allows: pure rules.

A number may lie up to a tenth of the observed range (SLACK) beyond its least and greatest value, of a constant a tenth
of its size; limits are rounded outwards to three digits. What is never negative stays so, what is never positive, too,
and what lies between 0 and 1 stays a share. Whole numbers with two values, and the classes of a target, are listed, and
so are the texts of at most CATEGORIES values. What names rows is unique and has no upper limit, as more will come.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from ci_kit.init.facts import FORMS, Facts

SLACK = 0.1
DIGITS = 3
SHOWN = 5
_PLAIN: dict[Any, str] = {
    pl.String: "str",
    pl.Int64: "int",
    pl.Float64: "float",
    pl.Boolean: "bool",
    pl.Date: "pl.Date",
    pl.Time: "pl.Time",
    pl.Float32: "pl.Float32",
    **{kind: f"pl.{kind}" for kind in (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)},
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A column in the schema: its type as Python text, what Field is given (values), and what to look at.

    Without a type the column is not described; `form` asks for a check that each text is a date of this form.
    """

    name: str
    kind: str = ""
    given: tuple[tuple[str, Any], ...] = ()
    look: tuple[str, ...] = ()
    form: str = ""


def rule(facts: Facts, *, target: bool = False, classes: bool = False) -> Rule:
    """Return the rule of a column; `target` is the truth, and `classes` says that it is one of few labels."""
    kind = _kind(facts.dtype)
    if not kind or not _nameable(facts.name):
        return Rule(name=facts.name, look=(_undescribed(facts, kind),))
    given: list[tuple[str, Any]] = []
    named = facts.names and not facts.form and not target
    if named:
        given.append(("unique", True))
    listed = _listed(facts, classes) and not named
    if listed:
        given.append(("isin", list(facts.values)))
    elif facts.dtype.is_numeric() and facts.low is not None:
        given += _limits(facts, named)
    if facts.missing:
        given.append(("nullable", True))
    # A file of text whose numbers happen to be whole is read as one of integers; mixed types become one.
    if (facts.dtype.is_float() and facts.bare) or facts.types:
        given.append(("coerce", True))
    return Rule(name=facts.name, kind=kind, given=tuple(given), look=tuple(_looks(facts, listed)), form=facts.form)


def _kind(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Datetime):
        zone = f'"{dtype.time_zone}"' if dtype.time_zone and re.fullmatch(r"[\w/+-]+", dtype.time_zone) else None
        return f'Annotated[pl.Datetime, "{dtype.time_unit}", {zone}]' if zone or not dtype.time_zone else ""
    if isinstance(dtype, pl.Categorical):
        return "pl.Categorical"
    return next((text for kind, text in _PLAIN.items() if dtype == kind), "")


def _nameable(name: str) -> bool:
    # Polars reads the latter as a pattern of names, and pandera an empty alias as none.
    return bool(name) and not (name.startswith("^") and name.endswith("$"))


def _undescribed(facts: Facts, kind: str) -> str:
    why = "this name can't be used in a schema" if kind else f"{facts.dtype} is no type of a table's cell"
    return f"column {shown(facts.name)} is not described: {why}"


def _listed(facts: Facts, classes: bool) -> bool:
    if not facts.values:
        return False
    return classes or not facts.dtype.is_integer() or facts.distinct == 2


def _limits(facts: Facts, named: bool) -> list[tuple[str, Any]]:
    whole = facts.dtype.is_integer()
    low, high = (int(one) if whole else float(one) for one in (facts.low, facts.high))
    if named:
        return [("ge", 0)] if low >= 0 else []
    span = (high - low) or abs(low)
    beyond = int(SLACK * span) if whole else SLACK * span
    least, most = (low - beyond, high + beyond) if whole else (_down(low - beyond), -_down(-(high + beyond)))
    if not math.isfinite(least) or not math.isfinite(most):
        return []
    least = max(least, 0) if low >= 0 else least
    most = min(most, 0) if high <= 0 else most
    if whole:
        least, most = max(least, _edge(facts.dtype, 0)), min(most, _edge(facts.dtype, 1))
    elif low >= 0 and high <= 1:
        most = min(most, 1.0)
    return [("ge", least)] + ([] if facts.nan else [("le", most)])


def _edge(dtype: pl.DataType, side: int) -> int:
    """Return the least (0) or the greatest (1) whole number of a type."""
    bits = int(str(dtype).removeprefix("U").removeprefix("Int"))
    signed = str(dtype).startswith("I")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)[side] if signed else (0, 2**bits - 1)[side]


def _down(value: float) -> float:
    """Round towards minus infinity to DIGITS digits, and never above the value."""
    if not value or not math.isfinite(value):
        return value
    places = DIGITS - 1 - math.floor(math.log10(abs(value)))
    rounded = math.floor(value * 10.0**places) if abs(places) < 300 else value
    result = round(rounded / 10.0**places, max(places, 0)) if rounded is not value else value
    return min(result, value)


def _looks(facts: Facts, listed: bool) -> list[str]:
    """Return what a person should look at, in words that hold values only as Python writes them."""
    found = []
    if facts.types:
        found.append(f"the files have different types: {', '.join(facts.types)}")
    if facts.dtype == pl.String and 2 * facts.numbers > facts.rows - facts.missing and not facts.names:
        found.append(_numbers(facts))
    if facts.form in FORMS[-5:]:
        found.append(f"dates as {shown(facts.form)}; ISO 8601 (2026-05-31) is understood everywhere")
    if facts.missing:
        found.append(f"{facts.missing:,} of {facts.rows:,} are missing")
    if facts.nan:
        found.append("to polars NaN is above every limit, so there is no upper one: write nothing (null) for it")
    if facts.distinct == 1:
        found.append("the same value in every row")
    if facts.infinite:
        found.append("some values are infinite, and not within the limits")
    for where, values in facts.alone.items() if listed else ():
        found.append(f"only in {where}: {listing(values)}")
    return found


def _numbers(facts: Facts) -> str:
    if facts.odd:
        few = facts.rows - facts.missing - facts.numbers
        return f"{few:,} of {facts.rows:,} are no numbers, such as {listing(facts.odd)}: so this is text"
    if facts.spaced:
        return "numbers with spaces around them are text: write the file without spaces"
    return "all of them are numbers, kept as text"


def listing(values: tuple[Any, ...]) -> str:
    """Return the first few values as Python writes them, in one line."""
    return ", ".join(map(shown, values[:SHOWN])) + (f" and {len(values) - SHOWN} more" if len(values) > SHOWN else "")


def shown(value: Any) -> str:
    """Return a value as Python writes it, cut: no line break and no hidden character is left in it."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
