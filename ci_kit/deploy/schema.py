"""Documents for a cluster, judged by the schemas of their own API, in which no field is unknown."""

import importlib
import json
from pathlib import Path
from typing import Any

from ci_kit.deploy.dump import Document
from ci_kit.errors import UserError

KSERVE = Path(__file__).with_name("kserve.json")
"""KServe's own schema, the part of it that we write; where it comes from stands in the file."""


def valid(documents: list[Document]) -> str:
    """Return against what the documents are valid; raise UserError, naming the field, when one of them is not.

    A kind without a schema is not valid either.
    """
    return ", ".join(dict.fromkeys(_valid(document) for document in documents))


def _valid(document: Document) -> str:
    kind = str(document.get("kind"))
    if str(document.get("apiVersion")).startswith("serving.kserve.io/"):
        return _kserve(document, kind)
    library = _library("kubernetes_validate")
    try:
        version = library.validate(document, library.latest_version(), strict=True)
    except library.SchemaNotFoundError as error:
        raise UserError(f"the manifest has a {kind}", why="there is no schema of that kind to judge it by") from error
    except library.ValidationError as error:
        raise _invalid(kind, error) from error
    return f"Kubernetes {version}"


def _kserve(document: Document, kind: str) -> str:
    schema = json.loads(KSERVE.read_text("utf-8"))
    library = _library("jsonschema")
    try:
        library.Draft202012Validator(schema).validate(document)
    except library.ValidationError as error:
        raise _invalid(kind, error) from error
    return str(schema["title"])


def _invalid(kind: str, error: Any) -> UserError:
    where = ".".join(str(part) for part in error.absolute_path) or "the document"
    return UserError(f"the manifest's {kind} is not valid", why=f"{where}: {error.message}"[:400])


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(
            f"{name} can't be imported", hint="Type: pip install 'ci-kit[deploy]'", code="config/install"
        ) from error
