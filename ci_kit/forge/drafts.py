"""Pull requests without a server: a branch, and a file that says what the pull request would.

`.ci-kit/pulls/<branch with -- for />.md` starts with our mark, then its state in a comment, then title and text. It is
open until it is closed, its branch is gone, or its branch is merged into the base; the next look then deletes the
branch and says so in the file.
"""

import json
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.forge import plumbing
from ci_kit.forge.base import Proposal, Stamp, Unknown, read_mark
from ci_kit.forge.git import Git
from ci_kit.forge.onepull import Open, Tip
from ci_kit.forge.proposals import Seal, change_of, read_seal, seal
from ci_kit.result import FOLDER

_STATE, _END = "<!-- ci-kit:pull ", " -->"


class Drafts:
    """The pull request of that name from a branch into the base, in the repository around `root`."""

    def __init__(self, root: Path, git: Git, branch: str, base: str, name: str = "") -> None:
        self._git, self._branch, self._base, self._name = git, branch, base, name
        self._seen: tuple[dict[str, Any], str] = {}, ""
        self._over = False
        self._path = root / FOLDER / "pulls" / f"{branch.replace('/', '--')}.md"

    def look(self) -> Open | None:
        """Return the open pull request; its URL is the file's path."""
        state, text = self._seen = self._read()
        tip = self._git.find(f"refs/heads/{self._branch}")
        self._over = state.get("state") != "open" or state["base"] != self._base or tip is None or self._merged(tip)
        if self._over:
            if tip and state.get("state") == "open" and self._merged(tip):
                self._merge(tip)
            return None
        return Open(url=str(self._path), title=state["title"], text=text, stamp=read_mark(text, self._name))

    def tip(self) -> Tip | None:
        """Return the branch's newest commit; one that is merged is nobody's any more."""
        sha = self._git.find(f"refs/heads/{self._branch}")
        if sha is None:
            return None
        if self._merged(sha):
            return Tip(sha=sha, seal=Seal(order=(0, 0), change=""))
        message = self._git.must("log", "-1", "--format=%B", sha)
        return Tip(sha=sha, seal=read_seal(message, self._git.must("rev-parse", f"{sha}^{{tree}}"), self._name))

    def push(self, proposal: Proposal, stamp: Stamp, old: str | None) -> None:
        """Make the proposal's commit and set the branch to it, unless its tip is another than `old` by now."""
        git = self._git
        if self._in_use():
            raise UserError(
                f"the branch {self._branch} is checked out", hint=f"Try: git switch {self._base}", code="git/revision"
            )
        parent = git.sha(proposal.parent)
        files = {path: None if text is None else text.encode() for path, text in proposal.files.items()}
        tree = plumbing.tree(git, parent, plumbing.blobs(git, files))
        message = seal(proposal.message, proposal.name, stamp, tree, change_of(proposal))
        if not plumbing.move(git, self._branch, plumbing.commit(git, tree, parent, message), old, proposal.name):
            raise Unknown(f"the branch {self._branch} can't be set", why="another run sets it, or git refuses the name")
        if self._over:  # the file of one that was merged must not come back to life with its branch
            self._path.unlink(missing_ok=True)

    def create(self, title: str, text: str) -> None:
        """Write the file."""
        self._write({"state": "open", "base": self._base, "title": title}, text)

    rewrite = create

    def close(self, why: str, stamp: Stamp) -> None:
        """Write into the file that it is closed, by which run, and why."""
        state, text = self._seen  # not read again: of two that close at once, each writes the same
        closed = state | {"state": "closed", "run": stamp.run_id}
        self._write(closed, f"{text.rstrip()}\n\n---\n\n**Closed.** {why.strip()}\n")

    def delete(self, tip: Tip) -> None:
        """Delete the branch unless it moved, or is checked out."""
        if not self._in_use():
            self._git.run("update-ref", "-d", f"refs/heads/{self._branch}", tip.sha)

    def _merge(self, tip: str) -> None:
        state, text = self._seen
        self.delete(Tip(sha=tip, seal=None))
        if self._git.find(f"refs/heads/{self._branch}") in (None, tip):  # else another run has begun the next one
            self._write(state | {"state": "merged"}, f"{text.rstrip()}\n\n---\n\n**Merged.**\n")

    def _write(self, state: dict[str, str | int], text: str) -> None:
        first, _, body = text.partition("\n")
        # Within a comment nothing may look like its end.
        line = json.dumps(state | {"branch": self._branch}, sort_keys=True).replace(">", "\\u003e")
        page = f"{first}\n{_STATE}{line}{_END}\n\n# {state['title']}\n\n{body}"
        atomic_write(self._path, page.encode("utf-8", "replace"))

    def _read(self) -> tuple[dict[str, Any], str]:
        """Return the state and the text with its mark, both empty when there is no file of ours."""
        try:
            first, line, rest = self._path.read_text("utf-8").split("\n", 2)
            state = json.loads(line.removeprefix(_STATE).removesuffix(_END))
            head = f"\n# {state['title']}\n\n"
            ours = state["branch"] == self._branch and isinstance(state["base"], str)
        except (OSError, ValueError, TypeError, KeyError):
            return {}, ""
        return (state, f"{first}\n{rest.removeprefix(head)}") if ours else ({}, "")

    def _merged(self, sha: str) -> bool:
        names = (f"refs/heads/{self._base}", f"refs/remotes/origin/{self._base}")
        return any(self._git.read("merge-base", "--is-ancestor", sha, name) is not None for name in names)

    def _in_use(self) -> bool:
        trees = self._git.read("worktree", "list", "--porcelain") or ""
        return f"branch refs/heads/{self._branch}" in trees.splitlines()
