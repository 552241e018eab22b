"""A copy of checkpoints in a store, of any framework's: what it names is there, and is what was written.

Files lie by their digest, `objects/<sha256>`; `index.json` says what they are called and is written last. What stands
at the top of the folder, a file or a folder, is one unit: it is copied whole or not at all.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

from ci_kit.data import pulled
from ci_kit.files import digest
from ci_kit.train.place import Mark, Place

INDEX, OBJECTS = "index.json", "objects/"
_NAME = re.compile(r"[^./\\\0][^/\\\0]{0,200}|\.[^./\\\0][^/\\\0]{0,200}")
Files = dict[str, str]  # name below the folder → SHA-256
Units = dict[str, Files]


class Store(Protocol):
    """Where the copies are kept, below one prefix; each call raises OSError when it fails."""

    def put(self, key: str, source: Path | bytes) -> None:
        """Write an object whole, in place of an older one."""

    def get(self, key: str, target: Path) -> bool:
        """Read an object into a file; False where there is none."""

    def names(self) -> list[str]:
        """Return the keys of all objects."""

    def delete(self, keys: list[str]) -> None:
        """Remove objects; one that is gone already is no error."""


class Copies:
    """The copy of one place in one store; all calls raise OSError when the store or the disk fails."""

    def __init__(self, store: Store, place: Place) -> None:
        self._store, self._place = store, place
        self._known: Units = {}
        self._digests: dict[tuple[str, int, int], str] = {}
        self._seen: Mark = frozenset()

    def send(self) -> None:
        """Copy what is new, the newest first; what changes under our hands waits for the next time."""
        mark = self._place.mark()
        if mark == self._seen or not mark:
            return
        newest: dict[str, float] = {}
        for name, changed, _ in mark:
            newest[_unit(name)] = max(changed, newest.get(_unit(name), 0.0))
        for unit in sorted(newest, key=newest.__getitem__, reverse=True):
            files = self._files(unit, mark)
            if files is not None and self._known.get(unit) != files and self._put(unit, files, mark):
                self._point({name: known for name, known in self._known.items() if name in newest} | {unit: files})
        self._seen = mark if self._place.mark() == mark else frozenset()

    def fetch(self) -> list[str]:
        """Bring the copy into the place, whole or not at all, and return the names of its units."""
        with tempfile.TemporaryDirectory(dir=self._place.folder.parent, prefix=".fetched-") as folder:
            new = Path(folder)
            if not self._store.get(INDEX, new / INDEX):
                return []
            units = _units((new / INDEX).read_bytes())
            for name, sha256 in ((name, sha256) for files in units.values() for name, sha256 in files.items()):
                target = new / "files" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                there = self._store.get(f"{OBJECTS}{sha256}", target)
                pulled.add(target.stat().st_size if there else 0)
                if not there or digest(target) != sha256:
                    raise OSError(f"{name} in the store is not what was written there")
            for unit in units:
                shutil.move(new / "files" / unit, self._place.folder / unit)
        self._known, self._seen = units, self._place.mark()
        return sorted(units)

    def forget(self) -> None:
        """Remove the copy, the index first: from then on what it named may be gone in part."""
        names = self._store.names()
        self._store.delete([name for name in names if name == INDEX])
        self._store.delete([name for name in names if name.startswith(OBJECTS)])

    def _files(self, unit: str, mark: Mark) -> Files | None:
        """Return the files of a unit, None when one has gone meanwhile."""
        found = {}
        for entry in mark:
            if _unit(entry[0]) == unit:
                try:
                    self._digests[entry] = self._digests.get(entry) or digest(self._place.folder / entry[0])
                except FileNotFoundError:
                    return None
                found[entry[0]] = self._digests[entry]
        return found

    def _put(self, unit: str, files: Files, mark: Mark) -> bool:
        """Copy a unit, and say whether it was the same from when it was marked till the end."""
        there = {sha256 for known in self._known.values() for sha256 in known.values()}
        for name, sha256 in files.items():
            if sha256 not in there:
                try:
                    self._store.put(f"{OBJECTS}{sha256}", self._place.folder / name)
                except FileNotFoundError:
                    return False
        before, after = ({entry for entry in one if _unit(entry[0]) == unit} for one in (mark, self._place.mark()))
        return before == after

    def _point(self, units: Units) -> None:
        """Name what is to be fetched, and remove what is not any more."""
        self._store.put(INDEX, json.dumps({"units": units}, sort_keys=True).encode())
        self._known = units
        wanted = {f"{OBJECTS}{sha256}" for files in units.values() for sha256 in files.values()}
        self._store.delete([key for key in self._store.names() if key.startswith(OBJECTS) and key not in wanted])


def _unit(name: str) -> str:
    return name.partition("/")[0]


def _units(raw: bytes) -> Units:
    """Read an index; raise OSError for one that we can't have written: the store may be anybody's."""
    try:
        document: Any = json.loads(raw)
        units = {str(unit): dict(files) for unit, files in document["units"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OSError(f"{INDEX} in the store can't be read") from error
    for unit, files in units.items():
        for name, sha256 in files.items():
            parts = name.split("/")
            if (
                parts[0] != unit
                or not all(map(_NAME.fullmatch, parts))
                or not re.fullmatch(r"[0-9a-f]{64}", str(sha256))
            ):
                raise OSError(f"{INDEX} in the store names {name!r:.60}")
    return units
