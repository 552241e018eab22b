"""What a training leaves behind: whether the declared files are there, and of this run."""

import os
from collections.abc import Iterator
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.files import digest
from ci_kit.parts import Check, File

MAX_FILES = 100
Stamp = dict[str, tuple[int, int, int]]


def within(root: Path, name: str) -> Path:
    """Return the path of a configured file; raise UserError when it leaves the repository."""
    path = Path(os.path.normpath(root / name))
    if not path.is_relative_to(root) or path == root:
        raise UserError(f"{name!r} lies outside the repository", hint="Name files relative to ci-kit.yaml")
    return path


def files(path: Path) -> Iterator[Path]:
    """Yield the file, or the files below the folder in order of their names."""
    if path.is_file():
        yield path
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (file for name in sorted(names) if (file := Path(folder) / name).is_file())


def stamp(path: Path) -> Stamp:
    """Return what tells a newly written file from an old one: modification time, size and inode, by name."""
    found = {}
    for file in files(path):
        status = file.stat()
        found[str(file)] = (status.st_mtime_ns, status.st_size, status.st_ino)
    return found


def judge(name: str, path: Path, before: Stamp | None) -> Check:
    """Check that the output is there and, unless `before` is None, that it is not the file of before."""
    after = stamp(path)
    check = {"id": f"outputs/{name}", "title": f"Output {name}"}
    if not after:
        missing = "it is an empty folder" if path.is_dir() else "the command did not write it"
        return Check(**check, status="fail", observed="missing", detail=missing)
    if before is not None and after == before:
        detail = "The file is the one from before the command ran: it would be taken for a new result."
        return Check(**check, status="fail", observed="not new", detail=detail)
    size = sum(size for _, size, _ in after.values())
    count = f", {len(after):,} files" if path.is_dir() else ""
    return Check(**check, status="pass", observed=f"{size:,} bytes{count}")


def describe(path: Path, root: Path, role: str) -> tuple[File, ...]:
    """Return the File records of an output, at most 100 of a folder."""
    found = list(files(path))[:MAX_FILES]
    # Not File.of, which resolves links: DVC may link an output to its cache outside the repository.
    return tuple(
        File(path=one.relative_to(root).as_posix(), sha256=digest(one), bytes=one.stat().st_size, role=role)
        for one in found
    )
