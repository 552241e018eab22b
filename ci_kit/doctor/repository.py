"""Git and the checkout: version, owner, depth, base branch, and pointers of LFS where data should be."""

import re
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from ci_kit.data.paths import pointer, shown
from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.errors import CiKitError
from ci_kit.parts import Check, Location, Status

OLDEST = (2, 29)
"""The first git with `fetch --no-write-fetch-head`, which the history is fetched with."""


def repository(context: Context) -> Iterator[Check]:
    """Yield what is wrong with git and this checkout."""
    if context.refusal:
        yield _refused(context.refusal)
    elif context.top is None:
        why = "The baseline, the history and the pull request of a retraining live in git."
        hint = "Type: git init && git add . && git commit -m start"
        yield finding("git", "This is no git repository", why=why, hint=hint, status="warn")
    else:
        yield from _version(context)
        yield from _depth(context)
        yield from _tracked(context)
    yield from _pointers(context)


def _refused(error: CiKitError) -> Check:
    if "refuses this repository" in error.what:
        why = f"{error.why[:1].upper()}{error.why[1:]}: no step can tell which commit it judges."
        return finding("safe-directory", "git refuses this repository", why=why, hint=error.hint)
    why = "Without git there is no baseline and no history."
    return finding("git", "git does not work here", observed=error.what, why=why, hint=error.hint or "Type: git status")


def _version(context: Context) -> Iterator[Check]:
    said = context.git.read("--version") or ""
    match = re.search(r"(\d+)\.(\d+)", said)
    if match and (int(match[1]), int(match[2])) < OLDEST:
        why = "The history can't be fetched with it, so nothing is compared with the base branch."
        hint = f"Install git {OLDEST[0]}.{OLDEST[1]} or later"
        yield finding("git-version", "This git is too old", observed=said, why=why, hint=hint)


def _depth(context: Context) -> Iterator[Check]:
    git, base = context.git, context.settings.base
    if git.shallow():
        why = "The commit to compare with is not in this clone, so `evaluate` fails for want of a baseline."
        hint = "Type: git fetch --unshallow; in a workflow give actions/checkout `fetch-depth: 0`"
        status: Status = "fail" if context.config else "warn"
        yield finding("shallow", "The checkout is shallow", why=why, hint=hint, status=status)
    elif context.config and git.find("HEAD") and not (git.find(f"origin/{base}") or git.find(base)):
        hint = "Set `base` in ci-kit.yaml to the branch that pull requests go to"
        others = (git.read("branch", "--all", "--format=%(refname:short)") or "").split()
        observed = f"{base}; there are {', '.join(others[:5])}" if others else base
        why = "Changes are compared with it: without it there is no baseline."
        yield finding("base", "The base branch is not known here", observed=observed, why=why, hint=hint, status="warn")


def _tracked(context: Context) -> Iterator[Check]:
    if context.git.read("ls-files", "--", ".ci-kit"):
        why = "Results of another machine would be taken for those of this run."
        hint = "Type: git rm -r --cached .ci-kit && echo .ci-kit/ >> .gitignore"
        yield finding("tracked", "git tracks what a run writes", observed=".ci-kit", why=why, hint=hint, status="warn")


def _pointers(context: Context) -> Iterator[Check]:
    config = context.settings
    named = [entry for dataset in config.data.values() for entry in dataset.path] + [config.evaluate.model]
    found = [path for entry in named for path in _files(context.root / entry) if _pointer(path)]
    if found:
        name = shown(found[0], context.root)
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        why = "Git LFS left a pointer of three lines where the bytes should be: every step would read that."
        hint = "Type: git lfs install && git lfs pull; in a workflow give actions/checkout `lfs: true`"
        what = "A file is a pointer of Git LFS"
        where = Location(file=f"{context.prefix}{name}")
        yield finding("lfs", what, observed=f"{name}{more}", why=why, hint=hint, location=where)


def _files(path: Path) -> list[Path]:
    """Return the files of an entry, of a folder those directly in it, at most 100."""
    names = glob(str(path / "*") if path.is_dir() else str(path), recursive=True)[:100]  # noqa: PTH207
    return [Path(name) for name in sorted(names) if Path(name).is_file()]


def _pointer(path: Path) -> bool:
    try:
        return pointer(path)
    except OSError:
        return False
