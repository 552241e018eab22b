"""Rows drawn by hypothesis from a pandera schema, polars or pandas flavour, and the edges of each column."""

import math
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from ci_kit.errors import UserError
from ci_kit.models.columns import described, spec
from ci_kit.models.dataset import flavour
from ci_kit.models.frames import Frame
from ci_kit.serving.contract import Column

__tracebackhide__ = True  # of each function here: a failure shows at the user's line

WIDE = 1_000_000  # a number without a bound in the schema is drawn from within ± this
CELLS = 200
LONG = 20  # characters of a text without a bound


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
            own = (given or {}).get(name)
            self.types[name] = getattr(getattr(spec(schema, name), "dtype", None), "type", None)
            self.draws[name], self.edges[name] = (
                (own, []) if own is not None else _draw(_known(schema, name), self.pandas)
            )

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


def _known(schema: Any, name: str) -> Column:
    hint = f"Pass strategies={{{name!r}: …}}"
    try:
        found = described(schema, name)
    except UserError as error:
        raise UserError(f"column {name!r} can't be drawn", why=error.why, hint=hint) from error
    if found is None:
        raise UserError(f"the schema has no column {name!r}", hint=hint, code="data/schema")
    return found


def _draw(column: Column, pandas: bool) -> tuple[st.SearchStrategy[Any], list[Any]]:
    if column.unknown:
        hint = f"Pass strategies={{{column.name!r}: …}}"
        raise UserError(
            f"column {column.name!r} can't be drawn", why=f"from its check {column.unknown[0]!r}", hint=hint
        )
    strategy, edges = _values(column)
    if column.nullable and (not pandas or column.kind in ("number", "text")):
        return st.none() | strategy, [*edges, None]
    return strategy, edges


def _values(column: Column) -> tuple[st.SearchStrategy[Any], list[Any]]:
    out = set(column.out)
    if column.among is not None:
        allowed = [value for value in column.among if value not in out]
        return st.sampled_from(allowed), allowed
    strategy: st.SearchStrategy[Any]
    if column.kind == "flag":
        strategy, edges = st.booleans(), [False, True]
    elif column.kind == "text":
        strategy, edges = _text(column)
    else:
        strategy, edges = _number(column)
    return strategy.filter(lambda value: value not in out) if out else strategy, [
        value for value in edges if value not in out
    ]


def _number(column: Column) -> tuple[st.SearchStrategy[Any], list[Any]]:
    low, high, above, below = column.low, column.high, column.above, column.below
    least = float(low if low is not None else min(-WIDE, (high if high is not None else 0) - WIDE))
    most = float(high if high is not None else max(WIDE, least + WIDE))
    if column.kind == "whole":
        first = math.floor(least) + 1 if above else math.ceil(least)
        last = math.ceil(most) - 1 if below else math.floor(most)
        return st.integers(first, last), sorted({first, last, min(max(0, first), last)})
    first_, last_ = (
        math.nextafter(least, math.inf) if above else least,
        math.nextafter(most, -math.inf) if below else most,
    )
    floats = st.floats(least, most, exclude_min=above, exclude_max=below, allow_subnormal=False)
    return floats, sorted({first_, last_, min(max(0.0, first_), last_)})


def _text(column: Column) -> tuple[st.SearchStrategy[Any], list[Any]]:
    if column.patterns:
        drawn = st.from_regex(column.patterns[0], fullmatch=True)
        return drawn.filter(lambda text: all(re.match(one, text) for one in column.patterns[1:])), []
    short, long = column.short or 0, column.long
    long = max(LONG, short) if long is None else long
    letters = st.characters(codec="utf-8", exclude_characters="\x00")
    return st.text(letters, min_size=short, max_size=long), ["x" * short, "x" * long, "ß" * max(short, min(1, long))]
