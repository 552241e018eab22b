"""The forge of a plain git repository: comments are files, the history is a local branch."""

import os
import random
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ci_kit.errors import Unavailable, UserError
from ci_kit.files import atomic_write
from ci_kit.forge.base import Stamp, mark
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.result import FOLDER

TURNS = 50  # how often a commit is built anew because another recorder was quicker
_REF = f"refs/heads/{BRANCH}"
_WHO = {"NAME": "ci-kit", "EMAIL": "ci-kit@localhost"}


class LocalForge:
    """A forge without a server."""

    def __init__(self, root: Path) -> None:
        self.root, self.git = root, Git(root)

    def comment(self, report: str, body: str, stamp: Stamp) -> str:
        """Write the report to `.ci-kit/comments/<report>.md` and return the path."""
        path = self.root / FOLDER / "comments" / f"{report}.md"
        atomic_write(path, mark(body, report, stamp).encode("utf-8", "replace"))
        return str(path)

    def record(self, files: Mapping[str, bytes], message: str) -> None:
        """Commit the files to the local branch `ci-kit`; neither the work tree nor the index is touched.

        Several recorders may run at once; raises UserError outside a git repository.
        """
        if not files:
            return
        blobs = {path: self.git.must("hash-object", "-w", "--stdin", stdin=content) for path, content in files.items()}
        for _ in range(TURNS):
            if self._commit(blobs, message):
                return
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - only spreads the recorders
        raise Unavailable(f"the branch {BRANCH} moved {TURNS} times while a result was being recorded")

    def _commit(self, blobs: Mapping[str, str], message: str) -> bool:
        """Build one commit on the branch's present tip; say whether the branch has the files now."""
        git = self.git
        old = git.find(_REF)
        parent = old or git.find(f"refs/remotes/origin/{BRANCH}")
        with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            git.must("read-tree", *([parent] if parent else ["--empty"]), env=index)
            lines = "".join(f"100644 {blob}\t{path}\0" for path, blob in blobs.items())
            done = git.run("update-index", "-z", "--index-info", stdin=lines.encode(), env=index)
            if done.returncode or done.stderr:  # a path that git finds unfit is only mentioned, and left out
                raise UserError("git refuses a path of the history", why=done.stderr.decode("utf-8", "replace"))
            tree = git.must("write-tree", env=index)
        if old and tree == git.must("rev-parse", f"{old}^{{tree}}"):
            return True
        new = git.must("commit-tree", tree, *(["-p", parent] if parent else []), "-m", message, env=self._identity())
        # An update from the known value only: whoever came between makes this fail, and the next turn builds on theirs.
        return git.run("update-ref", "-m", message.splitlines()[0], _REF, new, old or "0" * len(new)).returncode == 0

    def _identity(self) -> dict[str, str]:
        made: dict[str, str] = {}
        for key, value in _WHO.items():
            if not self.git.read("config", "--get", f"user.{key.lower()}"):
                names = [f"GIT_{role}_{key}" for role in ("AUTHOR", "COMMITTER")]
                made |= {name: value for name in names if not os.environ.get(name)}
        return made
