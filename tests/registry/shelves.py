"""The stores as the tests put them up: each with a hold on what is behind it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from ci_kit.authorities import authorities
from ci_kit.forge.assets import Assets
from ci_kit.forge.client import Client
from ci_kit.registry.dvc import DVC
from ci_kit.registry.github import Releases
from ci_kit.registry.oci import OCI
from ci_kit.registry.stores import Folder, Store
from tests.e2e.conftest import require
from tests.e2e.hub import Hub, missing
from tests.e2e.rules import WRITE
from tests.registry.oci_server import PASSWORD, USER, Registry


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A store, the same one for whom it refuses, a place that it could have, and what lies in it.

    `damage` changes the bytes of everything that is kept; `proves` where the store sees that itself; `local` where it
    writes to a disk of ours.
    """

    store: Store
    refused: Callable[[], Store]
    strange: str
    kept: Callable[[], list[bytes]]
    damage: Callable[[], None]
    local: bool = False
    proves: bool = True


@contextlib.contextmanager
def folder(root: Path) -> Iterator[Shelf]:
    home = root / "kept"

    def files() -> list[Path]:
        return [path for path in home.rglob("*") if path.is_file()]

    def damage() -> None:
        for path in files():
            path.write_bytes(b"damaged")

    (root / "file").touch()
    yield Shelf(
        store=Folder(home),
        refused=lambda: Folder(root / "file"),
        strange="digits/0123456789abcdef.bento",
        kept=lambda: [path.read_bytes() for path in files()],
        damage=damage,
        local=True,
        proves=False,
    )


@contextlib.contextmanager
def oci(root: Path) -> Iterator[Shelf]:
    with Registry() as registry:

        def store(password: str) -> Store:
            env = {"CI_KIT_REGISTRY_USER": USER, "CI_KIT_REGISTRY_PASSWORD": password}
            return OCI(f"oci://{registry.host}/acme/models", env, sleep=lambda _: None)

        def damage() -> None:
            registry.blobs = dict.fromkeys(registry.blobs, b"damaged")

        yield Shelf(
            store=store(PASSWORD),
            refused=lambda: store("wrong"),
            strange=f"acme/models@sha256:{'0' * 64}",
            kept=lambda: [blob for blob in registry.blobs.values() if blob != b"{}"],
            damage=damage,
        )
        assert not [call for call in registry.journal if call[1] == "storage" and call[2]]


@contextlib.contextmanager
def release(root: Path) -> Iterator[Shelf]:
    require(missing(), os.environ)
    with Hub() as hub, httpx.HTTPTransport(verify=authorities()) as transport:
        hub.sample()

        def store(token: str) -> Store:
            client = Client(hub.url, token, transport=transport, sleep=lambda _: None)
            return Releases(Assets(client, hub.url, "/repos/octo/demo"))

        def damage() -> None:
            releases = hub.gateway.releases
            releases.kept = dict.fromkeys(releases.kept, b"damaged")

        yield Shelf(
            store=store(WRITE),
            refused=lambda: store("ghs_unknown"),
            strange="digits-bentos/0123456789abcdef.bento",
            kept=lambda: list(hub.gateway.releases.kept.values()),
            damage=damage,
        )
        assert not hub.gateway.violations, "\n".join(hub.gateway.violations)
        assert not [entry for entry in hub.gateway.journal if entry.path.startswith("/_storage") and entry.token]


@contextlib.contextmanager
def dvc(root: Path) -> Iterator[Shelf]:
    repo, remote = root / "repo", root / "remote"
    repo.mkdir(parents=True)
    run(repo, "git", "init", "--quiet")
    command(repo, "init", "--quiet")
    command(repo, "remote", "add", "--quiet", "--default", "store", "../remote")
    command(repo, "config", "core.autostage", "true")
    (repo / "data.csv").write_text("a\n1\n")
    command(repo, "add", "--quiet", "data.csv")
    (repo / ".ci-kit").mkdir()
    (repo / ".ci-kit" / ".gitignore").write_text("*\n")
    before = _tree(repo)

    def damage() -> None:
        for path in _files(remote):
            path.chmod(0o644)
            path.write_bytes(b"damaged")

    def refused() -> Store:
        other = root / "other"
        other.mkdir(exist_ok=True)
        return DVC(other)

    yield Shelf(
        store=DVC(repo),
        refused=refused,
        strange="md5:" + "0" * 32,
        kept=lambda: [path.read_bytes() for path in _files(remote)],
        damage=damage,
        local=True,
    )
    assert _tree(repo) == before


def run(folder: Path, *command: str) -> str:
    env = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(command, cwd=folder, env=os.environ | env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def command(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-P", "-m", "dvc", *arguments)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _tree(repo: Path) -> tuple[str, dict[str, bytes]]:
    """Return the index, and each file that is neither git's nor DVC's own business."""
    own = [path for path in _files(repo) if not {".git", "cache", "tmp"} & set(path.relative_to(repo).parts)]
    return run(repo, "git", "status", "--porcelain"), {str(path): path.read_bytes() for path in own}


SHELVES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Shelf]]] = {
    "folder": folder,
    "oci": oci,
    "release": release,
    "dvc": dvc,
}
