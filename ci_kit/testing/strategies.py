"""Rows drawn by hypothesis from a pandera schema, polars or pandas flavour, and the edges of each column."""

import math
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from ci_kit.errors import UserError
from ci_kit.evaluate.dataset import flavour
from ci_kit.evaluate.frames import Frame

__tracebackhide__ = True  # of each function here: a failure shows at the user's line

WIDE = 1_000_000  # a number without a bound in the schema is drawn from within ± this
CELLS = 200
LONG = 20  # characters of a text without a bound
_KINDS = (("int", "whole"), ("float", "number"), ("decimal", "number"), ("bool", "flag"))
_TEXTS = ("str", "object", "categor", "enum", "utf8", "large_")


class Columns:
    """How to draw the columns that a model reads; `edges` are the least and the greatest values, and what is odd."""

    def __init__(
        self, schema: Any, features: tuple[str, ...], given: Mapping[str, st.SearchStrategy[Any]] | None = None
    ) -> None:
        """Raise UserError for a column that the schema does not describe, or describes by a check of its own."""
        schema = schema.to_schema() if hasattr(schema, "to_schema") else schema
        self.pandas = flavour(schema) == "pandas"
        self.types: dict[str, Any] = {}
        self.draws: dict[str, st.SearchStrategy[Any]] = {}
        self.edges: dict[str, list[Any]] = {}
        for name in features:
            spec = _spec(schema, name)
            if spec is None and name not in (given or {}):
                raise UserError(f"the schema has no column {name!r}", hint=f"Pass strategies={{{name!r}: …}}")
            self.types[name] = getattr(getattr(spec, "dtype", None), "type", None)
            own = (given or {}).get(name)
            self.draws[name], self.edges[name] = (own, []) if own is not None else _draw(name, spec, self.pandas)

    def frames(self) -> st.SearchStrategy[Frame]:
        """Draw tables of 1 to 12 rows, fewer where there are many columns: drawing costs by the cell."""
        row, most = st.fixed_dictionaries(self.draws), max(2, min(12, CELLS // max(1, len(self.draws))))
        return st.lists(row, min_size=1, max_size=most).map(self.frame)

    def edge_frame(self) -> Frame | None:
        """Return a table whose rows hold the edges of every column, None where no column has any."""
        count = max((len(values) for values in self.edges.values()), default=0)
        if not count or not all(self.edges.values()):
            return None
        return self.frame(
            [{name: values[i % len(values)] for name, values in self.edges.items()} for i in range(count)]
        )

    def frame(self, rows: list[dict[str, Any]]) -> Frame:
        """Build a table in the schema's flavour and types."""
        values = {name: [row[name] for row in rows] for name in self.draws}
        if self.pandas:
            import pandas as pd

            return pd.DataFrame({name: pd.Series(list_, dtype=self.types[name]) for name, list_ in values.items()})
        import polars as pl

        return pl.DataFrame({name: pl.Series(name, list_, dtype=self.types[name]) for name, list_ in values.items()})


def _spec(schema: Any, name: str) -> Any:
    if name in schema.columns:
        return schema.columns[name]
    regexes = (spec for pattern, spec in schema.columns.items() if spec.regex and re.match(pattern, name))
    return next(regexes, None)


def _draw(name: str, spec: Any, pandas: bool) -> tuple[st.SearchStrategy[Any], list[Any]]:
    kind = _kind(name, str(spec.dtype).lower())
    bounds: dict[str, Any] = {}
    for check in spec.checks:
        bounds |= _bounds(name, check)
    strategy, edges = _values(kind, bounds)
    if spec.nullable and (not pandas or kind in ("number", "text")):
        return st.none() | strategy, [*edges, None]
    return strategy, edges


def _kind(name: str, dtype: str) -> str:
    kind = next((kind for start, kind in _KINDS if start in dtype), None)
    kind = kind or next(("text" for start in _TEXTS if start in dtype), None)
    if kind is None:
        raise UserError(f"column {name!r} can't be drawn", why=f"its type is {dtype}", hint="Pass strategies={…}")
    return kind


def _bounds(name: str, check: Any) -> dict[str, Any]:
    """Return what a built-in check of pandera allows: `low`, `high`, `out` (excluded), `in` or `size`."""
    known = check.statistics or {}
    low, high = known.get("min_value"), known.get("max_value")
    if check.name in ("greater_than_or_equal_to", "greater_than"):
        return {"low": low, "above": check.name == "greater_than"}
    if check.name in ("less_than_or_equal_to", "less_than"):
        return {"high": high, "below": check.name == "less_than"}
    if check.name == "in_range":
        ends = {"above": not known.get("include_min", True), "below": not known.get("include_max", True)}
        return {"low": low, "high": high} | ends
    if check.name == "isin":
        return {"in": list(known["allowed_values"])}
    if check.name == "equal_to":
        return {"in": [known["value"]]}
    if check.name == "notin":
        return {"out": list(known["forbidden_values"])}
    if check.name == "not_equal_to":
        return {"out": [known["value"]]}
    if check.name == "str_length":
        exact = known.get("exact_value")
        return {"short": low if exact is None else exact, "long": high if exact is None else exact}
    if check.name == "str_matches":
        return {"pattern": known["pattern"]}
    hint = f"Pass strategies={{{name!r}: …}}"
    raise UserError(f"column {name!r} can't be drawn", why=f"from its check {check.name!r}", hint=hint)


def _values(kind: str, bounds: dict[str, Any]) -> tuple[st.SearchStrategy[Any], list[Any]]:
    out = set(bounds.get("out", ()))
    if "in" in bounds:
        allowed = [value for value in bounds["in"] if value not in out]
        return st.sampled_from(allowed), allowed
    strategy: st.SearchStrategy[Any]
    if kind == "flag":
        strategy, edges = st.booleans(), [False, True]
    elif kind == "text":
        strategy, edges = _text(bounds)
    else:
        strategy, edges = _number(kind, bounds)
    return strategy.filter(lambda value: value not in out) if out else strategy, [
        value for value in edges if value not in out
    ]


def _number(kind: str, bounds: dict[str, Any]) -> tuple[st.SearchStrategy[Any], list[Any]]:
    low, high, above, below = (bounds.get(name) for name in ("low", "high", "above", "below"))
    least = float(low if low is not None else min(-WIDE, (high if high is not None else 0) - WIDE))
    most = float(high if high is not None else max(WIDE, least + WIDE))
    if kind == "whole":
        first = math.floor(least) + 1 if above else math.ceil(least)
        last = math.ceil(most) - 1 if below else math.floor(most)
        return st.integers(first, last), sorted({first, last, min(max(0, first), last)})
    first_, last_ = (
        math.nextafter(least, math.inf) if above else least,
        math.nextafter(most, -math.inf) if below else most,
    )
    floats = st.floats(least, most, exclude_min=bool(above), exclude_max=bool(below), allow_subnormal=False)
    return floats, sorted({first_, last_, min(max(0.0, first_), last_)})


def _text(bounds: dict[str, Any]) -> tuple[st.SearchStrategy[Any], list[Any]]:
    if "pattern" in bounds:
        return st.from_regex(bounds["pattern"], fullmatch=True), []
    short, long = bounds.get("short") or 0, bounds.get("long")
    long = max(LONG, short) if long is None else long
    letters = st.characters(codec="utf-8", exclude_characters="\x00")
    return st.text(letters, min_size=short, max_size=long), ["x" * short, "x" * long, "ß" * max(short, min(1, long))]
