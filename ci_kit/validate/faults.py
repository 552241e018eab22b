"""From pandera's errors about columns and types to faults, without its texts (they carry data and query plans)."""

from collections.abc import Mapping
from typing import Any

from ci_kit.errors import UserError
from ci_kit.validate.table import Fault
from ci_kit.validate.wording import value

SHOWN = 20
STRICT = "only columns of the schema"


def run(plain: Any, frame: Any, *, quiet: bool) -> tuple[Any, list[Any]]:
    """Validate and return the parsed frame and no errors, or the frame as it was and pandera's errors.

    Raises UserError if the schema can't be run at all (a parser of the user raises, pandera lacks a feature); `quiet`
    leaves out what was raised, which may quote values.
    """
    from pandera.errors import SchemaErrors

    try:
        return plain.validate(frame, lazy=True), []
    except SchemaErrors as error:
        return frame, list(error.schema_errors)
    except Exception as error:
        text = "" if quiet else f": {next(iter(str(error).splitlines()), '')[:200]}"
        raise UserError("a schema can't be run", why=f"{type(error).__name__}{text}") from error


def faults_of(errors: list[Any], schema: Any, present: Mapping[str, Any], known: set[str]) -> list[Fault]:
    """Return one fault a column and reason, and one for each column that a strict schema does not know.

    `present` gives the type of each column that is there, `known` names those that the schema speaks of.
    """
    found: dict[tuple[str | None, str], Fault] = {}
    for error in errors:
        for fault in _faults(error, schema, present, known):
            found.setdefault((fault.column, fault.rule), fault)
    coerced = {fault.column for fault in found.values() if fault.rule == "coerced"}
    return [fault for fault in found.values() if not (fault.rule == "dtype" and fault.column in coerced)]


def _faults(error: Any, schema: Any, present: Mapping[str, Any], known: set[str]) -> list[Fault]:
    reason = error.reason_code.name if error.reason_code else ""
    column = error.column_name or (error.schema.name if error.schema is not schema else None)
    if reason == "COLUMN_NOT_IN_DATAFRAME":
        return [missing(str(error.failure_cases))]
    if reason == "ADD_MISSING_COLUMN_NO_DEFAULT":
        return [missing(str(error.failure_cases), "present, or with a default")]
    if reason == "COLUMN_NOT_IN_SCHEMA":
        extra = [name for name in present if name not in known]
        shown = [Fault(column=one, rule="known", observed="not in the schema", limit=STRICT) for one in extra[:SHOWN]]
        left = f"{len(extra) - SHOWN:,} more columns are not in the schema"
        rest = [Fault(column=None, rule="known", observed=left, limit=STRICT)] if len(extra) > SHOWN else []
        return shown + rest
    if reason == "COLUMN_NOT_ORDERED":
        return [
            Fault(
                column=None, rule="order", observed=f"{error.failure_cases!s} is out of order", limit="columns in order"
            )
        ]
    if reason == "WRONG_DATATYPE":
        wanted = str(error.check).removeprefix("dtype('").removesuffix("')")
        return [
            Fault(column=column, rule="dtype", observed=str(present.get(str(column), "another type")), limit=wanted)
        ]
    if reason == "INVALID_COLUMN_NAME":
        return [Fault(column=column, rule="present", observed="no column matches", limit="at least one column")]
    if reason == "DATATYPE_COERCION":
        return [_coercion(error, column)]
    return [Fault(column=column, rule=reason.lower() or "schema", observed="not as the schema says", limit="")]


def missing(column: str, limit: str = "present") -> Fault:
    """Return the fault of a column that is not there."""
    return Fault(column=column, rule="present", observed="missing", limit=limit, unusable=True)


def _coercion(error: Any, column: str | None) -> Fault:
    cases = error.failure_cases
    count, samples = "some values", tuple[str, ...]()
    if hasattr(cases, "columns") and "failure_case" in cases.columns and "index" in cases.columns:
        count = f"{len(cases):,} values"
        pairs = zip(cases["index"][:50], cases["failure_case"][:50], strict=True)
        samples = tuple(f"row {row}: {value(one)}" for row, one in pairs)
    wanted = str(error.check).removeprefix("coerce_dtype('").removesuffix("')")
    return Fault(
        column=column, rule="coerced", observed=f"{count} do not fit", limit=wanted, samples=samples, unusable=True
    )
