"""What breaks clients, and what does not."""

from typing import Any

import pytest

from ci_kit.deploy.api import breaking
from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.openapi import openapi

Schema = dict[str, Any]


def document(request: Schema | None = None, answer: Schema | None = None, **operations: Any) -> Schema:
    """Return an API with one operation that takes and gives JSON."""
    operation: Schema = {"responses": {"200": {"content": {"application/json": {"schema": answer or {}}}}}}
    if request is not None:
        operation["requestBody"] = {"content": {"application/json": {"schema": request}}}
    return {"paths": {"/predict": {"post": operation} | operations}, "components": {"schemas": {}}}


def row(required: tuple[str, ...] = ("a",), closed: bool = True, /, **properties: Schema) -> Schema:
    known = properties or {"a": {"type": "number", "minimum": 0, "maximum": 9}}
    return {"type": "object", "properties": known, "required": list(required), "additionalProperties": not closed}


NUMBER = {"type": "number"}
MAYBE = {"anyOf": [{"type": "number"}, {"type": "null"}]}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"a": NUMBER}, {"a": MAYBE}, []),
        ({"a": MAYBE}, {"a": NUMBER}, ["POST /predict: request.a was null or number and is number"]),
        ({"a": {"type": "integer"}}, {"a": NUMBER}, []),
        ({"a": NUMBER}, {"a": {"type": "integer"}}, ["POST /predict: request.a was number and is integer"]),
        ({"a": NUMBER}, {"a": {"type": "string"}}, ["POST /predict: request.a was number and is string"]),
        ({"a": NUMBER | {"minimum": 0}}, {"a": NUMBER | {"minimum": -1}}, []),
        (
            {"a": NUMBER | {"minimum": 0}},
            {"a": NUMBER | {"minimum": 1}},
            ["POST /predict: request.a: minimum 0 → 1"],
        ),
        ({"a": NUMBER}, {"a": NUMBER | {"maximum": 9}}, ["POST /predict: request.a: maximum none → 9"]),
        ({"a": NUMBER | {"maximum": 9}}, {"a": NUMBER}, []),
        ({"a": {"type": "string", "enum": ["x"]}}, {"a": {"type": "string", "enum": ["x", "y"]}}, []),
        (
            {"a": {"type": "string", "enum": ["x", "y"]}},
            {"a": {"type": "string", "enum": ["x"]}},
            ["POST /predict: request.a has fewer values"],
        ),
        (
            {"a": {"type": "string"}},
            {"a": {"type": "string", "enum": ["x"]}},
            ["POST /predict: request.a has fewer values"],
        ),
        (
            {"a": {"type": "string", "pattern": "a+"}},
            {"a": {"type": "string", "pattern": "b+"}},
            ["POST /predict: request.a has another pattern"],
        ),
        ({"a": {"type": "string", "pattern": "a+"}}, {"a": {"type": "string"}}, []),
        (
            {"a": {"type": "array", "items": NUMBER}},
            {"a": {"type": "array", "items": {"type": "string"}}},
            ["POST /predict: request.a[] was number and is string"],
        ),
        (
            {"a": {"type": "array", "items": NUMBER, "maxItems": 5}},
            {"a": {"type": "array", "items": NUMBER, "maxItems": 4}},
            ["POST /predict: request.a: maxItems 5 → 4"],
        ),
    ],
)
def test_a_request_that_was_allowed_must_stay_allowed(before: Schema, after: Schema, said: list[str]) -> None:
    assert breaking(document(row(**before)), document(row(**after))) == said


def test_columns_that_come_and_go() -> None:
    old = document(row(("a",), a=NUMBER))
    assert breaking(old, document(row(("a", "b"), a=NUMBER, b=NUMBER))) == ["POST /predict: request.b is required"]
    assert breaking(old, document(row(("a",), a=NUMBER, b=NUMBER))) == []
    assert breaking(document(row(("a", "b"), a=NUMBER, b=NUMBER)), old) == ["POST /predict: request.b is refused"]
    opened = document(row(("a",), False, a=NUMBER))
    assert breaking(document(row(("a", "b"), a=NUMBER, b=NUMBER)), opened) == []


def test_an_answer_may_only_become_narrower() -> None:
    def answer(**properties: Schema) -> Schema:
        return document({}, row(tuple(properties), **properties))

    assert breaking(answer(p=NUMBER), answer(p={"type": "integer"})) == []
    assert breaking(answer(p=NUMBER), answer(p={"type": "string"})) == [
        "POST /predict: answer.p was number and is string"
    ]
    assert breaking(answer(p=NUMBER), answer(p=MAYBE)) == ["POST /predict: answer.p was number and is null or number"]
    assert breaking(answer(p=NUMBER), answer(q=NUMBER)) != []
    wider = {"type": "string", "enum": ["no", "yes", "maybe"]}
    assert breaking(answer(p={"type": "string", "enum": ["no", "yes"]}), answer(p=wider)) == [
        "POST /predict: answer.p has other values"
    ]


def test_an_operation_that_is_gone_is_told() -> None:
    old = document(row())
    assert breaking(old, {"paths": {}}) == ["POST /predict is gone"]
    assert breaking(old, {}) == ["POST /predict is gone"]
    assert breaking({}, old) == []
    assert breaking(document(row(), get={"responses": {}}), old) == ["GET /predict is gone"]


def test_references_and_loops_end() -> None:
    loop = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Loop"}}, "required": []}
    one = document({"$ref": "#/components/schemas/Loop"})
    one["components"]["schemas"]["Loop"] = loop
    assert breaking(one, one) == []
    astray = document({"$ref": "#/components/schemas/Nothing"})
    assert breaking(one, astray) == []
    circle = document({"$ref": "#/components/schemas/A"})
    circle["components"]["schemas"] = {
        "A": {"$ref": "#/components/schemas/B"},
        "B": {"$ref": "#/components/schemas/A"},
    }
    assert breaking(circle, circle) == []


def contract(*columns: Column, **more: Any) -> Contract:
    known: dict[str, Any] = {"name": "c", "task": "classification", "output": "y", "reading": "probabilities"}
    return Contract(columns=columns, **(known | {"classes": ("no", "yes")} | more))


A = Column(name="a", kind="number", low=0, high=9)


@pytest.mark.parametrize(
    ("before", "after", "breaks"),
    [
        (contract(A), contract(A), False),
        (contract(A), contract(Column(name="a", kind="number")), False),
        (contract(A), contract(Column(name="a", kind="number", nullable=True, low=0, high=9)), False),
        (contract(Column(name="a", kind="whole")), contract(Column(name="a", kind="number")), False),
        (contract(A), contract(Column(name="a", kind="number", low=0, high=8)), True),
        (contract(A), contract(Column(name="a", kind="number", low=0, high=9, above=True)), True),
        (contract(A), contract(A, Column(name="b", kind="number")), True),
        (contract(A, Column(name="b", kind="number")), contract(A), True),
        (contract(Column(name="a", kind="number")), contract(Column(name="a", kind="text")), True),
        (contract(A), contract(A, rows=9), True),
        (contract(A), contract(A, classes=("no", "yes", "maybe")), True),
        (contract(A), contract(A, task="regression", classes=(), reading="numbers"), True),
        (contract(A), contract(A, keys=(Column(name="id", kind="whole"),)), False),
    ],
)
def test_the_services_that_we_generate_are_told_apart(before: Contract, after: Contract, breaks: bool) -> None:
    assert bool(breaking(openapi(before), openapi(after))) == breaks
