"""The rules of a pandera schema about values, one by one, in plain words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ci_kit.validate.table import Table, Tally

_WORDS = {
    "equal_to": "= {value}",
    "not_equal_to": "≠ {value}",
    "greater_than": "> {min_value}",
    "greater_than_or_equal_to": "≥ {min_value}",
    "less_than": "< {max_value}",
    "less_than_or_equal_to": "≤ {max_value}",
    "isin": "one of {allowed_values}",
    "notin": "none of {forbidden_values}",
    "str_matches": "matches {pattern!r}",
    "str_contains": "contains {pattern!r}",
    "str_startswith": "starts with {string!r}",
    "str_endswith": "ends with {string!r}",
    "unique_values_eq": "has exactly the values {values}",
}
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
    """One rule: `column` is None for the whole table, `key` is the name by which the schema knows the column."""

    column: str | None
    key: str | None
    name: str
    limit: str
    measure: Callable[[Table], Tally]
    columns: tuple[str, ...]
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
            limit="no nulls",
            measure=lambda table: table.nulls(name),
            columns=(name,),
            soft=soft,
        )
    if column.unique:
        yield Rule(
            column=name,
            key=key,
            name="unique",
            limit="unique",
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
            limit=f"{' + '.join(group)} unique together",
            measure=lambda table, there=there: table.duplicates(there, schema.report_duplicates),  # type: ignore[misc]
            columns=there,
            soft=soft,
        )
    for check in schema.checks:
        yield _check_rule(check, None, None, tuple(table.columns), soft)


def _check_rule(check: Any, name: str | None, key: str | None, columns: tuple[str, ...], soft: bool) -> Rule:
    called = str(check.name or "check").strip("<>")
    return Rule(
        column=name,
        key=key,
        name=_SHORT.get(called, called),
        limit=words(check),
        measure=lambda table: table.check(check, name),
        columns=columns,
        soft=soft or bool(check.raise_warning),
    )


def words(check: Any) -> str:
    """Return the rule as a person would say it; the user's own `error` text wins."""
    name, error, facts = str(check.name or ""), check.error, check.statistics or {}
    if error and not str(error).startswith(f"{name}("):
        return str(error)
    if name == "in_range":
        low = "[" if facts.get("include_min", True) else "("
        high = "]" if facts.get("include_max", True) else ")"
        return f"in {low}{facts.get('min_value')}, {facts.get('max_value')}{high}"
    if name in _WORDS:
        try:
            return _WORDS[name].format(**{key: _listed(value) for key, value in facts.items()})
        except (KeyError, ValueError):
            pass
    return str(error or check.title or check.description or name.strip("<>") or "a check")


def _listed(value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else list(value)
        more = f" … ({len(items)} values)" if len(items) > 20 else ""
        return ", ".join(repr(item) for item in items[:20]) + more
    return value
