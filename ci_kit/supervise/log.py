"""The output of a command on its way to the log: harmless lines, its last ones kept, progress bars thinned out."""

import contextlib
import fcntl
import os
import re
import select
import sys
import time
from collections import deque
from collections.abc import Callable

from ci_kit import actions

TAIL = 20

_REDRAW = re.compile(rb"\r(?=[^\n])")
_LONGEST = 2**16
_RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt)\b")


class Thinner:
    r"""Drop the states of a `\r` progress bar that come within a second of the last one shown; a final state stays."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._held, self._shown = clock, b"", float("-inf")

    def feed(self, chunk: bytes) -> bytes:
        """Return what of the stream so far can be shown now; an unfinished line is held back up to 64 KiB."""
        text, self._held = self._held + chunk, b""
        if b"\r" not in text:
            head, _, self._held = text.rpartition(b"\n")
            return (head + b"\n" if len(head) < len(text) - len(self._held) else b"") + self._overflow()
        *lines, rest = text.split(b"\n")
        *states, self._held = _REDRAW.split(rest)  # a carriage return at the very end may yet become \r\n
        shown = [self._line(line) for line in lines] + [self._state(state) for state in states]
        return b"".join(shown) + self._overflow()

    def close(self) -> bytes:
        """Return what is still held back."""
        rest, self._held = self._held, b""
        return self._line(rest) if rest else b""

    def _overflow(self) -> bytes:
        if len(self._held) <= _LONGEST:
            return b""
        rest, self._held = self._held, b""
        return rest

    def _line(self, line: bytes) -> bytes:
        *states, last = _REDRAW.split(line.removesuffix(b"\r"))
        return b"".join(self._state(state) for state in states) + last + b"\n"

    def _state(self, state: bytes) -> bytes:
        now = self._clock()
        if not state.strip() or now - self._shown < 1:
            return b""
        self._shown = now
        return state + b"\n"


class Stream:
    """A pipe whose `end` a command writes to; what arrives is shown harmless and without secrets, 20 lines are kept."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL)
        self._say, self._thinner, self._raised = say, Thinner(), ""
        self._filter = actions.Filter(clean=actions.redactor())
        self._read, self.end = os.pipe()
        with contextlib.suppress(AttributeError, OSError):  # Linux: a chatty command must not wait for us
            fcntl.fcntl(self.end, fcntl.F_SETPIPE_SZ, 2**20)

    def seal(self) -> None:
        """Close our copy of the writing end, when the command has its own."""
        os.close(self.end)

    def pump(self, wait: float) -> bool:
        """Show what the command has written, waiting up to `wait` seconds for it; False when there was nothing."""
        if not select.select([self._read], [], [], wait)[0]:
            return False
        chunk = os.read(self._read, 2**16)
        if not chunk:
            time.sleep(min(wait, 0.05))  # the command closed its output and goes on
            return False
        self._show(self._filter.feed(self._thinner.feed(chunk)))
        if wait and len(chunk) < 2**12:
            time.sleep(0.05)  # many small writes are cheaper to take together
        return True

    def drain(self, within: float = 1.0) -> None:
        """Show the rest, for at most `within` seconds, unfinished lines included."""
        deadline = time.monotonic() + within
        while self.pump(0) and time.monotonic() < deadline:
            pass
        self._show(self._filter.feed(self._thinner.close()) + self._filter.close())

    def words(self) -> tuple[str, ...]:
        """Return the last lines, with that of the last exception before them when they are past it."""
        past = self._raised and self._raised not in self.tail
        return ((self._raised, "…") if past else ()) + tuple(self.tail)

    def close(self) -> None:
        """Stop reading."""
        os.close(self._read)

    def _show(self, lines: list[str]) -> None:
        if lines:
            # An exception whose message is a thousand lines long must not bury its own first one.
            self._raised = next((line for line in reversed(lines) if _RAISED.match(line)), self._raised)
            self.tail.extend(lines)
            self._say("\n".join(lines))
            sys.stdout.flush()
