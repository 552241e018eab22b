"""Progress bars in a log: of a line that is drawn again and again, one state a second is enough."""

import re
import time
from collections.abc import Callable

_REDRAW = re.compile(rb"\r(?=[^\n])")
_LONGEST = 2**16


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
