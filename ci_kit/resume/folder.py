"""Checkpoints in a folder: each is written whole or not at all, and read only if every byte is as it was written."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ci_kit.files import digest

KEPT = 2
MANIFEST = "manifest.json"
_NAME = re.compile(r"step-(\d{12})")
T = TypeVar("T")


class Refused(Exception):  # noqa: N818 - it reads as what it is
    """A checkpoint that is not as it was written; the text says what is wrong."""


class Folder:
    """The checkpoints of one training, by step; the newest KEPT are kept.

    One process writes at a time. `say` gets a line for each checkpoint that is refused.
    """

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        self.path, self._say = path, say

    def save(self, step: int, write: Callable[[Path], None]) -> Path:
        """Keep what `write` writes into an empty folder, which may hold no folders, and return where.

        One of the same step that is sound stays: it is the same state. Raises OSError, as for a full disk, with all
        checkpoints as they were before.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        for left in self.path.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        final = self.path / f"step-{step:012d}"
        try:
            verify(final, step)
            return final
        except Refused:
            shutil.rmtree(final, ignore_errors=True)
        new = Path(tempfile.mkdtemp(dir=self.path, prefix=".new-"))
        try:
            write(new)
            seal(new, step)
            new.rename(final)
            _sync(self.path)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        for _, old in self._all()[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def load(self, read: Callable[[Path], T]) -> tuple[int, T] | None:
        """Return the step of the newest checkpoint that verifies, and what `read` makes of its folder.

        None where there is none. What is damaged is refused by name, and so is what `read` raises Refused for; then
        the one before it is taken.
        """
        for step, path in self._all():
            try:
                verify(path, step)
                return step, read(path)
            except Refused as refused:
                self._say(f"ci-kit: checkpoint {path.name} is refused: {refused}")
        return None

    def _all(self) -> list[tuple[int, Path]]:
        entries = self.path.iterdir() if self.path.is_dir() else ()
        found = [(int(match[1]), path) for path in entries if (match := _NAME.fullmatch(path.name))]
        return sorted(found, reverse=True)


def seal(path: Path, step: int) -> None:
    """Write down what the folder holds, which may be no folders, and see all of it onto the disk.

    What was sealed before is sealed anew. Raises OSError, as for a full disk.
    """
    names = sorted(one.name for one in path.iterdir() if one.name != MANIFEST)
    files = {name: {"sha256": digest(path / name), "bytes": (path / name).stat().st_size} for name in names}
    (path / MANIFEST).write_text(json.dumps({"step": step, "files": files}, indent=1), "utf-8")
    for one in (*path.iterdir(), path):
        _sync(one)


def verify(path: Path, step: int) -> None:
    """Raise Refused, naming the file, unless the checkpoint holds what its manifest says, and nothing else."""
    try:
        manifest: Any = json.loads((path / MANIFEST).read_bytes())
        said, listed = manifest["step"], manifest["files"].items()
        files = {str(name): (one["sha256"], one["bytes"]) for name, one in listed}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused(f"{MANIFEST} can't be read") from error
    if said != step:
        raise Refused(f"{MANIFEST} is that of step {said!r:.40}")
    there = {entry.name: entry for entry in path.iterdir()}
    for name in sorted(there.keys() ^ files.keys() ^ {MANIFEST}):
        raise Refused(f"{name} {'is missing' if name in files else 'is no part of it'}")
    for name, (sha256, size) in files.items():
        one = there[name]
        if one.is_symlink() or not one.is_file():
            raise Refused(f"{name} is no plain file")
        if one.stat().st_size != size:
            raise Refused(f"{name} has {one.stat().st_size:,} bytes instead of {size:,}")
        if digest(one) != sha256:
            raise Refused(f"{name} is not what was written")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
