"""The history: a branch of the repository that holds the Results of trusted commits, the kit's only database.

`results/<sha>/<step>.json` is a Result, `results/<sha>/<step>.<file>` the per-row scores that belong to it. Where the
`ci-kit.yaml` lies in a folder, as in a monorepo, that folder stands between commit and step. `pictures/` is for
comments to show (see `pictures.py`); nothing is judged by them, so that pull requests may write there.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.objects import contents_of
from ci_kit.parts import File
from ci_kit.result import FOLDER, MAX_BYTES, Result, parse

BRANCH = "ci-kit"
SCORES_BYTES = 2**20
REFS = (f"refs/remotes/origin/{BRANCH}", f"refs/heads/{BRANCH}")
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, kw_only=True)
class Past:
    """A Result of an ancestor, `distance` commits back, and the bytes of its scores file when they were kept."""

    result: Result
    sha: str
    distance: int
    scores: bytes | None = None


def find(git: Git, start: str, step: str, say: Callable[[str], None] = lambda _: None) -> Past | None:
    """Return what the history knows of the step at `start` or its nearest ancestor, None when it knows nothing.

    A damaged entry is named through `say` and the next ancestor is tried.
    """
    names, prefix = _names(git), git.prefix()
    for sha in git.ancestors(start):
        folder = f"results/{sha}/{prefix}"
        for ref in names.get(f"{folder}{step}.json", ()):
            try:
                result = _result(git, f"{ref}:{folder}{step}.json", sha, step)
            except UserError as error:
                say(f"history: skipped {step} of {sha[:12]}: {error}")
                continue
            scores = _scores(git, f"{ref}:{folder}", result)
            return Past(result=result, sha=sha, distance=git.distance(sha, start), scores=scores)
    return None


def recent(
    git: Git, start: str, steps: Sequence[str], most: int, say: Callable[[str], None] = lambda _: None
) -> dict[str, list[Result]]:
    """Return the Results of each step at the newest `most` commits from `start` back that have one, the oldest first.

    A damaged one is named through `say` and left out.
    """
    names, prefix, ancestors = _names(git), git.prefix(), [*git.ancestors(start)]
    places = {}
    for step in steps:
        paths = ((sha, f"results/{sha}/{prefix}{step}.json") for sha in ancestors)
        wanted = islice(((sha, path) for sha, path in paths if path in names), most)
        places[step] = [(sha, f"{names[path][0]}:{path}") for sha, path in wanted]
    contents = contents_of(git, [place for found in places.values() for _, place in found])
    results: dict[str, list[Result]] = {step: [] for step in steps}
    for step, found in places.items():
        for sha, place in reversed(found):
            try:
                results[step].append(_read(contents.get(place, b""), f"{step} of {sha[:12]}", sha, step))
            except UserError as error:
                say(f"history: skipped {step} of {sha[:12]}: {error}")
    return results


def entries(root: Path, results: list[Result], sha: str) -> dict[str, bytes]:
    """Return what to record for a commit: path on the branch → bytes, scores files up to 1 MiB included."""
    if not _SHA.fullmatch(sha):
        raise UserError(f"{sha!r} is not a commit id")
    found = {}
    for result in results:
        stem = f"{result.step}-{result.name}" if result.name else result.step
        text = result.model_dump_json(indent=2, exclude_none=True) + "\n"
        folder = PurePosixPath("results", sha, result.source.directory)
        found[f"{folder}/{stem}.json"] = text.encode()
        for file in _kept(result):
            content = _own(root, file)
            if content is not None:
                found[f"{folder}/{stem}.{PurePosixPath(file.path).name}"] = content
    return found


def _names(git: Git) -> dict[str, list[str]]:
    """Map each path of the history to the refs that have it, the shared one first."""
    if not any(git.find(ref) for ref in REFS):
        git.fetch_branch(BRANCH)
    names: dict[str, list[str]] = {}
    for ref in REFS:
        for name in git.names(ref, "results"):
            names.setdefault(name, []).append(ref)
    return names


def _result(git: Git, place: str, sha: str, step: str) -> Result:
    return _read(_blob(git, place, MAX_BYTES), place.partition(":")[2], sha, step)


def _read(content: bytes, name: str, sha: str, step: str) -> Result:
    result = parse(content, name)
    stem = f"{result.step}-{result.name}" if result.name else result.step
    if stem != step:
        raise UserError(f"{name} is a result of {stem}")
    if result.source.sha not in (None, sha):
        raise UserError(f"{name} is a result of commit {result.source.sha}")
    return result


def _scores(git: Git, folder: str, result: Result) -> bytes | None:
    stem = f"{result.step}-{result.name}" if result.name else result.step
    for file in _kept(result):
        try:
            content = _blob(git, f"{folder}{stem}.{PurePosixPath(file.path).name}", SCORES_BYTES)
        except UserError:
            continue
        if hashlib.sha256(content).hexdigest() == file.sha256:
            return content
    return None


def _blob(git: Git, name: str, limit: int) -> bytes:
    size = int(git.read("cat-file", "-s", name) or -1)
    if not 0 <= size <= limit:
        raise UserError(f"{name} has {size:,} bytes" if size > limit else f"{name} is missing")
    return git.run("cat-file", "blob", name).stdout


def _kept(result: Result) -> Iterator[File]:
    return (file for file in result.files if file.role == "scores" and file.bytes <= SCORES_BYTES)


def _own(root: Path, file: File) -> bytes | None:
    """Return the bytes of a file that is really ours: below `.ci-kit`, unchanged since the step described it."""
    path = (root / file.path).resolve()
    if not path.is_relative_to((root / FOLDER).resolve()) or not path.is_file():
        return None
    if path.stat().st_size > SCORES_BYTES:
        return None
    content = path.read_bytes()
    return content if hashlib.sha256(content).hexdigest() == file.sha256 else None
