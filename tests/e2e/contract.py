"""GitHub's own description of its API, held against each request and answer, so that our fake can't be too kind."""

import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import referencing
from referencing.jsonschema import DRAFT202012

from tests.schemas import judge

SLICE = Path(__file__).parent / "openapi.json"
# A `{ref}` or `{basehead}` holds slashes; every other parameter ends at one.
DEEP = {"ref", "basehead", "path"}
# Where emulate leaves out what GitHub always sends: known, of no use to us, and no reason to be silent about the rest.
GAPS = {
    "repos/get": {"network_count", "subscribers_count", "pushed_at"},
    "checks/create": {"output"},
    "checks/update": {"output"},
}


class Contract:
    """The operations of the slice; `request` and `answer` return what breaks the description, in words."""

    def __init__(self, source: Path = SLICE) -> None:
        self.document = json.loads(source.read_text("utf-8"))
        resource = referencing.Resource.from_contents(self.document, default_specification=DRAFT202012)
        self._registry = referencing.Registry().with_resource("urn:github", resource)
        self._validators: dict[str, Any] = {}
        self._seen: dict[tuple[str, int], int] = {}

    @cached_property
    def _routes(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        routes = []
        # A path with fewer parameters is the more special one: `git/refs` before `git/{ref}`.
        for path in sorted(self.document["paths"], key=lambda path: path.count("{")):
            pattern = re.sub(r"\\{(\w+)\\}", lambda name: ".+" if name[1] in DEEP else "[^/]+", re.escape(path))
            routes.append((re.compile(pattern), self.document["paths"][path]))
        return routes

    def find(self, method: str, path: str) -> dict[str, Any] | None:
        """Return the operation that GitHub would run, or None when the slice has no such path or method."""
        for pattern, operations in self._routes:
            if pattern.fullmatch(path) and method.lower() in operations:
                operation: dict[str, Any] = operations[method.lower()]
                return operation
        return None

    def request(self, method: str, path: str, query: str, body: bytes) -> list[str]:
        """Check path, query and JSON body of a request; an unknown key counts, though GitHub would ignore it."""
        operation = self.find(method, path)
        if operation is None:
            return [f"{method} {path} is not in the slice of GitHub's API"]
        problems = self._query(operation, query)
        taken = operation.get("requestBody", {}).get("content", {})
        content = taken.get("application/json")
        if content is None and taken:
            return problems  # bytes of any kind
        if content is None:
            return problems + ([f"{operation['operationId']} takes no body"] if body else [])
        try:
            document = json.loads(body) if body else None
        except ValueError:
            return [*problems, "the body is not JSON"]
        if document is None and not operation["requestBody"].get("required"):
            return problems
        problems += self._check(content["schema"], document)
        known = self._resolve(content["schema"]).get("properties")
        if known and isinstance(document, dict):
            problems += [f"unknown key {key!r} in the body" for key in document if key not in known]
        return problems

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        """Check the first few answers of each operation and status against the described shape."""
        operation = self.find(method, path)
        if operation is None or not 200 <= status < 300:
            return []
        name = operation["operationId"]
        count = self._seen[name, status] = self._seen.get((name, status), 0) + 1
        if count > 3:
            return []
        described = operation["responses"].get(str(status))
        if described is None:
            return [f"{name} never answers {status}"]
        content = self._resolve(described).get("content", {}).get("application/json")
        if content is None or not body:
            return []
        document = json.loads(body)
        if isinstance(document, list):
            document = document[:2]
        gaps = GAPS.get(name, set())
        problems = self._check(content["schema"], document)
        return [f"{name} answered: {text}" for text in problems if not any(gap in text for gap in gaps)]

    def _query(self, operation: dict[str, Any], query: str) -> list[str]:
        described = [self._resolve(parameter) for parameter in operation.get("parameters", ())]
        known = {one["name"]: one["schema"] for one in described if one["in"] == "query"}
        problems = []
        for name, text in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                problems.append(f"unknown query parameter {name!r}")
                continue
            schema = self._resolve(known[name])
            value: Any = int(text) if schema.get("type") == "integer" and text.isdecimal() else text
            problems += self._check(known[name], value)
            if name == "per_page" and isinstance(value, int) and value > 100:
                problems.append("per_page is more than 100")
        return problems

    def _resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            kind, name = node["$ref"].split("/")[2:]
            node = self.document["components"][kind][name]
        return node

    def _check(self, schema: dict[str, Any], value: object) -> list[str]:
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            absolute = json.loads(key.replace('"#/components/', '"urn:github#/components/'))
            self._validators[key] = judge(absolute, registry=self._registry)
        errors = self._validators[key].iter_errors(value)
        return [f"{error.json_path}: {error.message[:100]} … {error.message[-100:]}" for error in errors]
