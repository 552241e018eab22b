"""Whether clients of one API can go on with another: two OpenAPI documents, compared as sets of values."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_DEEP = 40
METHODS = ("get", "put", "post", "delete", "patch")


def breaking(old: Schema, new: Schema) -> list[str]:
    """Say what a client of the old API can't do with the new one: requests it may send, answers it must understand."""
    found = []
    for path, item in (old.get("paths") or {}).items():
        for method in METHODS:
            if method not in item:
                continue
            there = (new.get("paths") or {}).get(path, {}).get(method)
            name = f"{method.upper()} {path}"
            if there is None:
                found.append(f"{name} is gone")
                continue
            before, after = (_body(one, "requestBody") for one in (item[method], there))
            found += [f"{name}: {why}" for why in _wider(before, old, after, new, "request")]
            before, after = (_body(one.get("responses", {}), "200") for one in (item[method], there))
            found += [f"{name}: {why}" for why in _wider(after, new, before, old, "answer")]
    return list(dict.fromkeys(found))


def _body(holder: Schema, key: str) -> Schema | None:
    content = (holder.get(key) or {}).get("content") or {}
    schema = (content.get("application/json") or {}).get("schema")
    return schema if isinstance(schema, dict) else None


def _wider(narrow: Schema | None, here: Schema, wide: Schema | None, there: Schema, where: str) -> list[str]:
    """Say why a value that the narrow schema allows may not be one of the wide schema."""
    return [] if narrow is None or wide is None else list(_outside(narrow, here, wide, there, where, 0))


def _outside(one: Schema, here: Schema, other: Schema, there: Schema, where: str, depth: int) -> Iterator[str]:
    one, other = _resolved(one, here), _resolved(other, there)
    if depth > _DEEP or not other:
        return
    kinds, allowed = _types(one, here), _types(other, there)
    if allowed and kinds and not all(kind in allowed or (kind == "integer" and "number" in allowed) for kind in kinds):
        before, after = (kinds, allowed) if where.startswith("request") else (allowed, kinds)
        yield f"{where} was {' or '.join(sorted(before))} and is {' or '.join(sorted(after))}"
        return
    one, other = _plain(one, here), _plain(other, there)
    if "enum" in other:
        extra = [value for value in one.get("enum", ()) if value not in other["enum"]]
        if "enum" not in one or extra:
            yield f"{where} has {'fewer' if where.startswith('request') else 'other'} values"
    yield from _bounds(one, other, where)
    if other.get("pattern") not in (None, one.get("pattern")):
        yield f"{where} has another pattern"
    yield from _object(one, here, other, there, where, depth)
    if isinstance(one.get("items"), dict) and isinstance(other.get("items"), dict):
        yield from _outside(one["items"], here, other["items"], there, f"{where}[]", depth + 1)


def _bounds(one: Schema, other: Schema, where: str) -> Iterator[str]:
    for key in (*_LOWER, *_UPPER):
        inner, outer = one.get(key), other.get(key)
        if outer is not None and (inner is None or (inner < outer if key in _LOWER else inner > outer)):
            before, after = (inner, outer) if where.startswith("request") else (outer, inner)
            yield f"{where}: {key} {'none' if before is None else before} → {'none' if after is None else after}"


def _object(one: Schema, here: Schema, other: Schema, there: Schema, where: str, depth: int) -> Iterator[str]:
    properties, known = one.get("properties") or {}, other.get("properties") or {}
    for name in sorted(set(other.get("required", ())) - set(one.get("required", ()))):
        yield f"{where}.{name} is required" if where.startswith("request") else f"{where}.{name} may be missing"
    if other.get("additionalProperties") is False:
        for name in sorted(set(properties) - set(known)):
            yield f"{where}.{name} is refused"
    for name in sorted(set(properties) & set(known)):
        yield from _outside(properties[name], here, known[name], there, f"{where}.{name}", depth + 1)


def _resolved(schema: Schema, document: Schema) -> Schema:
    for _ in range(_DEEP):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        found: Any = document
        for part in reference[2:].split("/"):
            found = found.get(part, {}) if isinstance(found, dict) else {}
        schema = found
    return schema if isinstance(schema, dict) else {}


def _types(schema: Schema, document: Schema) -> set[str]:
    """Return the JSON types that a schema allows; none where it does not say."""
    schema = _resolved(schema, document)
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices:
        return set().union(*(_types(one, document) for one in choices))
    kind = schema.get("type")
    found = {kind} if isinstance(kind, str) else set(kind or ())
    return found | ({"null"} if schema.get("nullable") else set())


def _plain(schema: Schema, document: Schema) -> Schema:
    """Return the part of a schema that is not null."""
    choices = schema.get("anyOf") or schema.get("oneOf") or ()
    rest = [found for one in choices if (found := _resolved(one, document)).get("type") != "null"]
    return schema | rest[0] if len(rest) == 1 else schema
