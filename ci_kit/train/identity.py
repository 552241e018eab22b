"""Which training this is: the same command, code and data get the same checkpoints."""

import hashlib
import json

from ci_kit.config import FILE
from ci_kit.data.digest import mark
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job


def identity(job: Job, made: tuple[str, ...]) -> str:
    """Return 16 hex digits of the SHA-256 over the command, the tracked files and the configured data.

    `made` are the paths that the training writes: they don't count, nor do files that git does not know, nor what else
    `ci-kit.yaml` says: who allows more time or money goes on. Data that is not there yet counts as absent; under DVC
    its pointers are among the tracked files.
    """
    train, code = job.config.train, _code(Git(job.root), (*made, FILE))
    known = {"command": train.command, "launcher": train.launcher, "code": code, "data": _data(job)}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]


def _code(git: Git, made: tuple[str, ...]) -> list[str]:
    """Return the tree of the last commit, and a digest of what differs from it."""
    if not git.is_repository() or git.find("HEAD") is None:
        return []
    but = [f":(exclude,literal){path}" for path in made]
    changed = git.run("diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--", ".", *but).stdout
    tree = git.must("ls-tree", "-r", "HEAD", "--", ".")
    kept = [line for line in tree.splitlines() if not _within(line.partition("\t")[2], made)]
    return [hashlib.sha256("\n".join(kept).encode()).hexdigest(), hashlib.sha256(changed).hexdigest()]


def _within(path: str, made: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in made)


def _data(job: Job) -> dict[str, str]:
    grows = {job.config.drift.current, job.config.drift.labels}
    found = {}
    for name, dataset in job.config.data.items():
        if name in grows:
            continue
        try:
            found[name] = mark(dataset, job.root)
        except UserError:
            found[name] = "absent"
    return found
