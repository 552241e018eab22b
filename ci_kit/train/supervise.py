"""Run a command in a session of its own: stream its output, pass signals on, and leave no process behind."""

import contextlib
import fcntl
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ci_kit import actions
from ci_kit.train.log import Thinner
from ci_kit.train.tree import MARK, Tree, title

# GitHub sends SIGINT, SIGTERM after 7.5 s and SIGKILL after 2.5 s more; the command gets 6 s, the rest is for us.
GRACE, PATIENCE = 6.0, 4.0
TAIL = 20
# Our own credentials, and the files through which a later step of the job could be changed.
WITHHELD = (
    *("GITHUB_TOKEN", "INPUT_TOKEN", "CI_KIT_TOKEN", "ACTIONS_RUNTIME_TOKEN"),
    *("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"),
)
ADDED = {"CI_KIT_GRACE_S": f"{GRACE:g}", "DVC_NO_ANALYTICS": "1", "ITERATIVE_DO_NOT_TRACK": "1"}
# Without the first a killed command takes its last lines with it; without the second a restarted torchrun can hang.
PREFERRED = {"PYTHONUNBUFFERED": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended: `code` is negative for a signal, times are seconds, memory is bytes.

    `stopped` names the signal that we got and `stopping` is the time from then to the end; `left` are the background
    processes that had to be killed.
    """

    code: int
    seconds: float
    cpu: float
    memory: int
    tail: tuple[str, ...]
    stopped: str | None = None
    stopping: float = 0.0
    left: tuple[str, ...] = ()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command: ours without our credentials, with what it should know."""
    kept = {name: value for name, value in os.environ.items() if name not in WITHHELD}
    return PREFERRED | kept | ADDED | dict(extra or {})


def supervise(
    command: Sequence[str], *, root: Path, say: Callable[[str], None], env: Mapping[str, str] | None = None
) -> Outcome:
    """Run the command in `root` until it and everything that it started has ended.

    SIGINT and SIGTERM reach the command as SIGTERM at once (see `Tree.ask`), everybody after 4 s, and SIGKILL follows
    after 6 s, or at once on a second signal. The signal's handlers are restored afterwards.
    """
    tree, signals = Tree(), list[int]()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    try:
        with _handled(signals):
            run = _Run(command, root, say, environment(env) | {MARK: tree.mark}, tree)
            run.watch(signals)
            seconds = time.monotonic() - started
            left = run.sweep(killed=bool(signals))
    except BaseException:
        tree.kill()
        raise
    finally:
        tree.close()
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Outcome(
        code=-signal.SIGKILL if run.process.returncode is None else run.process.returncode,
        seconds=seconds,
        cpu=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        memory=run.memory,
        tail=tuple(actions.redact(line) for line in run.tail),
        stopping=time.monotonic() - run.asked if run.asked else 0.0,
        stopped=signal.Signals(signals[0]).name if signals else None,
        left=left,
    )


class _Run:
    """One running command and what has been seen of it."""

    def __init__(
        self, command: Sequence[str], root: Path, say: Callable[[str], None], env: dict[str, str], tree: Tree
    ) -> None:
        self.tree, self.say, self.memory, self.asked = tree, say, 0, 0.0
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._filter, self._thinner = actions.Filter(), Thinner()
        self._pipe, write = os.pipe()
        with contextlib.suppress(AttributeError, OSError):  # Linux: a chatty command must not wait for us
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 2**20)
        try:
            self.process = subprocess.Popen(
                command, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=write, stderr=write, start_new_session=True
            )
        except BaseException:
            os.close(self._pipe)
            raise
        finally:
            os.close(write)
        self.tree.plant(self.process.pid)

    def watch(self, signals: list[int]) -> None:
        """Stream and sample until the command has ended; after a signal, until the whole tree has."""
        sample, pause = 0.0, 0.05
        while self.process.poll() is None or (self.asked and self.tree.members()):
            self._pump(0.2)
            now = time.monotonic()
            if now >= sample:
                self.memory = max(self.memory, self.tree.memory())
                self.tree.reap()
                pause = min(1.0, 2 * pause)
                sample = time.monotonic() + pause
            if signals and not self.asked:
                self.asked = now
                self.say(f"ci-kit: {signal.Signals(signals[0]).name}: the command has {GRACE:g} s to save and end")
                self.tree.ask()
            if self.asked and (len(signals) > 1 or now - self.asked > GRACE):
                return
            if self.asked:
                # Whoever has lost the parent that looked after it is asked in the next round.
                self.tree.ask(everyone=now - self.asked > PATIENCE)

    def sweep(self, *, killed: bool) -> tuple[str, ...]:
        """End what is left of the tree, read the output to its end and return the titles of what had to be killed."""
        deadline = time.monotonic() + (0 if killed else 1)  # helpers such as resource trackers end by themselves
        while (rest := self.tree.members()) and time.monotonic() < deadline:
            self._pump(0.05)
        left = tuple(title(process) for process in rest)
        if rest and not killed:
            self.tree.ask(everyone=True)
            self._pump(0.5)
        self.tree.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):  # stuck inside the kernel: nobody can end it
            self.process.wait(timeout=1)
        self.tree.reap()
        deadline = time.monotonic() + 1
        while self._pump(0) and time.monotonic() < deadline:
            pass
        self._show(self._filter.feed(self._thinner.close()) + self._filter.close())
        os.close(self._pipe)
        return left

    def _pump(self, wait: float) -> bool:
        """Show what the command has written, waiting up to `wait` seconds for it; False when there was nothing."""
        if not select.select([self._pipe], [], [], wait)[0]:
            return False
        chunk = os.read(self._pipe, 2**16)
        if not chunk:
            time.sleep(min(wait, 0.05))  # the command closed its output and goes on
            return False
        self._show(self._filter.feed(self._thinner.feed(chunk)))
        if wait and len(chunk) < 2**12:
            time.sleep(0.05)  # many small writes are cheaper to take together
        return True

    def _show(self, lines: list[str]) -> None:
        if lines:
            self.tail.extend(lines)
            self.say("\n".join(lines))
            sys.stdout.flush()


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
