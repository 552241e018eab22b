"""What a pandera schema, of either flavour, says of one column: its kind and what values may stand in it."""

import re
from dataclasses import replace
from typing import Any

from ci_kit.errors import UserError
from ci_kit.serving.contract import Column, Kind

_KINDS: tuple[tuple[str, Kind], ...] = (("int", "whole"), ("float", "number"), ("decimal", "number"), ("bool", "flag"))
_TEXTS = ("str", "object", "categor", "enum", "utf8", "large_")


def spec(schema: Any, name: str) -> Any:
    """Return pandera's own description of a column, that of a pattern which fits included; None where there is none."""
    schema = schema.to_schema() if hasattr(schema, "to_schema") else schema
    if name in schema.columns:
        return schema.columns[name]
    regexes = (one for pattern, one in schema.columns.items() if one.regex and re.match(pattern, name))
    return next(regexes, None)


def described(schema: Any, name: str) -> Column | None:
    """Return what the schema says of a column, None where it does not know it; raise UserError as `kind_of` does."""
    found = spec(schema, name)
    if found is None:
        return None
    column = Column(name=name, kind=kind_of(name, str(found.dtype)), nullable=bool(found.nullable))
    for check in found.checks:
        column = _narrowed(column, check)
    return column


def kind_of(name: str, dtype: str) -> Kind:
    """Return the kind of values that a type of polars or pandas holds; raise UserError for any other, such as dates."""
    kinds = [kind for start, kind in _KINDS if start in dtype.lower()]
    kinds += ["text" for start in _TEXTS if start in dtype.lower()]
    if not kinds:
        raise UserError(f"column {name!r} holds neither numbers, text nor flags", why=f"its type is {dtype}")
    return kinds[0]


def _narrowed(column: Column, check: Any) -> Column:
    """Return the column with what one built-in check of pandera allows of it."""
    known = check.statistics or {}
    low, high, value = known.get("min_value"), known.get("max_value"), known.get("value")
    match check.name:
        case "greater_than_or_equal_to" | "greater_than":
            return _from(column, low, check.name == "greater_than")
        case "less_than_or_equal_to" | "less_than":
            return _to(column, high, check.name == "less_than")
        case "in_range":
            column = _from(column, low, not known.get("include_min", True))
            return _to(column, high, not known.get("include_max", True))
        case "isin":
            return _among(column, known["allowed_values"])
        case "equal_to":
            return _among(column, [value])
        case "notin":
            return replace(column, out=(*column.out, *known["forbidden_values"]))
        case "not_equal_to":
            return replace(column, out=(*column.out, value))
        case "str_length":
            exact = known.get("exact_value")
            return _sized(column, low if exact is None else exact, high if exact is None else exact)
        case "str_matches":
            return replace(column, patterns=(*column.patterns, _text(known["pattern"])))
    return replace(column, unknown=(*column.unknown, str(check.name or "a check without a name")))


def _from(column: Column, low: Any, above: bool) -> Column:
    if column.low is None or low > column.low:
        return replace(column, low=low, above=above)
    return replace(column, above=column.above or above) if low == column.low else column


def _to(column: Column, high: Any, below: bool) -> Column:
    if column.high is None or high < column.high:
        return replace(column, high=high, below=below)
    return replace(column, below=column.below or below) if high == column.high else column


def _among(column: Column, values: Any) -> Column:
    among = tuple(values) if column.among is None else tuple(one for one in column.among if one in set(values))
    return replace(column, among=among)


def _sized(column: Column, short: Any, long: Any) -> Column:
    short = max((one for one in (column.short, short) if one is not None), default=None)
    return replace(column, short=short, long=min((one for one in (column.long, long) if one is not None), default=None))


def _text(pattern: Any) -> str:
    return str(getattr(pattern, "pattern", pattern))
