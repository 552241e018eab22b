"""From the paths of a data set to its files."""

import os
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import Literal

from ci_kit.data.dvc import pull
from ci_kit.data.stages import built
from ci_kit.errors import UserError
from ci_kit.sections import DataSet

Kind = Literal["csv", "parquet", "jsonl"]
SUFFIXES: dict[str, Kind] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".ndjson": "jsonl",
}
# A pointer has three lines, at most 1,024 bytes, by the specification of Git LFS.
LFS, POINTER = b"version https://git-lfs.github.com/spec/", 1024
BUILD = "A stage of dvc.yaml makes it: run `dvc repro` and `dvc push`"
_KNOWN = ", ".join(SUFFIXES)


def files(dataset: DataSet, root: Path) -> list[Path]:
    """Return its files, sorted and each once; raise UserError if a path gives none, or a file is empty or a pointer.

    Of several logs (JSON Lines) one may be empty, as today's is until the first line comes: it is left out.
    """
    found = sorted({file for entry in dataset.path for file in _expand(entry, dataset, root)})
    full = [one for one in found if one.stat().st_size or (dataset.format or _kind(one)) != "jsonl"]
    for file in full or found:
        if file.stat().st_size == 0:
            raise UserError(
                f"{shown(file, root)} is empty",
                why="0 bytes",
                hint="Write the data again or pull it",
                code="data/empty",
            )
        if pointer(file):
            hint = "Type: git lfs pull; in a workflow, give actions/checkout `lfs: true`"
            raise UserError(
                f"{shown(file, root)} is a pointer of Git LFS, not the data", hint=hint, code="data/pointer"
            )
    return full


def kind(dataset: DataSet, root: Path) -> Kind:
    """Return the one format of all files of the data set; raise UserError where they differ or can't be told."""
    if dataset.format:
        return dataset.format
    kinds: dict[Kind, Path] = {}
    for file in files(dataset, root):
        found = _kind(file)
        if found is None:
            hint = f"Set `format: csv`, `parquet` or `jsonl`, or use one of {_KNOWN}"
            raise UserError(
                f"the format of {shown(file, root)} is unknown",
                why="its suffix says nothing",
                hint=hint,
                code="data/unreadable",
            )
        kinds.setdefault(found, file)
    if len(kinds) > 1:
        names = " and ".join(shown(file, root) for file in kinds.values())
        raise UserError(
            f"{names} have different formats",
            why="a data set has one",
            hint="Make two data sets of them",
            code="data/unreadable",
        )
    return next(iter(kinds))


def shown(path: Path, root: Path) -> str:
    """Return the path as the user would type it: relative where it lies below the root."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def pointer(file: Path) -> bool:
    """Say whether Git LFS left its pointer in place of the bytes; raises OSError where the file can't be read."""
    if file.stat().st_size > POINTER:
        return False
    return file.read_bytes().startswith(LFS)


def _kind(file: Path) -> Kind | None:
    name = file.name.lower()
    return next((kind for suffix, kind in SUFFIXES.items() if name.endswith(suffix)), None)


def _expand(entry: str, dataset: DataSet, root: Path) -> list[Path]:
    path = root / os.path.expanduser(entry)  # noqa: PTH111 - Path.expanduser raises where there is no home
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file, path)]
        chosen = [file for file in inside if _kind(file) == dataset.format or (not dataset.format and _kind(file))]
        if not chosen:
            hint = BUILD if built(entry, root) else ""
            raise UserError(f"no data files in the folder {entry}", why=f"looked for {_KNOWN}", hint=hint)
        return chosen
    if has_magic(entry):
        matched = [Path(name) for name in sorted(glob(str(path), recursive=True)) if Path(name).is_file()]  # noqa: PTH207
        if matched:
            return matched
        hint = BUILD if built(_fixed(entry), root) else "Check the glob"
        raise UserError(f"no file matches {entry}", why=f"in {root.name or root}", hint=hint)
    if pull(entry, root):
        return _expand(entry, dataset, root)
    raise UserError(f"no data at {entry}", hint=BUILD if built(entry, root) else "Check `path` in ci-kit.yaml")


def _fixed(entry: str) -> str:
    """Return the folders of a glob that stand before its first wildcard."""
    return Path(*takewhile(lambda part: not has_magic(part), Path(entry).parts)).as_posix()


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
