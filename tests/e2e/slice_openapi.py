"""Cut GitHub's OpenAPI description down to the operations that the end-to-end tests watch.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
    python tests/e2e/slice_openapi.py package/generated/api.github.com.json

It is run by hand when the version changes; the tests read only the result, `openapi.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent / "openapi.json"
REPO = "/repos/{owner}/{repo}"
OPERATIONS = {
    "": "get",
    "/git/ref/{ref}": "get",
    "/git/refs": "post",
    "/git/refs/{ref}": "patch delete",
    "/git/matching-refs/{ref}": "get",
    "/git/blobs": "post",
    "/git/blobs/{file_sha}": "get",
    "/git/trees": "post",
    "/git/trees/{tree_sha}": "get",
    "/git/commits": "post",
    "/git/commits/{commit_sha}": "get",
    "/git/tags": "post",
    "/contents/{path}": "get",
    "/pulls": "get post",
    "/pulls/{pull_number}": "get patch",
    "/issues/{issue_number}/comments": "get post",
    "/issues/comments/{comment_id}": "get patch delete",
    "/issues/{issue_number}/labels": "post",
    "/check-runs": "post",
    "/check-runs/{check_run_id}": "patch",
    "/check-runs/{check_run_id}/annotations": "get",
    "/compare/{basehead}": "get",
    "/commits/{commit_sha}/pulls": "get",
    "/commits/{ref}/check-runs": "get",
    "/commits/{ref}/statuses": "get",
    "/statuses/{sha}": "post",
    "/actions/runs": "get",
    "/actions/artifacts": "get",
    "/actions/workflows/{workflow_id}/dispatches": "post",
    "/releases": "post",
    "/releases/tags/{tag}": "get",
    "/releases/{release_id}/assets": "get post",
    "/releases/assets/{asset_id}": "get delete",
}
NOISE = {"description", "example", "examples", "tags", "summary", "externalDocs", "x-github", "title", "deprecated"}


def main(source: Path) -> None:
    """Write the slice of the description in `source` beside this script."""
    whole = json.loads(source.read_text("utf-8"))
    components: dict[str, Any] = {}
    wanted = {f"{REPO}{path}": methods for path, methods in OPERATIONS.items()} | {"/user": "get"}
    paths = {
        path: {method: _operation(whole["paths"][path][method]) for method in methods.split()}
        for path, methods in wanted.items()
    }
    waiting = [paths]
    while waiting:
        for reference in sorted(_references(waiting.pop())):
            kind, name = reference.split("/")[2:]
            if name not in components.setdefault(kind, {}):
                components[kind][name] = _clean(whole["components"][kind][name])
                waiting.append(components[kind][name])
    version = whole["info"]["version"]
    info = {"title": "GitHub's REST API, cut down", "version": version, "license": {"name": "MIT"}}
    document = {"openapi": whole["openapi"], "info": info, "paths": paths, "components": components}
    TARGET.write_text(json.dumps(document, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    """Keep what a request and a successful answer look like."""
    responses = {code: answer for code, answer in operation["responses"].items() if code.startswith("2")}
    kept = {key: operation[key] for key in ("operationId", "parameters", "requestBody") if key in operation}
    cleaned: dict[str, Any] = _clean(kept | {"responses": responses})
    return cleaned


def _clean(node: Any, *, names: bool = False) -> Any:
    """Drop prose and turn `nullable` into JSON Schema; below `properties` the keys are names, not keywords."""
    if isinstance(node, list):
        return [_clean(item) for item in node]
    if not isinstance(node, dict):
        return node
    if names:
        return {key: _clean(value) for key, value in node.items()}
    kept = {
        key: _clean(value, names=key in ("properties", "patternProperties", "responses", "content"))
        for key, value in node.items()
        if key not in NOISE
    }
    # Examples of other media types and headers of answers are of no use to the check.
    kept.pop("headers", None)
    return _nullable(kept) if kept.pop("nullable", False) else kept


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema or "allOf" in schema or "anyOf" in schema or "oneOf" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


def _references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(_references, node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*map(_references, node.values()))
    return found | {node["$ref"]} if isinstance(node.get("$ref"), str) else found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
