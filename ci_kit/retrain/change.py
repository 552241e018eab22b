"""What an update changed, as the file that goes from the job that ran it to the job that may publish it."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, ValidationError

from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.parts import Closed, Cost, Name
from ci_kit.result import RESULT_NAME
from ci_kit.retrain.evidence import read
from ci_kit.sections import DataName

FILE = "change.json"
ONE, ALL, MANY = 64 * 2**10, 512 * 2**10, 100  # bytes of a file, bytes of all, files
MAX_BYTES = 8 * ALL  # JSON writes a character in six at the most, and there are the names
_SHA = r"^[0-9a-f]{40}([0-9a-f]{24})?$"
_KEPT = (".gitignore", ".gitkeep")
HINT = "Keep it under DVC, or add it to .gitignore"


class Change(Closed):
    """One attempt: made on the commit `base` for the window of the monitor. `files` is None until all is done."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    base: Annotated[str, Field(pattern=_SHA)]
    window: Annotated[str, Field(pattern=RESULT_NAME)]
    monitor: DataName
    started: Name
    seconds: Annotated[FiniteFloat, Field(ge=0)] = 0
    cost: Cost | None = None
    files: dict[str, str | None] | None = None


def save(change: Change, folder: Path) -> None:
    """Write the change where `load` finds it; raise UserError as `fit` does."""
    fit(change.files or {})
    atomic_write(folder / FILE, change.model_dump_json().encode())


def load(folder: Path) -> Change | None:
    """Read the change of this run, which may be hostile, None where there is none; raise UserError as `fit` does."""
    if not (folder / FILE).exists():
        return None
    try:
        change = Change.model_validate(json.loads(read(folder / FILE, MAX_BYTES)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:80]
        raise UserError(f"{FILE} is not valid", why=f"{where}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{FILE} is not valid", why="no JSON") from error
    fit(change.files or {})
    return change


def fit(files: Mapping[str, str | None]) -> None:
    """Raise UserError unless these are few and small text files at harmless places of the repository."""
    if len(files) > MANY:
        raise UserError(f"the update changed {len(files):,} files", why=f"at most {MANY}", hint=HINT)
    total = 0
    for path, text in files.items():
        place(path)
        size = len((text or "").encode("utf-8", "surrogatepass"))
        if size > ONE:
            raise UserError(f"{path!r:.200} has {size:,} bytes", why=f"at most {ONE:,}", hint=HINT)
        if text is not None and unreadable(text):
            raise UserError(f"{path!r:.200} is no text", hint=HINT)
        total += size
    if total > ALL:
        raise UserError(f"the update changed {total:,} bytes of text", why=f"at most {ALL:,}", hint=HINT)


def unreadable(text: str) -> bool:
    """Say whether this is not what UTF-8 text files hold."""
    return "\0" in text or bool(re.search("[\ud800-\udfff]", text))


def place(path: str) -> None:
    """Raise UserError for a path that no retraining may change: out of the repository, of git or of its forge."""
    if not 0 < len(path) <= 500 or not path.isprintable() or "\\" in path:
        raise UserError(f"{path!r:.200} is no plain path", hint="Give the file another name")
    for part in path.split("/"):
        # As file systems compare names that know neither case nor trailing dots: `.GIT. ` is `.git` there.
        name = part.casefold().rstrip(" .")
        if not name or part.startswith(" ") or ":" in part:
            raise UserError(f"{path!r:.200} is no plain path", hint="Give the file another name")
        if (name.startswith(".git") and part not in _KEPT) or name.startswith("git~"):
            why = "a retraining changes no workflow and nothing of git's own"
            raise UserError(f"{path!r:.200} was changed", why=why, hint="Let the update leave it alone")
