"""The grammar of the tags, and reading them from git."""

import re
from dataclasses import dataclass
from typing import Self

from ci_kit.errors import Unavailable
from ci_kit.forge.git import Git

_VERSION = re.compile(r"v(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})")


@dataclass(frozen=True, order=True)
class Version:
    """A semantic version without a pre-release: `v1.2.0`."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the version that a text says, None when it is none."""
        match = _VERSION.fullmatch(text)
        return cls(*map(int, match.groups())) if match else None

    def __str__(self) -> str:
        return f"v{self.major}.{self.minor}.{self.patch}"

    def next(self) -> "Version":
        """Return the next minor version."""
        return Version(self.major, self.minor + 1, 0)


FIRST = Version(0, 1, 0)


def version_tag(model: str, version: str) -> str:
    """Return the name of the tag of a version."""
    return f"{model}@{version}"


def stage_tag(model: str, stage: str, number: int) -> str:
    """Return the name of the tag that gives a version a stage for the `number`th time."""
    return f"{model}#{stage}#{number}"


def fetch(git: Git, model: str) -> None:
    """Bring the model's tags from `origin`, as far as that can be reached."""
    if git.remote_url() is None:
        return
    specs = [f"refs/tags/{model}{mark}*:refs/tags/{model}{mark}*" for mark in "@#"]
    try:
        git.read("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", *specs)
    except Unavailable:
        return


def versions(git: Git, model: str) -> dict[Version, str]:
    """Return the registered versions, oldest first, each with the commit that its tag points to."""
    found = {}
    for name, commit in _annotated(git, f"{model}@").items():
        version = Version.parse(name.partition("@")[2])
        if version:
            found[version] = commit
    return dict(sorted(found.items()))


def stages(git: Git, model: str) -> dict[str, list[tuple[int, str]]]:
    """Return stage → (number, commit) of all its assignments, oldest first."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name, commit in _annotated(git, f"{model}#").items():
        _, stage, number = [*name.split("#"), "", ""][:3]
        if stage and number.isdecimal():
            found.setdefault(stage, []).append((int(number), commit))
    return {stage: sorted(entries) for stage, entries in sorted(found.items())}


def _annotated(git: Git, prefix: str) -> dict[str, str]:
    """Return name → commit of the annotated tags with that prefix; a light one is no registration."""
    form = "--format=%(refname:strip=2)%00%(objecttype)%00%(*objectname)"
    found = {}
    for line in (git.read("for-each-ref", form, f"refs/tags/{prefix}*") or "").splitlines():
        name, kind, commit = line.split("\0")
        if kind == "tag" and commit:
            found[name] = commit
    return found
