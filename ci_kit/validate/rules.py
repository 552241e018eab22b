"""The rules of a pandera schema about values, one by one, in plain words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ci_kit.validate.table import Table, Tally
from ci_kit.validate.wording import value

_WORDS = {
    "equal_to": "= {value}",
    "not_equal_to": "≠ {value}",
    "greater_than": "> {min_value}",
    "greater_than_or_equal_to": "≥ {min_value}",
    "less_than": "< {max_value}",
    "less_than_or_equal_to": "≤ {max_value}",
    "in_range": "in {low}{min_value}, {max_value}{high}",
    "isin": "one of {allowed_values}",
    "notin": "none of {forbidden_values}",
    "str_matches": "matches {pattern}",
    "str_contains": "contains {pattern}",
    "str_startswith": "starts with {string}",
    "str_endswith": "ends with {string}",
    "unique_values_eq": "has exactly {values}",
}
# A list longer than this is counted, and only its first values are named.
_LISTED, _NAMED = 8, 5
_SHORT = {
    "greater_than_or_equal_to": "ge",
    "greater_than": "gt",
    "less_than_or_equal_to": "le",
    "less_than": "lt",
    "equal_to": "eq",
    "not_equal_to": "ne",
}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: `column` is None for the whole table, `key` is the name by which the schema knows the column.

    `title` says the rule; `limit` says what it demands where the user gave it a title of their own.
    """

    column: str | None
    key: str | None
    name: str
    title: str
    measure: Callable[[Table], Tally]
    columns: tuple[str, ...]
    limit: str = ""
    soft: bool = False


def rules(schema: Any, table: Table, skip: set[str]) -> Iterator[Rule]:
    """Yield every rule about values of the columns that are there, column by column, then those of the table."""
    explicit = {name for name, column in schema.columns.items() if not column.regex}
    for key, column in schema.columns.items():
        names = [name for name in table.matching(column) if name not in explicit] if column.regex else [key]
        for name in names:
            if name in table.columns and name not in skip:
                yield from _column_rules(schema, column, name, key)
    yield from _table_rules(schema, table)


def _column_rules(schema: Any, column: Any, name: str, key: str) -> Iterator[Rule]:
    soft = bool(schema.drop_invalid_rows or column.drop_invalid_rows)
    if not column.nullable:
        yield Rule(
            column=name,
            key=key,
            name="not_null",
            title="no nulls",
            measure=lambda table: table.nulls(name),
            columns=(name,),
            soft=soft,
        )
    if column.unique:
        yield Rule(
            column=name,
            key=key,
            name="unique",
            title="unique",
            measure=lambda table: table.duplicates((name,), column.report_duplicates),
            columns=(name,),
            soft=soft,
        )
    for check in column.checks:
        yield _check_rule(check, name, key, (name,), soft)


def _table_rules(schema: Any, table: Table) -> Iterator[Rule]:
    soft = bool(schema.drop_invalid_rows)
    groups = schema.unique or []
    for group in [groups] if all(isinstance(one, str) for one in groups) and groups else groups:
        there = tuple(one for one in group if one in table.columns)
        yield Rule(
            column=None,
            key=None,
            name="unique " + "+".join(group),
            title=f"{' + '.join(group)} unique together",
            measure=lambda table, there=there: table.duplicates(there, schema.report_duplicates),  # type: ignore[misc]
            columns=there,
            soft=soft,
        )
    for check in schema.checks:
        yield _check_rule(check, None, None, tuple(table.columns), soft)


def _check_rule(check: Any, name: str | None, key: str | None, columns: tuple[str, ...], soft: bool) -> Rule:
    called, (title, limit) = str(check.name or "check").strip("<>"), words(check)
    return Rule(
        column=name,
        key=key,
        name=_SHORT.get(called, called),
        title=title,
        limit=limit,
        measure=lambda table: table.check(check, name),
        columns=columns,
        soft=soft or bool(check.raise_warning),
    )


def words(check: Any) -> tuple[str, str]:
    """Return the rule as a person would say it, and what else it demands: the user's own error, title or name wins."""
    made, name, error = str(getattr(check._check_fn, "__name__", "")), str(check.name or ""), str(check.error or "")
    plain = _plain(made, check.statistics or {})
    own = "" if error.startswith((f"{made}(", f"{name}(")) else error
    if text := own or check.title or (name if plain and name != made else ""):
        return str(text), plain
    return plain or error or _first_line(check.description) or name.strip("<>") or "a check", ""


def _plain(made: str, facts: dict[str, Any]) -> str:
    """Return what one of pandera's own checks demands, nothing for a check of the user's."""
    brackets = {
        "low": "[" if facts.get("include_min", True) else "(",
        "high": "]" if facts.get("include_max", True) else ")",
    }
    try:
        return _WORDS[made].format(**brackets, **{key: _shown(value) for key, value in facts.items()})
    except (KeyError, ValueError):
        return ""


def _first_line(text: object) -> str:
    return next((line.strip() for line in str(text or "").splitlines() if line.strip()), "")


def _shown(thing: Any) -> str:
    if isinstance(thing, (list, tuple, set, frozenset)):
        items = sorted(thing, key=repr) if isinstance(thing, (set, frozenset)) else list(thing)
        if len(items) > _LISTED:
            return f"{len(items):,} values: {', '.join(map(_shown, items[:_NAMED]))}, …"
        return ", ".join(map(_shown, items))
    return value(thing) if isinstance(thing, str) else value(str(thing), quote=False)
