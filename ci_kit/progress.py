"""What a command is busy with: a line below its output, on a terminal and from the third second on."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from ci_kit.characters import visible

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
DELAY = 2.0  # seconds; what ends earlier shows nothing
BESIDE = 36  # columns that the bar, the count and the time take
_lines: "list[_Line]" = []


@contextlib.contextmanager
def progress(command: str) -> Iterator[None]:
    """Show on stderr, where that is a person's terminal, what `busy` says while the command works, and remove it.

    A CI job may have a terminal, too, but its log keeps what is to be removed; a dumb one can't remove anything.
    """
    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        yield
        return
    line = _Line(command)
    _lines.append(line)
    try:
        yield
    finally:
        _lines.remove(line)
        line.close()


def busy(what: str, done: int = 0, total: int | None = None) -> None:
    """Say what the command works at, and with a `total` how far it is; "" while another program has the terminal."""
    for line in _lines[-1:]:
        line.say(what, done, total)


def each(items: Sequence[T], what: Callable[[T], str]) -> Iterator[T]:
    """Yield the items, and say of each what the command works at and how many came before it."""
    for done, item in enumerate(items):
        busy(what(item), done, len(items))
        yield item


class _Line:
    """Drawn in a thread of its own, so that the time goes on; what is printed meanwhile passes above it unchanged."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._said: tuple[str, int, int | None] = (command, 0, None)
        self._bar: Progress | None = None
        self._lock, self._timer = threading.Lock(), threading.Timer(DELAY, self._begin)
        self._timer.daemon = True
        self._timer.start()

    def say(self, what: str, done: int, total: int | None) -> None:
        with self._lock:
            self._said = what and f"{self._command}: {visible(what)}", done, total
            self._draw()

    def close(self) -> None:
        self.say("", 0, None)
        self._timer.cancel()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with self._lock:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=16, complete_style="cyan"),
                TextColumn("{task.fields[count]}", markup=False),
                TimeElapsedColumn(),
                # As everything printed goes through it meanwhile: it must not break lines, nor move stdout to stderr.
                console=Console(stderr=True, soft_wrap=True, markup=False, highlight=False, emoji=False),
                redirect_stdout=sys.stdout.isatty(),
                transient=True,
            )
            self._bar.add_task("", count="")
            self._bar.tasks[0].start_time = time.monotonic() - DELAY
            self._draw()

    def _draw(self) -> None:
        if self._bar is None:
            return
        what, done, total = self._said
        if not what:
            self._bar.stop()
            return
        room = max(self._bar.console.width - BESIDE, 20)
        shown, count = what if len(what) <= room else f"{what[: room - 1]}…", f"{done:,}/{total:,}" if total else ""
        self._bar.update(self._bar.task_ids[0], description=shown, completed=done, total=total, count=count)
        self._bar.start()
