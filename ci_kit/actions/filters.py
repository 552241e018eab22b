"""Third-party output made harmless: whatever a training log says, the runner finds no command in it.

The runner takes `::name::` at the start of a line and `##[name]` anywhere in one, reads a lone carriage return as a
line break, and compares by culture, so that invisible characters in between change nothing (actions/runner,
ActionCommand.cs and ProcessInvoker.cs).
"""

import codecs
import re
from collections.abc import Callable

from ci_kit.characters import visible

MARGIN = 4096  # what is kept beyond a line's limit, so that no cut leaves a part of a secret

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # exactly those of str.splitlines
_STYLE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
# Between the marks of a command any character outside ASCII may be one that the runner's comparison skips.
_START = re.compile(r"[^!-~]*:[^ -~]*:")
_BRACKET = re.compile(r"(#[^ -~]*#[^ -~]*)\[")


def harmless(text: str) -> str:
    """Return the text, line by line, without colours, with hidden characters shown and workflow commands broken."""
    end = "\n" if text and text[-1] in _BREAKS else ""
    return "\n".join(_line(line) for line in text.splitlines()) + end


def _line(line: str) -> str:
    if line.isascii() and line.isprintable() and "::" not in line and "##[" not in line:
        return line
    line = visible(_STYLE.sub("", line))
    line = _BRACKET.sub(r"\1 [", line)
    return f"| {line}" if _START.match(line) else line


class Filter:
    """A stream of bytes becomes lines of harmless text, whatever the chunks, of at most `limit` characters each."""

    def __init__(self, limit: int = 8192, clean: Callable[[str], str] = str) -> None:
        """Bound the length of each line, and with it what is kept between two chunks; `clean` takes out secrets."""
        self._limit, self._clean = limit, clean
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._line = ""
        self._left_out = 0
        self._return = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that this chunk completes."""
        return self._take(self._decode(data))

    def close(self) -> list[str]:
        """Return what is left: at most one line, for output that doesn't end in a line break."""
        lines = self._take(self._decode(b"", True), last=True)
        return [*lines, self._flush()] if self._line or self._left_out else lines

    def _take(self, text: str, *, last: bool = False) -> list[str]:
        text, self._return = self._return + text, ""
        if text.endswith("\r") and not last:  # its line feed may be the next chunk's first character
            text, self._return = text[:-1], "\r"
        complete = []
        for piece in text.splitlines(keepends=True):
            ends = piece[-1] in _BREAKS
            self._add(piece.rstrip(_BREAKS) if ends else piece)
            if ends:
                complete.append(self._flush())
        return complete

    def _add(self, text: str) -> None:
        room = self._limit + MARGIN - len(self._line)
        self._line += text[:room]
        self._left_out += max(0, len(text) - room)

    def _flush(self) -> str:
        line = self._clean(self._line)
        # Of a line that was cut, the last characters may be a part of a secret.
        shown = line[: max(0, min(self._limit, len(line) - MARGIN)) if self._left_out else self._limit]
        left_out = self._left_out + len(line) - len(shown)
        note = f"… ({left_out:,} more characters)" if left_out else ""
        self._line, self._left_out = "", 0
        text = _line(shown)
        # Colours and hidden characters may have stood inside a secret.
        return (text if text == shown else self._clean(text)) + note
