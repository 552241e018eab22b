"""The published JSON Schemas, generated from the types by `make schemas`."""

import json
from pathlib import Path

from ci_kit import config, result

FOLDER = Path(__file__).parent


def published() -> dict[str, str]:
    """Return the text of each schema file by its name."""
    schemas = {"config.json": config.json_schema(), "result.json": result.json_schema()}
    return {name: json.dumps(schema, indent=2, sort_keys=True) + "\n" for name, schema in schemas.items()}
