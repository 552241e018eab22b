"""The history of what is watched: one Result per judged window and per retraining, on the branch of the history.

`drift/<folder of ci-kit.yaml>/<monitor>/<window>.json` and `retrain/…`: one file per window, so that runs at the same
time lose nothing of other windows. A window that is judged again, or retrained for again, has the newer Result.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH, REFS
from ci_kit.forge.objects import contents_of
from ci_kit.result import MAX_BYTES, Result, parse

Step = Literal["drift", "retrain"]
REACH = 2000
"""So many of the newest windows of each length are read; of windows that are all data, whose ids have no order, all."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,60}")
_ENTRY = re.compile(r"100644 blob ([0-9a-f]+) +(\d+)\t(.+)", re.DOTALL)


def known(git: Git) -> bool:
    """Say whether a history can be seen at all, here or by fetching it."""
    return any(git.find(ref) for ref in REFS) or git.fetch_branch(BRANCH)


def past(git: Git, step: Step, monitor: str, say: Callable[[str], None] = lambda _: None) -> list[Result]:
    """Return what was recorded of the monitor in this folder, the oldest first.

    The order is that of the metric `window_start`, then of the runs' start. The branch is fetched first, as others may
    have recorded since; what `origin` has wins over what only this clone has. A damaged entry is named through `say`.
    """
    git.fetch_branch(BRANCH)
    folder = f"{step}/{git.prefix()}{_plain(monitor)}/"
    blobs = {name: entry for ref in reversed(REFS) for name, entry in _list(git, ref, folder)}
    newest = {name: blobs[name] for name in _newest(blobs)}
    contents = contents_of(git, [blob for blob, size in newest.values() if size <= MAX_BYTES])
    found = []
    for name, (blob, size) in newest.items():
        try:
            found.append(_result(contents.get(blob), size, name, step))
        except UserError as error:
            say(f"history: skipped {folder}{name}: {error}")
    return sorted(found, key=_when)


def entries(results: Sequence[Result], monitor: str, folder: str) -> dict[str, bytes]:
    """Return what to record: path on the branch → bytes. The name of a Result is its window's id.

    Charts and files are dropped: they are drawn anew, and nobody compares them. Raises UserError for a monitor, folder
    or name that is no plain path, or a Result of another step.
    """
    made = {}
    for result in results:
        if result.step not in ("drift", "retrain"):
            raise UserError(f"a result of {result.step} is of no monitor")
        parts = [part for part in PurePosixPath(folder).parts if part != "."]
        if any(part in ("..", ".git") or part.startswith("/") or not part.isprintable() for part in parts):
            raise UserError(f"{folder!r} is no folder of a repository")
        path = PurePosixPath(result.step, *parts, _plain(monitor), f"{_plain(result.name or '')}.json")
        kept = result.model_copy(update={"charts": (), "files": ()})
        made[str(path)] = (kept.model_dump_json(exclude_none=True) + "\n").encode()
    return made


def _newest(names: Collection[str]) -> Iterator[str]:
    """Yield the names to read: the ids of windows of one length sort by time, or by row."""
    lengths: dict[str, list[str]] = {}
    for name in sorted(names):
        lengths.setdefault("" if name.startswith("all-") else name.partition("-")[2], []).append(name)
    for length, found in lengths.items():
        yield from found[-REACH:] if length else found


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name) or ".." in name:
        raise UserError(f"{name!r} is no name of a monitor or window")
    return name


def _list(git: Git, ref: str, folder: str) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield name → blob and size of the entries of a folder."""
    listed = git.read("ls-tree", "-l", "-z", "--full-tree", ref, folder) or ""
    for line in listed.split("\0"):
        match = _ENTRY.fullmatch(line)
        if match and match[3].endswith(".json"):
            yield match[3].removeprefix(folder), (match[1], int(match[2]))


def _result(content: bytes | None, size: int, name: str, step: Step) -> Result:
    if content is None:
        raise UserError(f"{size:,} bytes can't be read")
    result = parse(content, name)
    if f"{result.name}.json" != name or result.step != step:
        raise UserError(f"it is a result of {result.step} named {result.name}")
    return result


def _when(result: Result) -> tuple[float, str]:
    start = result.metrics.get("window_start")
    return (float("-inf") if start is None else start.value), result.run.started
