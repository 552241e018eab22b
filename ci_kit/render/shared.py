"""A report as one part of a comment that several share: a row of its table, and pieces to fold."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ci_kit.render import phrases, words
from ci_kit.render.markdown import sections
from ci_kit.render.text import cell, plain, shorten
from ci_kit.render.view import View

LONGEST = 8_000  # bytes of one piece: beside others nobody reads more of it
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)|[^`]+")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """`title` and `says` are HTML, `numbers` is Markdown for a cell; each piece of Markdown has its rank before it."""

    title: str
    says: str
    numbers: str
    pieces: tuple[tuple[int, str], ...]


def shared(view: View, clean: Callable[[str], str]) -> Shown:
    """Return what the report says in few words and, by rank, in many; the highest rank is the least important.

    `clean` takes out what must not be shown, before any character is written in another way.
    """
    found = []
    for section in sections(view, comment=True):
        text = next((one for one in section.variants if len(one.encode()) <= LONGEST), section.variants[-1])
        # The heading of the verdict stands in the row, and before the fold.
        text = text.partition("\n\n")[2] if section.name == "verdict" else text
        found += [(section.rank, clean(text))] if text else []
    return Shown(
        title=inline(shorten(clean(view.title), 80)),
        says=inline(shorten(clean(words.headline(view)), 200)),
        numbers=_numbers(view, clean),
        pieces=tuple(found),
    )


def _numbers(view: View, clean: Callable[[str], str]) -> str:
    """Return the first metrics, of which those with a gate come first; only between them a line may break."""
    found = [(phrases.label(row.name), phrases.values(row)) for row in view.rows()[:2]]
    texts = [f"{cell(shorten(name, 40))} {cell(shorten(values, 60))}" for name, values in found]
    return " · ".join(clean(text).replace(" ", "\u00a0") for text in texts)


def inline(text: str) -> str:
    """Return the text as `plain` does, as HTML of one line that is harmless among Markdown, too."""
    return _SPAN.sub(
        lambda span: _html(span[0]) if span[2] is None else f"<code>{_entities(span[2])}</code>", plain(text)
    )


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _entities(text: str) -> str:
    # Where a character reference stands, Markdown finds no markup.
    return re.sub(r"[^\w\s]|_", lambda sign: f"&#{ord(sign[0])};" if sign[0].isascii() else sign[0], text.strip())
