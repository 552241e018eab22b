"""Commits by GitHub's Git Data API: no clone, no git credentials, signed by GitHub where the token is a bot's.

Blobs, trees and commits that nothing points to have no effect, so making them twice does no harm.
"""

import base64
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ci_kit.errors import Unavailable
from ci_kit.forge.base import Refused, Unknown
from ci_kit.forge.client import Client
from ci_kit.forge.history import BRANCH

RECORD_TURNS = 20
WRITE = "contents: write"
Entry = dict[str, str | None]


class Commits:
    """The commits of a repository; `repo` is its path, `/repos/owner/name`."""

    def __init__(self, client: Client, repo: str) -> None:
        self._client, self._git, self._trouble = client, f"{repo}/git", ""

    def tip(self, branch: str) -> str | None:
        """Return the commit id of a branch, None when there is no such branch."""
        found = self._client.find(f"{self._git}/ref/heads/{quote(branch)}")
        return str(found["object"]["sha"]) if found else None

    def read(self, sha: str) -> dict[str, Any]:
        """Return a commit: `message`, `tree`, `parents`, `author`."""
        return self._client.get(f"{self._git}/commits/{sha}")

    def entries(self, files: Mapping[str, bytes | None]) -> list[Entry]:
        """Return what `tree` takes; None takes a file away."""
        return [self._entry(path, content) for path, content in files.items()]

    def tree(self, base: str | None, entries: list[Entry]) -> str:
        """Return a tree: the `base` tree with the entries in it."""
        return str(self._make("trees", ({"base_tree": base} if base else {}) | {"tree": entries})["sha"])

    def commit(self, message: str, tree: str, parent: str | None) -> str:
        """Return a new commit, made in the name of the token."""
        parents = [parent] if parent else []
        return str(self._make("commits", {"message": message, "tree": tree, "parents": parents})["sha"])

    def move(self, branch: str, sha: str, old: str | None, *, force: bool = False) -> None:
        """Set the branch to a commit, or create it where `old` is None.

        Not repeated blindly, as somebody else may have moved it since. Raises Unknown; Refused with 422 or 409 when
        the branch was created, moved or deleted meanwhile.
        """
        if old:
            body = {"sha": sha, "force": force}
            path = f"{self._git}/refs/heads/{quote(branch)}"
            self._client.send("PATCH", path, body, repeat=False, need=WRITE)
        else:
            self._client.send("POST", f"{self._git}/refs", {"ref": f"refs/heads/{branch}", "sha": sha}, need=WRITE)

    def delete(self, branch: str) -> None:
        """Delete a branch; one that is gone already, or protected, stays as it is."""
        try:
            self._client.send("DELETE", f"{self._git}/refs/heads/{quote(branch)}", need=WRITE)
        except Refused as error:
            if error.status not in (404, 409, 422):
                raise

    def tag(self, name: str, commit: str, message: str) -> bool:
        """Make an annotated tag; False where there is one of that name already, of another commit or tagger."""
        made = self._make("tags", {"tag": name, "message": message, "object": commit, "type": "commit"})["sha"]
        try:
            self._client.send("POST", f"{self._git}/refs", {"ref": f"refs/tags/{name}", "sha": made}, need=WRITE)
        except Refused as error:
            if error.status != 422:
                raise
            return False
        except Unknown:
            found = self._client.find(f"{self._git}/ref/tags/{quote(name)}")
            return found is not None and found["object"]["sha"] == made
        return True

    def record(self, files: Mapping[str, bytes | None], message: str, known: tuple[str, str] | None = None) -> str:
        """Commit the files to the branch `ci-kit`, fast-forward only, and return the commit that has them.

        The same content again makes no commit. None takes a file away; where one is gone already, all that should go
        may stay for this time. `known` is a commit and its tree that may well be the branch's tip: two calls less.
        """
        entries = self.entries(files)
        if known and (commit := self._ahead(entries, message, known)):
            return commit
        for turn in range(RECORD_TURNS):
            if commit := self._record(entries, message):
                return commit
            self._client.pause(random.uniform(0, min(4.0, 0.1 * 2**turn)))  # noqa: S311 - only spreads the writers
        raise Unavailable(f"the branch {BRANCH} could not be moved in {RECORD_TURNS} attempts", why=self._trouble)

    def _ahead(self, entries: list[Entry], message: str, known: tuple[str, str]) -> str | None:
        try:
            return self._build(entries, message, *known)
        except Refused as error:
            if error.status not in (404, 422):  # what it was built on may be gone: then all is looked up
                raise
            return None

    def _record(self, entries: list[Entry], message: str) -> str | None:
        tip = self.tip(BRANCH)
        return self._build(entries, message, tip, self.read(tip)["tree"]["sha"] if tip else None)

    def _build(self, entries: list[Entry], message: str, tip: str | None, base: str | None) -> str | None:
        """Build one commit on the branch's tip; return the one that has the files, None if somebody came between."""
        tree = self._grown(base, entries)
        if tree == base:
            return tip
        made = self.commit(message, tree, tip)
        try:
            self.move(BRANCH, made, tip)
        except Unknown:
            return None  # the next turn finds our tree in place, or builds anew
        except Refused as error:
            # 422: the branch moved, or exists by now; 409: GitHub is moving it at this moment.
            if error.status not in (409, 422):
                raise
            self._trouble = str(error)
            return None
        return made

    def _grown(self, base: str | None, entries: list[Entry]) -> str:
        try:
            return self.tree(base, entries)
        except Refused as error:
            staying = [entry for entry in entries if entry.get("sha", "") is not None]
            # 422: GitHub takes nothing away that is not there, as when somebody else has just done so.
            if error.status != 422 or len(staying) == len(entries):
                raise
        return self.tree(base, staying)

    def _entry(self, path: str, content: bytes | None) -> Entry:
        entry: Entry = {"path": path, "mode": "100644", "type": "blob"}
        if content is None:
            return entry | {"sha": None}
        try:
            return entry | {"content": content.decode()}
        except UnicodeDecodeError:
            blob = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
            return entry | {"sha": self._make("blobs", blob)["sha"]}

    def _make(self, kind: str, body: object) -> Any:
        return self._client.send("POST", f"{self._git}/{kind}", body, repeat=True, need=WRITE)[0]
