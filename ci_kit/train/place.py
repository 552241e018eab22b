"""Where a training keeps its checkpoints: outside the workspace, which CI wipes, by what the training is."""

import contextlib
import fcntl
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import psutil

from ci_kit.errors import UserError
from ci_kit.resume import DIRECTORY, RESUME
from ci_kit.supervise.running import GRACE

AGE = 14 * 86_400.0
"""Seconds after which checkpoints that nobody came back for are removed."""
NODE = "CI_KIT_NODE"
SLOTS = 9  # trainings that are the same, at the same time, on one machine
_STEP = re.compile(r"(step|checkpoint|iter|epoch)\D*\d+")
Mark = frozenset[tuple[str, int, int]]


class Place:
    """The checkpoint folder of one training."""

    def __init__(self, folder: Path, node: int = 0) -> None:
        self.folder, self.node, self.finished = folder, node, False

    def environment(self) -> dict[str, str]:
        """Return what the command is told; see `ci_kit.resume`."""
        return {DIRECTORY: str(self.folder), RESUME: "1" if self.mark() else "0", NODE: str(self.node)}

    def mark(self) -> Mark:
        """Return what is there: names, times and sizes, to tell whether the training got any further."""
        found = []
        for folder, folders, names in os.walk(self.folder):
            folders[:] = [one for one in folders if not one.startswith(".")]  # what is being written
            for name in names:
                path = Path(folder) / name
                if not name.startswith(".") and path.is_file():
                    stat = path.stat()
                    found.append((str(path.relative_to(self.folder)), stat.st_mtime_ns, stat.st_size))
        return frozenset(found)

    def finish(self) -> None:
        """Remove all checkpoints: the training is done, as the first of its machines knows."""
        self.finished = True
        if not self.node:
            self.empty()

    def last(self) -> int:
        """Return the bytes of the newest checkpoint: of the folder named by its step, else of the largest file."""
        found = {Path(name): (time, size) for name, time, size in self.mark() if not name.startswith(".")}
        if not found:
            return 0
        newest = max(found, key=lambda path: found[path]).parent
        if _STEP.fullmatch(newest.name):
            return sum(size for path, (_, size) in found.items() if path.parent == newest)
        return max(size for _, size in found.values())

    def empty(self) -> None:
        """Remove all checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def place(base: Path, identity: str, node: int = 0, nodes: int = 1) -> Iterator[Place]:
    """Hold the folder of a training below `base`; another one where the same training runs here already.

    Of several machines that train together, all hold the same. Raises UserError when there can't be one.
    """
    try:
        found, lock = _shared(base, identity, node) if nodes > 1 else _free(base, identity)
    except OSError as error:
        hint = "Set `train.checkpoints` to a folder outside the workspace"
        raise UserError(f"no checkpoints can be kept in {base}", why=error.strerror or "", hint=hint) from error
    with lock:
        try:
            yield found
        finally:
            if not found.mark() and not node:
                found.empty()
                shutil.rmtree(exchange(found.folder), ignore_errors=True)
                Path(lock.name).unlink(missing_ok=True)


def exchange(folder: Path) -> Path:
    """Return where, beside its checkpoints, a training meets its job on a cluster."""
    return folder.with_name(f"{folder.name}.ray")


def _free(base: Path, identity: str) -> tuple[Place, TextIO]:
    base.mkdir(parents=True, exist_ok=True)
    _prune(base)
    for slot in range(1, SLOTS + 1):
        folder = base / (identity if slot == 1 else f"{identity}-{slot}")
        lock = folder.with_suffix(".lock").open("w")
        if _held(lock.fileno()):
            os.utime(lock.fileno())
            folder.mkdir(exist_ok=True)
            _end_leftovers(folder)
            return Place(folder), lock
        lock.close()
    raise UserError(f"{SLOTS} trainings of this very kind run here already", hint="Wait for one of them")


def _shared(base: Path, identity: str, node: int) -> tuple[Place, TextIO]:
    base.mkdir(parents=True, exist_ok=True)
    _prune(base)
    folder = base / identity
    lock = (base / (f"{identity}.node-{node}.lock" if node else f"{identity}.lock")).open("w")
    if not _held(lock.fileno()):
        lock.close()
        hint = "Wait for it, or give each another `node`"
        raise UserError(f"machine {node} of this training runs already", hint=hint)
    folder.mkdir(exist_ok=True)
    _end_leftovers(folder, node)
    return Place(folder, node), lock


def _end_leftovers(folder: Path, node: int = 0) -> None:
    """End what a supervisor that was killed has left running: it would write the same checkpoints, and hold the GPU."""
    ours = {DIRECTORY: str(folder), NODE: str(node)}.items()
    found = [one for one in psutil.process_iter() if ours <= _environment(one).items()]
    for signal in (psutil.Process.terminate, psutil.Process.kill):
        for process in found:
            with contextlib.suppress(psutil.Error):
                signal(process)
        _, found = psutil.wait_procs(found, timeout=GRACE)


def _environment(process: psutil.Process) -> dict[str, str]:
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ()
    return {}


def _held(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _prune(base: Path) -> None:
    for path in base.glob("*.lock"):
        with path.open() as lock:
            folder = path.with_suffix("")
            if _held(lock.fileno()) and time.time() - max(_touched(folder), path.stat().st_mtime) > AGE:
                shutil.rmtree(folder, ignore_errors=True)
                shutil.rmtree(exchange(folder), ignore_errors=True)
                path.unlink(missing_ok=True)


def _touched(folder: Path) -> float:
    return max((one.stat().st_mtime for one in (folder, *folder.glob("*")) if one.exists()), default=0.0)
