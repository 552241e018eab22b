"""The forge of a plain git repository: comments and pull requests are files, the history is a local branch."""

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ci_kit.errors import Unavailable, UserError
from ci_kit.files import atomic_write
from ci_kit.forge import onepull, plumbing
from ci_kit.forge.base import Head, Proposal, Pull, Stamp, mark
from ci_kit.forge.board import compose
from ci_kit.forge.drafts import Drafts
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.forge.parts import Board, Part, merge, read
from ci_kit.forge.pictures import FOLDER as PICTURES
from ci_kit.forge.pictures import MOST, place
from ci_kit.forge.verdict import Verdict
from ci_kit.result import FOLDER

_REF = f"refs/heads/{BRANCH}"


class LocalForge:
    """A forge without a server."""

    def __init__(self, root: Path) -> None:
        self.root, self.git = root, Git(root)

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Write the report to `.ci-kit/comments/<report>.md` and return the path."""
        path = self.root / FOLDER / "comments" / f"{report}.md"
        atomic_write(path, mark(body, report, stamp).encode("utf-8", "replace"))
        return str(path)

    def share(self, comment: str, part: Part) -> str:
        """Write the part into `.ci-kit/comments/<comment>.md`, beside those that are there, and return the path."""
        path = self.root / FOLDER / "comments" / f"{comment}.md"
        text = path.read_text("utf-8", "replace") if path.is_file() else ""
        own = part.sealed()
        board = merge(read(text, comment) or Board(), Board(parts={own.id: own}))
        atomic_write(path, compose(comment, replace(board, turn=own.digest)).encode("utf-8", "replace"))
        return str(path)

    def show(self, name: str, stamp: Stamp, title: str, text: str, well: bool | None) -> None:
        """Do nothing: there are no checks here."""

    def check(self, name: str, stamp: Stamp, verdict: Verdict) -> str:  # noqa: ARG002 - as every forge has it
        """Do nothing: there are no checks here."""
        return ""

    status = check

    def record(self, files: Mapping[str, bytes | None], message: str) -> str | None:
        """Commit the files to the local branch `ci-kit` and return the commit that has them.

        Neither the work tree nor the index is touched. Several recorders may run at once. Raises UserError outside a
        git repository.
        """
        if not files:
            return None
        blobs = plumbing.blobs(self.git, files)
        for _ in range(plumbing.TURNS):
            if commit := self._commit(blobs, message):
                return commit
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - only spreads the recorders
        raise Unavailable(f"the branch {BRANCH} moved {plumbing.TURNS} times while a result was being recorded")

    def keep(self, pictures: Mapping[str, bytes]) -> dict[str, str]:
        """Write the pictures below `.ci-kit/pictures`; name → path from the folder of the comments.

        Only the newest `pictures.MOST` files stay.
        """
        for content in pictures.values():
            atomic_write(self.root / FOLDER / place(content), content)
        files = (self.root / FOLDER / PICTURES).glob("*/*.svg")
        for old in sorted(files, key=lambda path: path.stat().st_mtime_ns)[:-MOST]:
            old.unlink(missing_ok=True)
        return {name: f"../{place(content)}" for name, content in pictures.items()}

    def propose(self, proposal: Proposal, stamp: Stamp) -> Pull:
        """Keep one branch with one commit, and one file that says what a pull request would; see `Drafts`."""
        desk = Drafts(self.root, self.git, proposal.branch, proposal.base, proposal.name)
        return onepull.propose(desk, lambda seconds: time.sleep(seconds / 50), proposal, stamp)

    def opened(self, branch: str, base: str) -> str | None:
        """Return the path of the open pull request's file."""
        found = Drafts(self.root, self.git, branch, base).look()
        return found.url if found else None

    def heads(self, source: str, branch: str) -> list[Head]:  # noqa: ARG002 - as every forge has it
        """Return nothing: pull requests are a forge's."""
        return []

    def withdraw(self, branch: str, base: str, name: str, why: str, stamp: Stamp) -> Pull | None:
        """Write into the file why it was closed, and delete the branch."""
        return onepull.withdraw(Drafts(self.root, self.git, branch, base, name), why, stamp)

    def dispatch(self, workflow: str, branch: str, inputs: Mapping[str, str] | None = None) -> None:
        """Do nothing: there are no workflows here."""

    def tag(self, name: str, commit: str, message: str) -> bool:
        """Make an annotated tag in this repository; False where there is one of that name already."""
        done = self.git.run(
            "tag", "--annotate", "--no-sign", "-m", message, name, commit, env=plumbing.identity(self.git)
        )
        if done.returncode and self.git.find(f"refs/tags/{name}") is None:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise UserError(f"git can't make the tag {name}", why=words[-1][:300])
        return not done.returncode

    def _commit(self, blobs: Mapping[str, str | None], message: str) -> str | None:
        """Build one commit on the branch's present tip; return the commit that has the files, None if somebody came."""
        git = self.git
        old = git.find(_REF)
        parent = old or git.find(f"refs/remotes/origin/{BRANCH}")
        tree = plumbing.tree(git, parent, blobs)
        if old and tree == git.must("rev-parse", f"{old}^{{tree}}"):
            return old
        made = plumbing.commit(git, tree, parent, message)
        return made if plumbing.move(git, BRANCH, made, old, message) else None
