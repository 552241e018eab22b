"""The OpenAPI document of the generated service."""

from typing import Any

from pydantic.json_schema import models_json_schema

from ci_kit.serving.contract import Contract
from ci_kit.serving.request import request_model
from ci_kit.serving.response import answer_model

REFUSALS = {
    "400": "A row does not keep to the schema; the column is named.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "422": "The model has no finite answer for a row.",
}
REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["why"],
                "properties": {"row": {"type": "integer"}, "column": {"type": "string"}, "why": {"type": "string"}},
            },
        },
        "more": {"type": "integer"},
    },
}


def openapi(contract: Contract) -> dict[str, Any]:
    """Return the document: OpenAPI 3.1, whose schemas are JSON Schema."""
    request, answer = request_model(contract), answer_model(contract)
    reference = "#/components/schemas/{model}"
    modes: Any = [(request, "validation"), (answer, "serialization")]
    names, schemas = models_json_schema(modes, ref_template=reference)
    components = {**schemas["$defs"], "Refusal": REFUSAL}
    responses = {"200": _content(names[answer, "serialization"], "An answer per row.")}
    responses |= {code: _content({"$ref": reference.format(model="Refusal")}, text) for code, text in REFUSALS.items()}
    body = {"required": True, **_content(names[request, "validation"])}
    predict = {"operationId": "predict", "summary": "Answer rows.", "requestBody": body, "responses": responses}
    return {
        "openapi": "3.1.0",
        "info": {"title": contract.name, "version": contract.digest[:12] or "0"},
        "paths": {"/predict": {"post": predict}},
        "components": {"schemas": components},
    }


def _content(schema: Any, description: str = "") -> dict[str, Any]:
    told = {"description": description} if description else {}
    return told | {"content": {"application/json": {"schema": schema}}}
