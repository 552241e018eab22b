"""What is in a bento: one digest for all of it, and a list by which each changed file is named."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.files import atomic_write, digest

MANIFEST = "manifest.json"
SCHEMA = 1
_LISTED = 20


def seal(folder: Path, facts: dict[str, Any]) -> str:
    """Write the manifest, which lists every other file with its SHA-256 beside the facts; return the bento's digest.

    The digest is the SHA-256 of the manifest, whose text follows from its content: builds of the same inputs share it.
    Raises UserError for a file that is not plain, such as a link.
    """
    files = {path: digest(folder / path) for path in _plain(folder) if path != MANIFEST}
    atomic_write(folder / MANIFEST, _text({"schema": SCHEMA, **facts, "files": files}))
    return digest(folder / MANIFEST)


def facts(folder: Path) -> dict[str, Any]:
    """Return the manifest; raise UserError when it is missing, damaged, or of a newer ci-kit."""
    try:
        raw = (folder / MANIFEST).read_bytes()
        found = json.loads(raw)
        files, schema = found["files"], found["schema"]
    except OSError as error:
        raise UserError(f"{folder.name} is no bento of ci-kit", why=f"it has no {MANIFEST}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{MANIFEST} is damaged", why=str(error)[:100]) from error
    if schema != SCHEMA or not isinstance(files, dict) or raw != _text(found):
        why = "it was changed, or a newer ci-kit wrote it"
        raise UserError(f"{MANIFEST} is not as ci-kit writes it", why=why)
    return dict(found)


def changes(folder: Path, known: str | None = None) -> list[str]:
    """Say, a line a file, how the bento differs from its manifest, and the manifest from the `known` digest."""
    try:
        expected = facts(folder)["files"]
        present = _plain(folder)
    except UserError as error:
        return [str(error)]
    if known and digest(folder / MANIFEST) != known:
        return [f"{MANIFEST} is another than the registered one"]
    found = [f"{path} is missing" for path in sorted(set(expected) - set(present))]
    found += [f"{path} was added" for path in present if path not in expected and path != MANIFEST]
    found += [f"{path} was changed" for path in present if path in expected and digest(folder / path) != expected[path]]
    return found[:_LISTED] + ([f"and {len(found) - _LISTED:,} more"] if len(found) > _LISTED else [])


def _text(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _plain(folder: Path) -> list[str]:
    """Return the relative paths of all files, sorted; raise UserError for anything that is no plain file."""
    found = []
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root, name)
            mode = path.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise UserError(f"{path.relative_to(folder).as_posix()} is no plain file", why="a link or a device")
        found += [Path(root, name).relative_to(folder).as_posix() for name in names]
    return sorted(found)
