"""A registered bento, brought here: its bytes as they were registered, its signature as it must be."""

import tempfile
from pathlib import Path

from ci_kit.bento.archive import unpack
from ci_kit.bento.content import changes, facts
from ci_kit.bento.signature import Trust, verify
from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.files import digest
from ci_kit.registry.release import Release
from ci_kit.registry.stores import open_store


def bring(release: Release, config: Config, root: Path, folder: Path) -> None:
    """Fetch the archive, and unpack it into a new folder when its bytes are those that were registered.

    Raises UserError when the store does not have it, or has something else.
    """
    name = f"{release.model}@{release.version}"
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as temporary:
        archive = Path(temporary) / f"{release.model}.bento"
        store = open_store(release.archive.store, root, ours=release.archive.store == config.package.store)
        store.get(release.archive.place, archive)
        if digest(archive) != release.archive.sha256:
            why = f"the store has other bytes at {release.archive.place}"
            raise UserError(f"{name} is not what was registered", why=why, hint="Do not use it")
        unpack(archive, folder)
    found = changes(folder, release.digest)
    if not found and facts(folder)["model"]["sha256"] != release.model_sha256:
        found = ["it is of another model than the registered one"]
    if found:
        raise UserError(f"{name} is not what was registered", why=found[0], hint="Do not use it")


def trust(config: Config, root: Path) -> Trust:
    """Return whose signatures count here."""
    deploy = config.deploy
    return Trust(key=root / deploy.key if deploy.key else None, identity=deploy.identity, issuer=deploy.issuer)


def distrusted(release: Release, folder: Path, trust: Trust) -> str | None:
    """Return why the signature of a bento does not count, None where it does."""
    return verify(folder, release.signature, trust)
