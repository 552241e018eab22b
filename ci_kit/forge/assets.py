"""Files kept as assets of releases: exactly one release of a tag, exactly one asset of a name, whoever else writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from ci_kit.errors import Unavailable, UserError
from ci_kit.files import digest
from ci_kit.forge.base import SETTLE, TURNS, Refused, Unknown
from ci_kit.forge.client import Client
from ci_kit.forge.transfer import Sink

READ, WRITE = "contents: read", "contents: write"
MOST, LARGEST = 1000, 2 * 2**30  # assets of one release, bytes of one asset: GitHub's limits
LEFT = 5  # looks in a row, SETTLE apart, at an unfinished asset before it counts as left over
_ELSEWHERE = "Keep it elsewhere: `oci://REGISTRY/REPOSITORY`, or `dvc`"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file of a release, in bytes; `sha256` is None where GitHub does not say it.

    `whole` is false for what is still on its way, or what an upload that broke off has left.
    """

    id: int
    size: int
    whole: bool
    sha256: str | None


class Assets:
    """The releases of a repository; `url` is the API's address, `repo` the repository's path, `/repos/owner/name`."""

    def __init__(self, client: Client, url: str, repo: str) -> None:
        self._client, self._home, self._releases = client, urlsplit(url), f"{repo}/releases"

    def keep(self, release: Mapping[str, object], name: str, file: Path) -> None:
        """Let the release, which is made if need be, have the file under that name.

        `release` is what GitHub's API takes to make one. Looks, makes one change, looks again after `SETTLE`, until
        nothing is left to do: so a lost answer is looked up, and what a crash left is healed. GitHub itself refuses a
        second release of a tag and a second asset of a name. Raises UserError where another file has the name, or the
        release takes no more.
        """
        turn, trouble = _Turn(self, release, name, file), ""
        for _ in range(TURNS):
            try:
                if turn.step():
                    return
            except Unknown as error:
                trouble = str(error)
            except Refused as error:
                # Somebody else was quicker, so look again; what is refused twice in the same words is refused.
                if error.status not in (404, 409, 422) or str(error) == trouble:
                    raise
                trouble = str(error)
            self._client.pause(SETTLE)
        raise Unavailable(
            f"the release {release['tag_name']} did not settle in {TURNS} rounds", why=trouble, code="github/unsettled"
        )

    def find(self, tag: str, name: str) -> Asset | None:
        """Return the asset of that name in the release of that tag, None where there is none."""
        release = self.release(tag, READ)
        return self.asset(release, name, READ)[0] if release else None

    def fetch(self, asset: Asset, sink: Sink) -> None:
        """Hand the asset's bytes to `sink`, from the first one again after a trouble that passes."""
        self._client.fetch(f"{self._releases}/assets/{asset.id}", sink, need=READ)

    def release(self, tag: str, need: str) -> dict[str, Any] | None:
        """Return the release of a tag, None where there is none."""
        return self._client.find(f"{self._releases}/tags/{quote(tag, safe='')}", need=need)

    def asset(self, release: Mapping[str, Any], name: str, need: str) -> tuple[Asset | None, int]:
        """Return the asset of that name, None where there is none, and how many others were seen before it."""
        number = 0
        for item in self._client.pages(f"{self._releases}/{release['id']}/assets?per_page=100", need=need):
            if item.get("name") == name:
                kind, _, sha256 = str(item.get("digest") or "").partition(":")
                return Asset(
                    id=int(item["id"]),
                    size=int(item["size"]),
                    whole=item.get("state") == "uploaded",
                    sha256=sha256 if kind == "sha256" else None,
                ), number
            number += 1
        return None, number

    def create(self, release: Mapping[str, object]) -> None:
        """Make a release; raises Refused with 422 where its tag has one."""
        self._client.send("POST", self._releases, dict(release), need=WRITE)

    def upload(self, release: Mapping[str, Any], name: str, file: Path) -> None:
        """Send a file; raises Refused with 422 where its name is taken. The token goes to hosts of GitHub's alone."""
        address, home = str(release.get("upload_url")).partition("{")[0], self._home
        hosts = (home.netloc, f"uploads.{home.netloc.removeprefix('api.')}")
        if not address.startswith(tuple(f"{home.scheme}://{host}/" for host in hosts)):
            raise Unavailable("GitHub wants files to be sent to none of its hosts", why=address[:200])
        self._client.send("POST", f"{address}?name={quote(name, safe='')}", file, need=WRITE)

    def delete(self, asset: Asset) -> None:
        """Delete an asset; one that is gone already is no trouble."""
        try:
            self._client.send("DELETE", f"{self._releases}/assets/{asset.id}", need=WRITE)
        except Refused as error:
            if error.status != 404:
                raise


class _Turn:
    """One file on its way: `step` looks and makes the next change."""

    def __init__(self, assets: Assets, release: Mapping[str, object], name: str, file: Path) -> None:
        self._assets, self._release, self._name, self._file = assets, release, name, file
        self._size = file.stat().st_size
        if self._size >= LARGEST:
            why = f"they are {self._size:,}, and GitHub takes less than {LARGEST:,}"
            raise UserError("too many bytes for a release", why=why, hint=_ELSEWHERE)
        self._sha256, self._unfinished = digest(file), [0]

    def step(self) -> bool:
        """Return whether the file is there as it should be; False after a change, or where it is time to wait."""
        tag = str(self._release["tag_name"])
        release = self._assets.release(tag, WRITE)
        if release is None:
            self._assets.create(self._release)
            return False
        asset, others = self._assets.asset(release, self._name, WRITE)
        if asset and asset.whole:
            if (asset.size, asset.sha256 or self._sha256) != (self._size, self._sha256):
                why, hint = "it has other bytes", "If no version needs it, delete that asset by hand"
                raise UserError(f"the release {tag} has another {self._name}", why=why, hint=hint)
            return True
        if asset is None:
            self._upload(release, others)
        elif self._left_over(asset):
            self._assets.delete(asset)
        return False

    def _upload(self, release: Mapping[str, Any], others: int) -> None:
        why = f"it has {others:,}, as many as GitHub allows" if others >= MOST else ""
        if why or release.get("immutable"):
            why = why or "the repository makes its releases immutable"
            raise UserError(f"the release {release['tag_name']} takes no more files", why=why, hint=_ELSEWHERE)
        self._assets.upload(release, self._name, self._file)

    def _left_over(self, asset: Asset) -> bool:
        """Say whether nobody is at an unfinished asset any more."""
        self._unfinished = [*self._unfinished, asset.id] if asset.id == self._unfinished[-1] else [asset.id]
        return len(self._unfinished) >= LEFT
