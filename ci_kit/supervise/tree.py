"""The process tree of a command: who belongs to it, what it holds, and how all of it ends."""

import contextlib
import ctypes
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from ci_kit import actions
from ci_kit.errors import UserError

try:
    import psutil
except ImportError as error:
    raise UserError(
        "running a command needs psutil", hint="Type: pip install 'ci-kit[train]'", code="config/install"
    ) from error

MARK = "CI_KIT_TREE"
SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish"})
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one process holds and has taken so far: resident bytes, CPU seconds, bytes read from disks.

    `depth` is how many programs of the tree, shells not counted, stand above it.
    """

    pid: int
    depth: int
    memory: int
    cpu: float
    read: int


class Tree:
    """All processes that a command started, those included that left its session or lost their parent.

    On Linux orphans are handed to this process (it becomes a subreaper); elsewhere they are found by an
    environment variable that the command was started with.
    """

    def __init__(self) -> None:
        self.mark = uuid.uuid4().hex
        self.root: psutil.Process | None = None
        self._me = psutil.Process()
        self._before = {child.pid: child for child in self._me.children()}
        self._seen: dict[int, psutil.Process] = {}
        self._asked: set[int] = set()
        self._was = _reaping()
        self._adopts = self._was or _reap_orphans(True)

    def close(self) -> None:
        """Stop adopting orphans, unless this process did so before."""
        if self._adopts and not self._was:
            _reap_orphans(False)

    def plant(self, pid: int) -> None:
        """Name the process that the tree grows from, our own child."""
        self.root = psutil.Process(pid)

    def members(self, *, search: bool = True) -> list[psutil.Process]:
        """Return the living members; `search=False` is cheaper and may miss orphans that were never seen before."""
        found = list(self._seen.values())
        if self.root:
            found += [self.root, *_children(self.root)]
        if search and self._adopts:
            others = {one.pid for child in self._before.values() for one in (child, *_children(child))}
            found += [child for child in _children(self._me) if child.pid not in others]
        elif search:
            found += self._marked()
        self._seen = {process.pid: process for process in found if _alive(process)}
        return list(self._seen.values())

    def usage(self) -> list[Usage]:
        """Return what each member uses; the sum of memory is an upper bound, as shared pages count once for each."""
        found, parents = [], dict[int, tuple[int, bool]]()
        for process in self.members(search=False):
            with contextlib.suppress(psutil.Error), process.oneshot():
                times, shell = process.cpu_times(), process.name() in SHELLS
                parents[process.pid] = (process.ppid(), shell)
                found.append((process.pid, process.memory_info().rss, times.user + times.system, _read(process)))
        return [
            Usage(pid=pid, depth=_depth(pid, parents), memory=memory, cpu=cpu, read=read)
            for pid, memory, cpu, read in found
        ]

    def ask(self, *, everyone: bool = False) -> None:
        """Send SIGTERM, once, to every member that has no living parent in the tree but shells, or to `everyone`.

        A process looks after its own children as long as it lives: a DataLoader worker that is ended from outside
        makes the trainer raise in the middle of its checkpoint, and torchrun passes the signal on itself. Shells wait
        instead. Called again, it asks those whose parent has ended meanwhile.
        """
        alive = {process.pid: process for process in self.members()}
        for process in alive.values():
            if process.pid not in self._asked and (everyone or not _looked_after(process, alive)):
                self._asked.add(process.pid)
                _send(process, signal.SIGTERM)

    def kill(self, within: float = 1.0) -> list[psutil.Process]:
        """Send SIGKILL to all members until none is left; return those still there after `within` seconds."""
        deadline = time.monotonic() + within
        while (left := self.members()) and time.monotonic() < deadline:
            for process in left:
                _send(process, signal.SIGKILL)
            self.reap()
            time.sleep(0.02)
        return left

    def reap(self) -> None:
        """Collect adopted orphans that ended, so that they don't stay as zombies and their CPU time is counted."""
        while self._adopts:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None or ended.si_pid in self._before or (self.root and ended.si_pid == self.root.pid):
                return
            os.waitpid(ended.si_pid, os.WNOHANG)

    def _marked(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self.mark:
                    yield process


def title(process: psutil.Process) -> str:
    """Return the number and command line of a process, as far as they can be read, without secrets, cut at 120."""
    with contextlib.suppress(psutil.Error, OSError):
        whole = f"{process.pid} {' '.join(process.cmdline()) or process.name()}"
        return actions.redact(actions.harmless(whole))[:120]  # cut before, a part of a secret would not be known
    return str(process.pid)


def _children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    return False


def _read(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error, AttributeError, OSError):
        return int(process.io_counters().read_bytes)
    return 0  # macOS does not tell


def _depth(pid: int, parents: dict[int, tuple[int, bool]]) -> int:
    depth, at = 0, parents[pid][0]
    while at in parents:
        parent, shell = parents[at]
        depth, at = depth + (not shell), parent
    return depth


def _send(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.Error, ProcessLookupError):
        process.send_signal(number)


def _looked_after(process: psutil.Process, alive: dict[int, psutil.Process]) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(parent.pid in alive and parent.name() not in SHELLS for parent in process.parents())
    return False


def _reaping() -> bool:
    if sys.platform != "linux":
        return False
    state = ctypes.c_int(0)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(state), 0, 0, 0)
    return bool(state.value)


def _reap_orphans(wanted: bool) -> bool:
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) == 0)
    return False
