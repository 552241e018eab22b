"""What a training leaves behind: whether the declared files are there, and of this run."""

import os
from collections.abc import Callable, Iterator
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
    if os.path.isfile(path):  # noqa: PTH113
        yield path
    for folder, folders, names in os.walk(path):
        folders.sort()
        # Path.is_file raises for a file in a folder that can't be entered.
        yield from (Path(folder, name) for name in sorted(names) if os.path.isfile(Path(folder, name)))  # noqa: PTH113


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
    if not after:
        return _failed(name, "missing", _missing(path))
    if before is not None and after == before:
        detail = "The file is the one from before the command ran: it would be taken for a new result."
        return _failed(name, "not new", detail)
    size = sum(size for _, size, _ in after.values())
    count = f", {len(after):,} files" if path.is_dir() else ""
    return Check(id=f"outputs/{name}", title=f"Output {name}", status="pass", observed=f"{size:,} bytes{count}")


def declared(
    name: str, path: Path, before: Stamp | None, *, root: Path, since: float, cached: Callable[[], bool]
) -> Check:
    """Judge an output that must be a result: besides, it is not empty, lies below `root` and was written by the run.

    What a link leads to counts as written when it was changed after `since`, seconds since the epoch. `cached` tells
    whether DVC answers for the output: it may be linked to DVC's cache, wherever that is.
    """
    check = judge(name, path, before)
    if check.status == "fail":
        return check
    if not any(size for _, size, _ in stamp(path).values()):
        return _failed(name, "is empty", "0 bytes were written.")
    real = {entry: entry.resolve() for entry in (*files(path), *_linked(path))}
    outside = [entry for entry, target in real.items() if not target.is_relative_to(root)]
    if outside and not cached():
        detail = f"{outside[0].relative_to(root)} is a link out of the repository: other runs may change what it names."
        return _failed(name, "leads outside", detail)
    old = before is not None and all(target.stat().st_ctime < since for target in real.values())
    if old and not outside and path.resolve() != path:
        detail = f"It is a link to {path.resolve().relative_to(root)}, which the command did not write."
        return _failed(name, "not new", detail)
    return check


def _linked(path: Path) -> Iterator[Path]:
    """Yield the links to folders below the folder, which `files` does not follow but an upload would."""
    for folder, folders, _ in os.walk(path):
        yield from (Path(folder, name) for name in folders if Path(folder, name).is_symlink())


def _failed(name: str, observed: str, detail: str) -> Check:
    return Check(id=f"outputs/{name}", title=f"Output {name}", status="fail", observed=observed, detail=detail)


def _missing(path: Path) -> str:
    """Say why there is no file."""
    if path.is_dir():
        return "it is an empty folder"
    if path.is_symlink():
        return f"it is a link to {os.readlink(path)}, which was not written"  # noqa: PTH115 - as it was written
    return "it is not a file" if os.path.lexists(path) else "the command did not write it"


def describe(path: Path, root: Path, role: str) -> tuple[File, ...]:
    """Return the File records of an output, at most 100 of a folder."""
    found = list(files(path))[:MAX_FILES]
    # Not File.of, which resolves links: DVC may link an output to its cache outside the repository.
    return tuple(
        File(path=one.relative_to(root).as_posix(), sha256=digest(one), bytes=one.stat().st_size, role=role)
        for one in found
    )
