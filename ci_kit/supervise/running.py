"""One command and all that it started, from its start to the end of the last process."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import psutil

from ci_kit.supervise.log import Stream
from ci_kit.supervise.outcome import Limits
from ci_kit.supervise.stall import Watchdog
from ci_kit.supervise.tree import MARK, SHELLS, Tree, Usage, title

# GitHub sends SIGINT, SIGTERM after 7.5 s and SIGKILL after 2.5 s more; the command gets 6 s, the rest is for us.
GRACE, PATIENCE = 6.0, 4.0


class Running:
    """One running command; leaving the block ends every process of its tree."""

    def __init__(
        self, command: Sequence[str], root: Path, env: dict[str, str], tree: Tree, stream: Stream, limits: Limits
    ) -> None:
        self.tree, self.stream, self.limits, self.memory, self.asked = tree, stream, limits, 0, 0.0
        self.killed, self.signalled = float("inf"), False
        self.late: str | None = None
        self.watchdog, self.stalled = Watchdog(tree, limits.stall, limits.busy), False
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

    def watch(self, signals: list[int], each: Callable[[Sequence[Usage]], None]) -> None:
        """Stream and sample until the command has ended; when it was asked to, until the whole tree has."""
        sample, pause = 0.0, 0.05
        while self.process.poll() is None or (self.asked and self.tree.members()):
            if self.stream.pump(0.2):
                self.watchdog.alive()
            now = time.monotonic()
            if now >= sample:
                usage = self.tree.usage()
                self.memory = max(self.memory, sum(one.memory for one in usage))
                each(usage)
                self.tree.reap()
                pause = min(1.0, 2 * pause)
                sample = time.monotonic() + pause
                if not self.asked and self.watchdog.stalled():
                    self.stalled = True
                    return self.dump()
            self.judge(now, signals)
            if self.asked and (len(signals) > 1 or now > self.killed):
                return None
            if self.asked:
                # Each round asks those, too, that have lost the parent that looked after them.
                self.tree.ask(everyone=now > self.killed - GRACE + PATIENCE)
        return None

    def judge(self, now: float, signals: list[int]) -> None:
        """Find out whether it is to end, and when it is killed: a signal leaves less time than a limit does."""
        if signals and not self.signalled:
            self.signalled = True
            self.asked, self.killed = self.asked or now, min(self.killed, now + GRACE)
        end = None if self.asked else self.limits.end()
        if end and end.left <= end.saving:
            self.asked, self.killed, self.late = now, now + end.left, end.why

    @property
    def code(self) -> int:
        """The exit code; what had to be ended did not end well, whatever it says."""
        code = self.process.returncode
        return -signal.SIGKILL if code is None or (self.stalled and not code) else code

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
