"""Sections of Markdown as plain text for a terminal: wrapped, with bold words where colours are wanted."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from ci_kit.explain import Section

WIDTH = 100
_GLUE = "\N{NO-BREAK SPACE}"  # no end of a line for textwrap
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_ITALIC = re.compile(r"\*(\w[^*`]*)\*")
_CODE = re.compile(r"`[^`]{1,70}`")  # what is to be typed stays on one line, where that leaves room for others


def page(found: Sequence[Section], *, colour: bool) -> str:
    """Return sections one below the other; where there are several, each says of which page it is."""
    return "\n\n".join(_section(one, colour=colour, several=len(found) > 1) for one in found)


def listing(found: Iterable[Section], *, colour: bool) -> str:
    """Return all codes with their titles, one a line, under the names of their pages."""
    lines, seen = list[str](), ""
    for one in found:
        if one.page != seen:
            lines += ["", _bold(one.page, colour)]
            seen = one.page
        room = WIDTH - 28
        title = one.title if len(one.title) <= room else one.title[: room - 1].rstrip() + "…"
        lines.append(f"  {one.code:<25} {title}")
    return "\n".join([*lines, "", "More of one: ci-kit explain CODE"]).strip("\n")


def _section(one: Section, *, colour: bool, several: bool) -> str:
    head = _bold(one.code, colour) + (f" ({one.page})" if several else "")
    return "\n\n".join([head, *(_paragraph(part, colour) for part in one.text.split("\n\n"))])


def _paragraph(text: str, colour: bool) -> str:
    whole = _CODE.sub(lambda match: match[0].replace(" ", _GLUE), " ".join(text.split()))
    lines = textwrap.wrap(whole, WIDTH, break_on_hyphens=False, break_long_words=False)
    plain = "\n".join(lines).replace(_GLUE, " ")
    return _ITALIC.sub(r"\1", _BOLD.sub(lambda match: _bold(match[1], colour), plain))


def _bold(text: str, colour: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if colour else text
