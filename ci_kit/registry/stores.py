"""Where the bytes of bentos are kept."""

import shutil
from pathlib import Path
from typing import Protocol

from ci_kit.errors import UserError


class Store(Protocol):
    """Keeps archives; the same archive put twice is kept once."""

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Keep the archive of a bento with that digest and return where it is, in the store's own words."""

    def get(self, place: str, target: Path) -> None:
        """Write an archive to `target`; raise UserError when it can't be had."""


class Folder:
    """A folder, such as one on a shared disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Copy the archive to `<folder>/<model>/<digest>.bento`."""
        place = f"{model}/{digest[:16]}.bento"
        target = self._folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        try:
            shutil.copyfile(archive, part)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            why = error.strerror or ""
            raise UserError(f"the bento can't be kept in {self._folder}", why=why, hint="Look at its disk") from error
        return place

    def get(self, place: str, target: Path) -> None:
        """Copy the archive from the folder."""
        source = self._folder / place
        if not source.resolve().is_relative_to(self._folder.resolve()) or not source.is_file():
            raise UserError(f"the store has no {place}", why=f"it is the folder {self._folder}")
        shutil.copyfile(source, target)


def open_store(name: str, root: Path) -> Store:
    """Return the store of that name: a folder."""
    return Folder(root / Path(name).expanduser())
