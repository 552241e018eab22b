"""The request, strict: what a row may hold is decided by the contract, and a refusal names the column."""

import json
import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    Strict,
    StrictBool,
    StrictStr,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import SchemaError
from typing_extensions import TypedDict

from ci_kit.serving.contract import Column, Contract

Row = dict[str, Any]
MOST = 20  # problems that a refusal lists
_NAME = 100  # characters of a column's name that a refusal repeats
WHOLE, NUMBER = (-(2**63), 2**63 - 1), (-3.4028234663852886e38, 3.4028234663852886e38)


class Refused(Exception):  # noqa: N818 - it reads as what it is
    """A request that is not answered: `status` is HTTP's, `problems` are row, column and why."""

    def __init__(self, status: int, why: str, problems: tuple[dict[str, Any], ...] = (), more: int = 0) -> None:
        super().__init__(why)
        self.status, self.why, self.problems, self.more = status, why, problems, more

    @property
    def document(self) -> dict[str, Any]:
        """The body of the response."""
        listed = {"problems": list(self.problems)} if self.problems else {}
        return {"error": self.why} | listed | ({"more": self.more} if self.more else {})


def request_model(contract: Contract, base: type[BaseModel] = BaseModel) -> type[BaseModel]:
    """Return the model of a request: `rows`, one to `contract.rows` of them, each with exactly its columns."""
    fields = {column.name: annotation(column) for column in contract.columns}
    fields |= {column.name: NotRequired[annotation(column)] for column in contract.keys}
    make: Any = TypedDict  # its fields are known only now, which type checkers refuse
    row = make("Row", fields)
    row.__pydantic_config__ = ConfigDict(extra="forbid", strict=True, regex_engine=_engine(contract))
    rows = Annotated[list[row], Field(min_length=1, max_length=contract.rows)]  # type: ignore[valid-type]
    config = ConfigDict(extra="forbid", strict=True)
    strict = type("Strict", (base,), {"model_config": config, "__module__": __name__})
    return create_model("Request", __base__=strict, rows=(rows, ...))


def reader(contract: Contract) -> Callable[[bytes], list[Row]]:
    """Return the function from a body to its rows, keys last; it raises Refused."""
    validator = TypeAdapter(request_model(contract)).validator
    whole = {column.name for column in (*contract.columns, *contract.keys) if column.kind == "whole"}

    def read(body: bytes) -> list[Row]:
        try:
            rows: list[Row] = validator.validate_json(body).rows
        except ValidationError as error:
            if not any(one["type"] == "int_type" for one in error.errors(include_url=False)):
                raise refusal(error) from None
            rows = again(body)
        return rows

    def again(body: bytes) -> list[Row]:
        # To JSON and its schemas 3.0 is a whole number, and some clients write all numbers so.
        document = json.loads(body)
        rows = document.get("rows") if isinstance(document, dict) else None
        for row in rows if isinstance(rows, list) else ():
            for name in whole & row.keys() if isinstance(row, dict) else ():
                if isinstance(row[name], float) and row[name].is_integer():
                    row[name] = int(row[name])
        try:
            read: list[Row] = validator.validate_python(document).rows
        except ValidationError as error:
            raise refusal(error) from None
        return read

    return read


def refusal(error: ValidationError) -> Refused:
    """Say what is wrong with a request without repeating its values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return Refused(400, f"the body is not JSON: {found[0]['msg'].removeprefix('Invalid JSON: ')[:200]}")
    problems = tuple(_problem(one) for one in found[:MOST])
    first = problems[0]
    place = ".".join([f"rows[{first['row']}]" if "row" in first else "", str(first.get("column", ""))]).strip(".")
    return Refused(400, f"{place or 'the body'}: {first['why']}", problems, len(found) - len(problems))


def _problem(one: Any) -> dict[str, Any]:
    place: tuple[Any, ...] = one["loc"]
    told: dict[str, Any] = {}
    if len(place) > 1 and place[0] == "rows":
        told["row"], place = place[1], place[2:]
    if place:
        told["column"] = str(place[0])[:_NAME]
    why = {"missing": "is missing", "extra_forbidden": "is no column of the model"}.get(one["type"], one["msg"])
    return told | {"why": why.removeprefix("Value error, ")[:300]}


def annotation(column: Column) -> Any:
    """Return the type of one column's values."""
    barred = frozenset(column.out)
    allowed = None if column.among is None else [value for value in column.among if value not in barred]
    kind: Any
    if allowed is not None and column.kind == "text":
        kind = Literal[tuple(allowed)]
    elif allowed is not None or barred:
        # Not Literal: its 1 takes True and 1.0, too.
        extra: Any = {"not": {"enum": list(column.out)}} if allowed is None else {"enum": allowed}
        check = AfterValidator(_only(None if allowed is None else frozenset(allowed), barred))
        kind = Annotated[_kinds[column.kind](column), check, Field(json_schema_extra=extra)]
    else:
        kind = _kinds[column.kind](column)
    return kind | None if column.nullable else kind


def _whole(column: Column) -> Any:
    low = WHOLE[0] if column.low is None else max(WHOLE[0], math.ceil(column.low))
    high = WHOLE[1] if column.high is None else min(WHOLE[1], math.floor(column.high))
    low += column.above and low == column.low
    high -= column.below and high == column.high
    return Annotated[int, Strict(), Field(ge=low, le=high)]


def _number(column: Column) -> Any:
    low = NUMBER[0] if column.low is None else max(NUMBER[0], float(column.low))
    high = NUMBER[1] if column.high is None else min(NUMBER[1], float(column.high))
    bounds: Any = {"gt" if column.above else "ge": low, "lt" if column.below else "le": high}
    return Annotated[FiniteFloat, Strict(), Field(**bounds)]


def _text(column: Column) -> Any:
    sized: Any = Annotated[StrictStr, Field(min_length=column.short, max_length=column.long)]
    for pattern in column.patterns:
        sized = Annotated[sized, Field(pattern=_anchored(pattern))]
    return sized


_kinds: dict[str, Callable[[Column], Any]] = {
    "whole": _whole,
    "number": _number,
    "flag": lambda _: StrictBool,
    "text": _text,
}


def _anchored(pattern: str) -> str:
    # pandera matches from the start, as `re.match` does.
    return pattern if pattern.startswith("^") else f"^(?:{pattern})"


def _only(allowed: frozenset[Any] | None, barred: frozenset[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value in barred or (allowed is not None and value not in allowed):
            raise ValueError("Input is not among the values allowed")
        return value

    return check


def _engine(contract: Contract) -> Literal["rust-regex", "python-re"]:
    """Rust's, whose time grows with the text alone; Python's where a pattern needs what only that can."""
    for column in contract.columns:
        for pattern in column.patterns:
            re.compile(pattern)
            try:
                TypeAdapter(Annotated[str, Field(pattern=_anchored(pattern))])
            except SchemaError:
                return "python-re"
    return "rust-regex"
