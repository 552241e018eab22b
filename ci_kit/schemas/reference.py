"""The configuration reference, `docs/configuration.md`, as Markdown made of the JSON Schema of `ci-kit.yaml`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit import config
from ci_kit.sections import LOOKS

PAGE = Path("docs") / "configuration.md"
_HEAD = """# Configuration

Every key of `ci-kit.yaml`, made from the types by `make schemas`. The file lies at the root of the repository, or in
the folder that `--directory` names. All keys have defaults that work, but for those marked as required; an unknown key
is an error that names the nearest one. The command line goes before the file. Editors complete the keys with the
[JSON Schema](../ci_kit/schemas/config.json): `# yaml-language-server: $schema=PATH` in the first line.
"""
_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}

Schema = dict[str, Any]


def reference() -> str:
    """Return the page: a table for each section, and for each object within it, in the order of the file."""
    whole = config.json_schema()
    top = whole["properties"]
    parts = [_HEAD, "## At the top\n", _table("", {"properties": top}, whole)]
    for name, one in whole["properties"].items():
        parts += _section(name, one, whole, 2)
    return "\n".join(parts)


def _section(path: str, schema: Schema, whole: Schema, level: int) -> Iterator[str]:
    """Yield the heading, the description and the table of an object, then those of the objects within it."""
    for kind, inner in _objects(schema, whole):
        label = f"{path}.NAME" if _named(schema, whole) else path
        yield f"{'#' * level} {label}{f' ({kind})' if kind else ''}\n"
        yield f"{inner.get('description') if kind else schema.get('description') or inner.get('description', '')}\n"
        yield _table(label, inner, whole)
        for key, one in inner["properties"].items():
            yield from _section(f"{label}.{key}", one, whole, 3)


def _table(path: str, schema: Schema, whole: Schema) -> str:
    lines = ["| key | value | default | what |", "|:--|:--|:--|:--|"]
    for key, one in schema["properties"].items():
        inner, found = f"{path}.{key}".lstrip("."), _objects(one, whole)
        value = f"see [`{inner}`](#{_anchor(inner, one, whole)})" if found else _value(one)
        default = "required" if key in schema.get("required", ()) else _default(one)
        about = one.get("description") or (found[0][1].get("description", "") if found else "")
        cells = (f"`{key}`", value, default, about)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _anchor(path: str, schema: Schema, whole: Schema) -> str:
    """Return the address of the first heading of an object, as GitHub and MkDocs make it of the heading's text."""
    kind, label = _objects(schema, whole)[0][0], f"{path}.name" if _named(schema, whole) else path
    return (label + (f"-{kind}" if kind else "")).replace(".", "").lower()


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if value is None or value in ([], {}):
        return ""
    return f"`{json.dumps(value) if not isinstance(value, str) else value}`"


def _value(schema: Schema) -> str:
    """Return in words what a value may be."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        words = [_value(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(words))
    if schema.get("type") == "array":
        inner = schema.get("items") or next(iter(schema.get("prefixItems", [{}])))
        return f"list of {_value(inner)}".replace("of like", "of what looks like")
    if looks := LOOKS.get(schema.get("pattern", "")):
        return f"like {looks.partition(';')[0]}"
    if inside := _mapped(schema):
        return f"names, each with: {_value(inside[0])}"
    bounds = [text.format(f"{schema[key]:g}") for key, text in _BOUNDS.items() if key in schema]
    names = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
    return ", ".join([names.get(schema.get("type", ""), "any"), *bounds])


def _named(schema: Schema, whole: Schema) -> bool:
    """Say whether a mapping has names of the user's as its keys, and objects as its values."""
    return bool(_mapped(schema)) and bool(_objects(schema, whole))


def _mapped(schema: Schema) -> list[Schema]:
    """Return what the values of a mapping may be."""
    found = [schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()]
    return [one for one in found if isinstance(one, dict)]


def _objects(schema: Schema, whole: Schema) -> list[tuple[str, Schema]]:
    """Return the objects that a value may be, each with its `kind` where there are several; none for a plain value."""
    if "$ref" in schema:
        found = whole["$defs"][schema["$ref"].rpartition("/")[2]]
        return [("", found)] if "properties" in found else []
    inside = [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *_mapped(schema)]
    inside += [schema["items"]] if "items" in schema else []
    found = [one for part in inside for one in _objects(part, whole)]
    return found if len(found) < 2 else [(str(one["properties"]["kind"]["const"]), one) for _, one in found]
