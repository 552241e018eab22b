"""The files that a stranger's run has left: nothing of them is believed, not even that they are files."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ci_kit.report.gather import FILE, MOST, place
from ci_kit.result import MAX_BYTES

ALL_BYTES = 4 * MAX_BYTES  # of all Results together: what they take as objects is many times that
CHECKS = ("validate", "train", "evaluate")


@dataclass(frozen=True)
class Taken:
    """The bytes of the Results by the name of their file without `.json`, and why others were left."""

    files: dict[str, bytes] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def take(folder: Path) -> Taken:
    """Return what lies in the folder under a name of a check's Result, in their order: at most 50, and 32 MiB in all.

    Only regular files with one name are read, and no link is followed. Any other name is not even told of. A folder
    that is missing, or a link itself, holds nothing.
    """
    taken, left = Taken(), ALL_BYTES
    for name in sorted(filter(_wanted, _names(folder)), key=place)[:MOST]:
        stem = name.removesuffix(".json")
        content = _read(folder / name, min(MAX_BYTES, left))
        if isinstance(content, str):
            taken.refused[stem] = f"{name} {content}"
            continue
        left -= len(content)
        taken.files[stem] = content
    return taken


def _names(folder: Path) -> list[str]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _wanted(name: str) -> bool:
    return FILE.fullmatch(name) is not None and name.startswith(CHECKS)


def _read(path: Path, most: int) -> bytes | str:
    """Return the bytes of the file, or why it is not read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return "is no regular file"
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            told = os.fstat(file.fileno())
            if told.st_nlink != 1:
                return "has another name, too"
            if told.st_size > most:
                return f"has {told.st_size:,} bytes, where at most {most:,} are read"
            return file.read(most)
    except OSError as error:
        return f"can't be read: {error.strerror}"
