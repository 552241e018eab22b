"""Where the bytes of bentos are kept: a folder, an OCI registry, the assets of a GitHub release, DVC's remote."""

import os
import re
import shutil
from pathlib import Path
from typing import Protocol

from ci_kit.errors import UserError
from ci_kit.registry.landing import landing

_PLACE = re.compile(r"[a-z][a-z0-9-]{0,40}/[0-9a-f]{16}\.bento")


class Store(Protocol):
    """Keeps archives; the same archive put twice is kept once."""

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Keep the archive of a bento with that digest and return where it is, in the store's own words."""

    def get(self, place: str, target: Path) -> None:
        """Write an archive to `target`; raise UserError, and leave nothing there, when it can't be had."""


class Folder:
    """A folder, such as one on a shared disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Copy the archive to `<folder>/<model>/<digest>.bento`."""
        place = f"{model}/{digest[:16]}.bento"
        what = f"the bento can't be kept in {self._folder}"
        with landing(self._folder / place, what) as file, archive.open("rb") as source:
            shutil.copyfileobj(source, file)
        return place

    def get(self, place: str, target: Path) -> None:
        """Copy the archive from the folder."""
        with landing(target, f"the bento can't be copied from {self._folder}") as file:
            source = self._folder / place if _PLACE.fullmatch(place) else None
            if source is None or not source.is_file() or not source.resolve().is_relative_to(self._folder.resolve()):
                raise unknown(place, f"it is the folder {self._folder}")
            with source.open("rb") as opened:
                shutil.copyfileobj(opened, file)


def unknown(place: str, why: str) -> UserError:
    """Return the error for a place that a store does not have."""
    return UserError(f"the store has no {place[:200]!r}", why=why)


def open_store(name: str, root: Path, *, ours: bool = True) -> Store:
    """Return the store of that name: `oci://REGISTRY/REPOSITORY`, `release`, `dvc`, or else a folder's path.

    One that is not `ours`, as a release names it and no configuration, is not given the login of the environment.

    Raises UserError for another scheme, and where the store can't be used from here.
    """
    scheme, mark, _ = name.partition("://")
    if mark and scheme != "oci":
        hint = "Take a folder, oci://REGISTRY/REPOSITORY, release or dvc"
        raise UserError(
            f"there is no store {name[:200]!r}", why="`package.store` names it", hint=hint, code="config/unknown-name"
        )
    if mark:
        from ci_kit.registry.credentials import PASSWORD, USER
        from ci_kit.registry.oci import OCI

        hidden = () if ours else (USER, PASSWORD)
        return OCI(name, {key: value for key, value in os.environ.items() if key not in hidden})
    if name == "release":
        from ci_kit.registry.github import connect

        return connect(root)
    if name == "dvc":
        from ci_kit.registry.dvc import DVC

        return DVC(root)
    return Folder(root / Path(name).expanduser())
