"""Commits by git's plumbing: neither the work tree nor the index is touched."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.forge.git import Git

TURNS = 50  # how often a commit is built anew because another writer was quicker
_WHO = {"NAME": "ci-kit", "EMAIL": "ci-kit@localhost"}


def blobs(git: Git, files: Mapping[str, bytes | None]) -> dict[str, str | None]:
    """Store the files; return path → blob id, None for what goes. Raises UserError outside a git repository."""
    return {
        path: None if content is None else git.must("hash-object", "-w", "--stdin", stdin=content)
        for path, content in files.items()
    }


def tree(git: Git, parent: str | None, files: Mapping[str, str | None]) -> str:
    """Return a tree: the parent's with the blobs in it. Raises UserError for a path that git finds unfit."""
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git.must("read-tree", *([parent] if parent else ["--empty"]), env=index)
        lines = "".join(
            f"100644 {blob}\t{path}\0" if blob else f"0 {'0' * 40}\t{path}\0" for path, blob in files.items()
        )
        done = git.run("update-index", "-z", "--index-info", stdin=lines.encode(), env=index)
        if done.returncode or done.stderr:  # a path that git finds unfit is only mentioned, and left out
            raise UserError("git refuses a path", why=done.stderr.decode("utf-8", "replace"))
        return git.must("write-tree", env=index)


def commit(git: Git, tree: str, parent: str | None, message: str) -> str:
    """Return a new commit, in the user's name where git knows one."""
    parents = ["-p", parent] if parent else []
    return git.must("commit-tree", tree, *parents, "-F", "-", stdin=message.encode(), env=identity(git))


def move(git: Git, branch: str, new: str, old: str | None, why: str) -> bool:
    """Set the branch from the `old` commit, or from nothing, to the new one; say whether nobody came between."""
    done = git.run("update-ref", "-m", why.splitlines()[0], f"refs/heads/{branch}", new, old or "0" * len(new))
    return done.returncode == 0


def identity(git: Git) -> dict[str, str]:
    """Return the environment that names somebody where git knows nobody."""
    made: dict[str, str] = {}
    for key, value in _WHO.items():
        if not git.read("config", "--get", f"user.{key.lower()}"):
            names = [f"GIT_{role}_{key}" for role in ("AUTHOR", "COMMITTER")]
            made |= {name: value for name in names if not os.environ.get(name)}
    return made
