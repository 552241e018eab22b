"""The whole history at once: the commits of the base branch, what is known of each, and what happened between them.

A handful of git processes, however many commits there are: one lists the branch, one the commits, and the Results come
in portions that fit in memory.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ci_kit.forge.git import Git
from ci_kit.forge.history import REFS
from ci_kit.forge.objects import contents_of
from ci_kit.forge.watched import REACH
from ci_kit.render.commits import Commit, Kind, Mark
from ci_kit.report.raw import Reader

COMMITS = 5000
ENTRY = 2**20  # bytes of a Result that is read; a greater one is counted and left out
PORTION, WHOLE = 2**25, 2**30  # bytes that are read by one process, and of the newest commits in all
_LISTED = re.compile(r"100644 blob ([0-9a-f]+) +(\d+)\t(.+)", re.DOTALL)
_STEM = re.compile(r"[a-z]{1,20}(-[a-z0-9][a-z0-9_.-]{0,60})?")
_WINDOW = re.compile(r"^(\d{4})(\d\d)(\d\d)t0{6}z-")  # a window from midnight on, before its length
_BORN, _LAST = 1_112_911_993, 4_102_444_800  # git's own first commit, and 2100: what is dated otherwise is so wrongly
_KINDS: tuple[Kind, ...] = ("drift", "retrain")


@dataclass(frozen=True)
class Blob:
    """A file on the branch: its id, its size, and the step or the window that it speaks of."""

    id: str
    size: int
    stem: str


def logged(git: Git, base: str) -> dict[str, tuple[int, str]]:
    """Return the newest commits of a branch, first parents only, the newest first: id → seconds since 1970, subject.

    `base` is `origin`'s, but where the local branch only goes on from there it is that one.
    """
    places = f"refs/remotes/origin/{base}", f"refs/heads/{base}"
    if not any(map(git.find, places)):
        git.fetch_branch(base)
    shared, own = map(git.find, places)
    ahead = shared and own and git.run("merge-base", "--is-ancestor", shared, own).returncode == 0
    start = own if ahead or not shared else shared
    if start is None:
        return {}
    # Git cuts the subject, which may be as long as a file.
    form = ("--format=%H %ct %<(500,trunc)%s", "--encoding=UTF-8", "--no-show-signature", "--no-color")
    lines = git.must("log", "--first-parent", f"--max-count={COMMITS}", *form, start, "--").split("\n")
    rows = [(*line.split(" ", 2), "", "")[:3] for line in lines]
    child = next((at for _, when, _ in rows if (at := _moment(when))), _BORN)
    found = {}
    for sha, when, subject in rows:
        child = min(_moment(when) or child, child)  # no commit is newer than the one that was made on top of it
        found[sha] = (child, subject.strip())
    return found


def _moment(when: str) -> int:
    at = int(when) if when.isdecimal() and len(when) < 12 else 0
    return at if _BORN <= at < _LAST else 0


def commits(git: Git, log: dict[str, tuple[int, str]], reader: Reader) -> tuple[Commit, ...]:
    """Return the commits of the log of which the history knows something, the oldest first."""
    prefix, wanted = git.prefix(), defaultdict[str, dict[str, Blob]](dict)
    for path, blob in _listed(git, "results"):
        sha, _, name = path.removeprefix("results/").partition("/")
        stem = name.removeprefix(prefix).removesuffix(".json")
        if sha in log and name == f"{prefix}{stem}.json" and _STEM.fullmatch(stem):
            wanted[sha][stem] = Blob(*blob, stem)
    read = _read(git, ((sha, blob) for sha in log for blob in wanted.get(sha, {}).values()), reader)
    steps = defaultdict[str, dict[str, dict[str, Any]]](dict)
    found = {}
    for sha, stem, document in read:
        steps[sha][stem] = document
        if len(steps[sha]) == len(wanted[sha]):  # let go of the documents as soon as they are understood
            found[sha] = reader.commit(sha, *log[sha], steps.pop(sha))
    found |= {sha: reader.commit(sha, *log[sha], known) for sha, known in steps.items()}
    return tuple(found[sha] for sha in reversed(log) if sha in found)


def windows(git: Git, reader: Reader) -> Iterator[Mark]:
    """Yield what was judged of drift, and the retrainings that it led to, in no order."""
    for kind in _KINDS:
        folder = f"{kind}/{git.prefix()}"
        found: dict[str, list[Blob]] = defaultdict(list)
        for path, blob in _listed(git, folder):
            monitor, _, name = path.removeprefix(folder).partition("/")
            if name.endswith(".json") and "/" not in name:
                found[monitor].append(Blob(*blob, name.removesuffix(".json")))
        blobs = ((f"{kind}/{one}", blob) for one, all_ in found.items() for blob in sorted(all_, key=_id)[-REACH:])
        for where, stem, document in _read(git, blobs, reader, f"{kind}-"):
            monitor = where.partition("/")[2]
            window = _WINDOW.sub(r"\1-\2-\3, ", stem)
            text = f"{kind} {window}" if monitor == "default" else f"{kind} {monitor} {window}"
            mark = reader.mark(kind, reader.text(text), document)
            if mark and not (kind == "retrain" and mark.status == "skip"):
                yield mark


def _id(blob: Blob) -> str:
    return blob.stem


def _listed(git: Git, folder: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield path → id and size of the files below a folder of the branch; `origin`'s come last, as they win."""
    for ref in reversed(REFS):
        listed = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", ref, folder.rstrip("/")).stdout
        for line in listed.decode("utf-8", "replace").split("\0"):
            if match := _LISTED.fullmatch(line):
                yield match[3], (match[1], int(match[2]))


def _read(
    git: Git, blobs: Iterator[tuple[str, Blob]], reader: Reader, stem: str = ""
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield where a Result belongs, its stem and its document, in the order of the blobs."""
    for portion in _portions(blobs, reader):
        contents = contents_of(git, [blob.id for _, blob in portion])
        for where, blob in portion:
            sha = None if stem else where
            document = reader.document(contents.get(blob.id), f"{stem}{blob.stem}", sha)
            if document is not None:
                yield where, blob.stem, document


def _portions(blobs: Iterator[tuple[str, Blob]], reader: Reader) -> Iterator[list[tuple[str, Blob]]]:
    portion: list[tuple[str, Blob]] = []
    size = whole = 0
    for where, blob in blobs:
        if blob.size > ENTRY or whole + blob.size > WHOLE:
            reader.wrong["result"] += 1
            continue
        if size + blob.size > PORTION:
            yield portion
            portion, size = [], 0
        portion.append((where, blob))
        size, whole = size + blob.size, whole + blob.size
    if portion:
        yield portion
