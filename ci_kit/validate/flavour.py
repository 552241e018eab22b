"""Which pandera schema an object is, and the plain copies of it that are run."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from ci_kit.errors import UserError

Flavour = Literal["polars", "pandas"]
_MODULES: dict[str, Flavour] = {"pandera.api.polars": "polars", "pandera.api.pandas": "pandas"}


def schema_of(thing: Any, reference: str) -> tuple[Any, Flavour]:
    """Return the `DataFrameSchema` and the flavour of a model class or a schema; raise UserError if it is neither."""
    if isinstance(thing, type) and hasattr(thing, "to_schema"):
        try:
            thing = thing.to_schema()
        except Exception as error:
            why = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')[:200]}"
            raise UserError(f"{reference} is not a valid schema", why=why) from error
    module = type(thing).__module__
    for prefix, flavour in _MODULES.items():
        if module.startswith(prefix) and hasattr(thing, "columns"):
            return thing, flavour
    hint = "Name a DataFrameModel or DataFrameSchema of pandera.polars or pandera.pandas"
    raise UserError(f"{reference} is no pandera schema for polars or pandas", why=f"it is {_kind(thing)}", hint=hint)


def _kind(thing: Any) -> str:
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"


def structural(schema: Any, without: frozenset[str] = frozenset(), *, lenient: bool = False) -> Any:
    """Copy the schema without its rules about values, so that pandera judges columns and types only.

    `without` leaves whole columns out, `lenient` forgets order and strictness; the user's object stays as it is.
    """
    plain = copy.copy(schema)
    plain.checks, plain.unique, plain.drop_invalid_rows = [], None, False
    plain.columns = {name: _bare(column) for name, column in schema.columns.items() if name not in without}
    if lenient:
        plain.ordered, plain.strict = False, schema.strict if schema.strict == "filter" else False
    return plain


def _bare(column: Any) -> Any:
    column = copy.copy(column)
    column.checks, column.nullable, column.unique, column.drop_invalid_rows = [], True, False, False
    return column


def ready(check: Any) -> tuple[Any, bool]:
    """Return the check as it must be run, and whether it is one of pandera's own.

    A schema copies its checks before pandera has registered what they do for this flavour; `Check.__call__` looks it
    up again, and so must we, who go past it to keep the exact counts.
    """
    from pandera.api.function_dispatch import Dispatcher

    if not isinstance(check._check_fn, Dispatcher):
        return check, False
    fresh = copy.copy(check)
    fresh._check_fn = check.get_builtin_check_fn(check._check_fn.__name__)
    return fresh, True


@contextmanager
def forced() -> Iterator[None]:
    """Make pandera check schema and data, whatever the environment says: on a LazyFrame its default is less."""
    from pandera.config import config_context

    with config_context(validation_enabled=True, validation_depth="SCHEMA_AND_DATA"):
        yield
