"""Run a command in a session of its own: stream its output, pass signals on, and leave no process behind."""

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

import psutil

from ci_kit import actions
from ci_kit.supervise.log import Stream
from ci_kit.supervise.stall import Watchdog
from ci_kit.supervise.tree import MARK, SHELLS, Tree, title

# GitHub sends SIGINT, SIGTERM after 7.5 s and SIGKILL after 2.5 s more; the command gets 6 s, the rest is for us.
GRACE, PATIENCE = 6.0, 4.0
# Our own credentials, and the files through which a later step of the job, or what it reports, could be changed.
WITHHELD = (
    *("GITHUB_TOKEN", "INPUT_TOKEN", "CI_KIT_TOKEN", "CI_KIT_SIGNING_KEY", "ACTIONS_RUNTIME_TOKEN"),
    *("CI_KIT_REGISTRY_USER", "CI_KIT_REGISTRY_PASSWORD"),
    *("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"),
)
ADDED = {"CI_KIT_GRACE_S": f"{GRACE:g}", "DVC_NO_ANALYTICS": "1", "ITERATIVE_DO_NOT_TRACK": "1"}
# Without the first a killed command takes its last lines with it, without the second a stalled one does not say where
# it is, and without the third a restarted torchrun can hang.
PREFERRED = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended: `code` is negative for a signal, times are seconds, memory is bytes.

    `stopped` names the signal that we got and `stopping` is the time from then to the end; `left` are the background
    processes that had to be killed. `stalled` are the seconds that it had done nothing before it was ended for that.
    """

    code: int
    seconds: float
    cpu: float
    memory: int
    tail: tuple[str, ...]
    stopped: str | None = None
    stopping: float = 0.0
    left: tuple[str, ...] = ()
    stalled: float = 0.0


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: ours without our credentials, with what it should know."""
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    return PREFERRED | kept | ADDED | dict(extra or {})


def supervise(
    command: Sequence[str],
    *,
    root: Path,
    say: Callable[[str], None],
    env: Mapping[str, str] | None = None,
    stall: float | None = None,
    busy: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Run the command in `root` until it and everything that it started has ended.

    A command that does nothing for `stall` seconds (`Watchdog`) is asked for its stacks by SIGABRT, and ended.

    SIGINT and SIGTERM reach the command as SIGTERM at once (`Tree.ask` says whom), every process of the tree after
    4 s, and SIGKILL follows after 6 s, or at once on a second signal. The old handlers are restored afterwards.
    """
    tree, stream, signals = Tree(), Stream(say), list[int]()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    try:
        with _handled(signals), _Run(command, root, environment(env), tree, stream) as run:
            stalled = run.watch(signals, Watchdog(tree, stall, busy))
            seconds = time.monotonic() - started
            left = run.leave() if not signals and not stalled else ()
    finally:
        tree.close()
        stream.close()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Outcome(
        code=run.code(stalled),
        seconds=seconds,
        cpu=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        memory=run.memory,
        tail=stream.words(),
        stopped=signal.Signals(signals[0]).name if signals else None,
        stopping=time.monotonic() - run.asked if run.asked else 0.0,
        left=tuple(actions.redact(actions.harmless(name)) for name in left),
        stalled=float(stall or 0) if stalled else 0.0,
    )


class _Run:
    """One running command; leaving the block ends every process of its tree."""

    def __init__(self, command: Sequence[str], root: Path, env: dict[str, str], tree: Tree, stream: Stream) -> None:
        self.tree, self.stream, self.memory, self.asked = tree, stream, 0, 0.0
        env |= {MARK: tree.mark}
        out = stream.end
        try:
            self.process = subprocess.Popen(
                command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        finally:
            stream.seal()
        tree.plant(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.tree.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck inside the kernel: nobody can end it
            self.process.wait(timeout=1)
        self.tree.reap()
        if kind is None:
            self.stream.drain()

    def watch(self, signals: list[int], watchdog: Watchdog) -> bool:
        """Stream and sample until the command has ended, or after a signal the whole tree; say whether it stalled."""
        sample, pause = 0.0, 0.05
        while self.process.poll() is None or (self.asked and self.tree.members()):
            if self.stream.pump(0.2):
                watchdog.alive()
            now = time.monotonic()
            if now >= sample:
                self.memory = max(self.memory, self.tree.memory())
                self.tree.reap()
                pause = min(1.0, 2 * pause)
                sample = time.monotonic() + pause
                if not self.asked and watchdog.stalled():
                    self.dump()
                    return True
            if signals and not self.asked:
                self.asked = now
            if self.asked and (len(signals) > 1 or now - self.asked > GRACE):
                break
            if self.asked:
                # Each round asks those, too, that have lost the parent that looked after them.
                self.tree.ask(everyone=now - self.asked > PATIENCE)
        return False

    def code(self, stalled: bool) -> int:
        """Return the exit code; what had to be ended did not end well, whatever it says."""
        code = self.process.returncode
        return -signal.SIGKILL if code is None or (stalled and not code) else code

    def dump(self) -> None:
        """Have every Python process of the tree write its stacks, as PYTHONFAULTHANDLER makes them on SIGABRT."""
        for process in self.tree.members():
            with contextlib.suppress(psutil.Error):
                if process.name() not in SHELLS:
                    process.send_signal(signal.SIGABRT)
        deadline = time.monotonic() + 2
        while self.tree.members() and time.monotonic() < deadline:
            self.stream.pump(0.1)

    def leave(self) -> tuple[str, ...]:
        """Ask what the command left running to end, and return the titles of those processes."""
        deadline = time.monotonic() + 1  # helpers such as resource trackers end by themselves
        while (rest := self.tree.members()) and time.monotonic() < deadline:
            self.stream.pump(0.05)
        titles = tuple(title(process) for process in rest)
        if rest:
            self.tree.ask(everyone=True)
            self.stream.pump(0.5)
        return titles


@contextlib.contextmanager
def _handled(signals: list[int]) -> Iterator[None]:
    """Collect SIGINT and SIGTERM instead of dying from them; only the main thread may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _: FrameType | None) -> None:
        signals.append(number)

    old = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
