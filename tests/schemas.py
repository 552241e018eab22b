"""JSON Schemas as judges; imported where one is needed, as this library reads its grammars for seconds."""

from typing import Any


def judge(schema: dict[str, Any], **more: Any) -> Any:
    """Return the validator of a schema, which must be one itself."""
    from jsonschema.validators import validator_for

    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, **more)


def builtin(name: str) -> Any:
    """Return the validator of a schema that check-jsonschema ships, such as `github-workflows`."""
    from check_jsonschema.builtin_schemas import get_builtin_schema  # type: ignore[import-untyped]

    return judge(get_builtin_schema(f"vendor.{name}"))
