"""Files are shown before they are written, and what differs is replaced only by who says so."""

import difflib
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import typer

from ci_kit.characters import coloured, visible
from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.init.ask import Asker

_COLOURS = {"+": typer.colors.GREEN, "-": typer.colors.RED, "@": typer.colors.CYAN}


def write(
    files: Mapping[Path, str], before: Mapping[Path, str], root: Path, asker: Asker
) -> tuple[list[Path], list[Path]]:
    """Show a unified diff of each file that is new or differs, ask, and write it whole; return those written, and not.

    With `yes` new files are written, and so are those that only grow or are still as `before` says that init itself
    wrote them; others that differ are kept, as they hold what a person wrote. Raises UserError where it can't write.
    """
    old = {path: _read(path) for path in files}
    changes = [path for path, text in files.items() if old[path] != text]
    new = [path for path in changes if _loses_nothing(old[path], files[path], before.get(path))]
    for path in changes:
        _show(path, root, old[path], files[path])
    if new and not asker.agree(f"Write {_names(new, root)}?", default=True):
        new = []
    other = [path for path in changes if not _loses_nothing(old[path], files[path], before.get(path))]
    replaced = [path for path in other if asker.agree(f"Replace {_names([path], root)}?", default=False)]
    for path in (*new, *replaced):
        try:
            atomic_write(path, files[path].encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise UserError(f"{_names([path], root)} can't be written", why=error.strerror or "") from error
    return [*new, *replaced], [path for path in changes if path not in new and path not in replaced]


def ignoring(path: Path) -> str:
    """Return the text of a .gitignore with the line for what runs leave behind."""
    text = _read(path) or ""
    if any(line.strip() in (".ci-kit/", ".ci-kit", "/.ci-kit/", "/.ci-kit") for line in text.splitlines()):
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}.ci-kit/\n"


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UserError(f"{path.name} can't be read", why=error.strerror or "") from error


def _loses_nothing(old: str | None, new: str, before: str | None) -> bool:
    return old is None or old == before or new.startswith(old)


def _names(paths: list[Path], root: Path) -> str:
    return ", ".join(visible(Path(os.path.relpath(path, root)).as_posix()) for path in paths)


def _show(path: Path, root: Path, old: str | None, new: str) -> None:
    name = _names([path], root)
    before = "/dev/null" if old is None else name
    colours = coloured(sys.stdout)
    for line in difflib.unified_diff((old or "").splitlines(), new.splitlines(), before, name, lineterm=""):
        text = visible(line)
        typer.echo(typer.style(text, fg=_COLOURS.get(text[:1])) if colours else text)
