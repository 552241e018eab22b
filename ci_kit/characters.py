"""Characters that a reader can't see: made visible before any text from outside is shown; and those that colour."""

import os
import re
from typing import IO

# Unicode's categories Cc (without tab and newline), Cf, Cs and Co, and the blank letters that no category tells apart.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\uf8ff\ufeff\uffa0\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\U000f0000-\U0010ffff]"
)
# They choose between two pictures of the character before them, as in most emoji, and say nothing by themselves.
_PICTURE = re.compile("[\ufe00-\ufe0f]")


def visible(text: str) -> str:
    r"""Show control, format, private and unpaired characters as `\uXXXX`; keep tab and newline."""
    return _HIDDEN.sub(lambda match: _escape(match[0]), _PICTURE.sub("", text))


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def coloured(stream: IO[str]) -> bool:
    """Say whether to colour what is written there: to a terminal whose user has not set NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
