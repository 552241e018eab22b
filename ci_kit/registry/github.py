"""GitHub as a store: bentos as assets of releases."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.forge.assets import Assets
from ci_kit.forge.client import Client
from ci_kit.forge.git import Git
from ci_kit.registry.landing import landing, save
from ci_kit.registry.stores import unknown

API = "https://api.github.com"
_PLACE = re.compile(r"([a-z][a-z0-9-]{0,40}-bentos)/([0-9a-f]{16}\.bento)")
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_HOME = re.compile(r"(https?://|ssh://|git://)?([^/@]*@)?(www\.)?github\.com[:/].*")


class Releases:
    """One release for each model, with the tag `<model>-bentos`; it holds one asset for each bento.

    Not one release for each bento: a version is a tag already, and each release makes another one, tells everybody who
    watches the repository, and starts what `on: release` starts. It is no draft, which nobody sees who may only read,
    and never the latest, which is what the repository's users look for. A place is `<model>-bentos/<digest>.bento`.
    """

    def __init__(self, assets: Assets) -> None:
        self._assets = assets

    def put(self, archive: Path, model: str, digest: str) -> str:
        """Upload the archive, once."""
        tag, name = f"{model}-bentos", f"{digest[:16]}.bento"
        release = {
            "tag_name": tag,
            "name": f"Bentos of {model}",
            "body": f"The packaged models that the tags `{model}@…` speak of. ci-kit keeps them here, named by digest.",
            "draft": False,
            "prerelease": False,
            "make_latest": "false",
        }
        self._assets.keep(release, name, archive)
        return f"{tag}/{name}"

    def get(self, place: str, target: Path) -> None:
        """Download the asset; its size and digest must be those that GitHub has of it."""
        match = _PLACE.fullmatch(place)
        asset = self._assets.find(*match.groups()) if match else None
        if asset is None or not asset.whole:
            raise unknown(place, "it is the releases of the repository")
        with landing(target, "the bento can't be downloaded", asset.sha256) as file:
            self._assets.fetch(asset, lambda chunks: save(chunks, file, asset.size))


def connect(root: Path, env: Mapping[str, str] = os.environ) -> Releases:
    """Return the releases of this run's repository, else of `origin`; raise UserError without a token."""
    token, url, repo = (env.get(f"GITHUB_{name}", "").strip() for name in ("TOKEN", "API_URL", "REPOSITORY"))
    if not token:
        hint = "Give the step GITHUB_TOKEN: ${{ github.token }} in its env; elsewhere set a token of your own"
        raise UserError(
            "the store `release` needs a token", why="GITHUB_TOKEN is empty", hint=hint, code="github/token"
        )
    git = Git(root)
    if not repo and (url or _HOME.fullmatch(git.remote_url() or "")):
        repo = git.slug()
    if not _REPO.fullmatch(repo):
        what, hint = "the store `release` does not know the repository", "Set GITHUB_REPOSITORY to owner/name"
        raise UserError(what, why="`origin` is not on github.com", hint=f"{hint}; on GHES, GITHUB_API_URL, too")
    return Releases(Assets(Client(url or API, token), url or API, f"/repos/{repo}"))
