"""Notice a command that does nothing any more: no output, and no work of a CPU or a GPU."""

import contextlib
import time
from collections.abc import Callable

import psutil

from ci_kit.supervise.tree import Tree

IDLE = 0.02
"""The share of one core below which a command does nothing: threads that wait for each other take less."""
WINDOW = 10.0  # seconds over which that share is taken


class Watchdog:
    """`limit` is how many seconds a command may do nothing; None for ever. `busy` tells whether a GPU works for it."""

    def __init__(
        self,
        tree: Tree,
        limit: float | None,
        busy: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self._tree, self._busy, self._clock = limit, tree, busy, clock
        self._alive = self._since = clock()
        self._spent = 0.0

    def alive(self) -> None:
        """Say that there was output."""
        self._alive = self._clock()

    def stalled(self) -> bool:
        """Look at the processes, and say whether they have done nothing for too long."""
        if self.limit is None:
            return False
        now = self._clock()
        if now - self._since >= min(WINDOW, self.limit / 4):
            spent = _spent(self._tree)
            # Less than before, too, is a change: a process has ended.
            if abs(spent - self._spent) > IDLE * (now - self._since) or self._busy():
                self._alive = now
            self._since, self._spent = now, spent
        return now - self._alive >= self.limit


def _spent(tree: Tree) -> float:
    total = 0.0
    for process in tree.members(search=False):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total
