"""Pictures for comments: on the history branch, named by their content, so that the same one is never kept twice.

They are shown by an address on the repository's own host that is pinned to a commit,
`<server>/<owner>/<name>/blob/<commit>/pictures/…svg?raw=true`. It is the form that GitHub's documentation of images in
issues and pull requests names, with the remark that it works in a private repository for whoever may read that
(docs.github.com, "Basic writing and formatting syntax"): the reader's own session fetches it, not GitHub's image
proxy. `raw.githubusercontent.com` written out has no session and answers 404 there (link-assistant/hive-mind#1350).
The branch is never rewritten, so an address goes on working after its picture has gone from the branch's tip.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH

FOLDER = "pictures"
MOST = 500  # on the branch's tip: about 5 MB, so that whoever fetches it is not kept waiting


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The pictures that this clone knows to be on the shared branch, at which commit, of which tree.

    `git` knows when they came.
    """

    git: Git | None = None
    commit: str | None = None
    tree: str = ""
    places: frozenset[str] = frozenset()

    def surplus(self, new: Iterable[str]) -> list[str]:
        """Return the oldest ones that are more than `MOST` together with the new ones."""
        others = self.places - {*new}
        room = max(0, MOST - len({*new}))
        if self.git is None or self.commit is None or len(others) <= room:
            return []
        added = ("--format=", "--name-only", "--no-renames", "--diff-filter=A")
        listed = self.git.read("log", *added, self.commit, "--", f":(top){FOLDER}") or ""
        newest = [name for name in dict.fromkeys(listed.split("\n")) if name in others]
        return sorted(others - {*newest[:room]}) if len(newest) == len(others) else []


def kept(git: Git | None) -> Kept:
    """Look what is on the branch, as far as it was fetched; nothing is fetched for it."""
    commit = git.find(f"refs/remotes/origin/{BRANCH}") if git and git.is_repository() else None
    if git is None or commit is None:
        return Kept()
    tree = git.must("rev-parse", f"{commit}^{{tree}}")
    return Kept(git=git, commit=commit, tree=tree, places=frozenset(git.names(commit, FOLDER)))


def place(content: bytes) -> str:
    """Return where a picture lies: `pictures/<first 2 of its SHA-256>/<SHA-256>.svg`."""
    name = hashlib.sha256(content).hexdigest()
    return f"{FOLDER}/{name[:2]}/{name}.svg"
