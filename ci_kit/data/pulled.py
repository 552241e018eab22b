"""How many bytes came from elsewhere in this process: what our own calls fetched, and what DVC brought into its cache.

DVC says how many files it fetched and not how large they are, so its cache is looked at: an object that is new there,
that this repository names, and that no stage has made here, has come from a remote.
"""

import configparser
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

CLOCK = 0.05  # seconds by which a file system's clock may lag behind ours
_MD5 = re.compile(r"\b[0-9a-f]{32}(?:\.dir)?\b")
_NOT_ENTERED = frozenset({".git", ".dvc", ".venv", "venv", "node_modules", "__pycache__", ".ci-kit"})
_lock = threading.Lock()
_bytes = 0


def add(size: int) -> None:
    """Count bytes that were fetched."""
    global _bytes
    with _lock:
        _bytes += size


def total() -> int:
    """Return the bytes that were counted since this process began."""
    return _bytes


@contextmanager
def by_dvc(root: Path, ran: Callable[[], set[str]] = set) -> Iterator[None]:
    """Count what DVC fetches meanwhile; `ran` names afterwards, as DVC does, the stages that it ran."""
    began = time.time() - CLOCK
    try:
        yield
    finally:
        add(_fetched(root, began, ran))


def cache(root: Path) -> Path | None:
    """Return the folder of DVC's cache in which a file lies by its MD5, None where there is no DVC repository."""
    top = _top(root)
    if top is None:
        return None
    home = os.environ.get("DVC_GLOBAL_CONFIG_DIR")
    found = top / ".dvc" / "cache"
    for file in (*([Path(home) / "config"] if home else []), top / ".dvc/config", top / ".dvc/config.local"):
        config = configparser.ConfigParser(interpolation=None, strict=False)
        config.read(file, "utf-8")
        if place := config.get("cache", "dir", fallback=""):
            found = file.parent / place
    return found / "files" / "md5"


def _top(root: Path) -> Path | None:
    return next((one for one in (root.resolve(), *root.resolve().parents) if (one / ".dvc").is_dir()), None)


def _fetched(root: Path, began: float, ran: Callable[[], set[str]]) -> int:
    folder, top = cache(root), _top(root)
    new = dict(_new(folder, began)) if folder and folder.is_dir() else {}
    if not new or folder is None or top is None:
        return 0
    here = {md5 for stage in ran() for md5 in _objects(_outs(root, stage), folder)}
    named = _objects("".join(_read(file) for file in _files(top)), folder)
    return sum(new[md5] for md5 in (named & new.keys()) - here)


def _new(folder: Path, began: float) -> Iterator[tuple[str, int]]:
    """Yield the objects that were put into the cache since, and their bytes: its folders tell where to look."""
    for one in folder.iterdir():
        if one.is_dir() and one.stat().st_mtime >= began:
            for file in os.scandir(one):
                if file.stat().st_mtime >= began:
                    yield f"{one.name}{file.name}", file.stat().st_size


def _objects(text: str, folder: Path) -> set[str]:
    """Return the objects that a file of DVC names, those in its folders included."""
    found = set(_MD5.findall(text))
    for name in [name for name in found if name.endswith(".dir")]:
        found |= set(_MD5.findall(_read(folder / name[:2] / name[2:])))
    return found


def _files(top: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in _NOT_ENTERED]
        yield from (Path(place) / name for name in names if name.endswith(".dvc") or name == "dvc.lock")


def _outs(root: Path, stage: str) -> str:
    """Return what the lock says of the outputs of a stage: of `train`, or of `folder/dvc.yaml:train`."""
    file, _, name = stage.rpartition(":")
    try:
        document = yaml.safe_load(_read((root / file).parent / "dvc.lock" if file else root / "dvc.lock"))
        return str(document["stages"][name]["outs"])
    except (yaml.YAMLError, TypeError, KeyError):
        return ""


def _read(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""
