"""Text from users, models, data and logs as Markdown that can do no harm and still reads well.

Whatever is not an ordinary word or number is shown as code: GitHub finds no mention, reference, link, emoji, formula
or commit there, and Markdown no markup.
"""

import re

from ci_kit.characters import visible

# A word, also with hyphens and apostrophes between letters, or a number with its unit; in quotes, before punctuation.
_LETTER = r"[A-Za-z\x80-\U0010ffff]"
_WORD = rf"(?:{_LETTER}|[0-9])+(?:(?<={_LETTER})[-']{_LETTER}+)*"
_NUMBER = r"[-+−±×]?[€£¥]?[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)*(?:e[-+]?[0-9]+)?(?:%|[A-Za-z]{0,3})"
_ORDINARY = re.compile(rf"[(\"']?(?:{_NUMBER}|{_WORD}|%)[,;?!)\"'.:]*")
_OPERATOR = re.compile(r"[-+=/<>%]|[<>=!]=|[-=]>")
_COMMIT = re.compile(r"(?<![^\W_])[0-9a-fA-F]{7,64}(?![^\W_])|GHSA-|^[(\"'“‘]?GH-", re.IGNORECASE)
_LIST = re.compile(r"[0-9]{1,6}[.)]")
_TOKEN = re.compile(r"`[^`]{1,80}`[,;:.!?)]*(?=\s|$)|\S+")
_QUOTED = re.compile(r"`([^`]+)`([,;:.!?)]*)")


def code(text: str) -> str:
    """Return an inline code span, also for table cells, that the text can't leave; a pipe is shown as `│`."""
    text = " ".join(_disarmed(text).split()).replace("|", "│")
    if not text:
        return "` `"
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def fence(text: str, language: str = "") -> str:
    """Return a fenced code block, without a newline at its end, that the text can't leave."""
    body = _disarmed("\n".join(text.splitlines()))
    marks = "`" * max(3, _longest_run(body) + 1)
    return f"{marks}{re.sub(r'[^a-z0-9+-]', '', language)}\n{body}\n{marks}"


def plain(text: str) -> str:
    """Return the text as one line of harmless words; neighbours that are more than words share a code span.

    What stands in backticks already keeps its own span, and a comma or semicolon ends one.
    """
    parts: list[str] = []
    doubtful: list[str] = []
    for token in _TOKEN.findall(" ".join(visible(" ".join(text.split())).split())):
        quoted = _QUOTED.fullmatch(token)
        if doubtful and (quoted or doubtful[-1][-1] in ",;"):
            parts.append(_span(doubtful))
            doubtful = []
        if quoted:
            parts.append(code(quoted[1]) + quoted[2])
        elif _is_ordinary(token, first=not parts and not doubtful):
            if doubtful:
                parts.append(_span(doubtful))
                doubtful = []
            parts.append(token)
        else:
            doubtful.append(token)
    if doubtful:
        parts.append(_span(doubtful))
    return " ".join(parts)


def cell(text: str) -> str:
    """Return the text as `plain` does, for a cell of a table: one line, no pipe, never empty."""
    return plain(text) or " "


def shorten(text: str, limit: int) -> str:
    """Cut a text to `limit` characters, the last of which then is an ellipsis."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"


def _span(tokens: list[str]) -> str:
    """Return one code span, with the punctuation that ends it left outside."""
    text = " ".join(tokens)
    inside = text.rstrip(",;:.")
    return code(text) if not inside or inside.isdigit() else code(inside) + text[len(inside) :]


def _is_ordinary(token: str, *, first: bool) -> bool:
    if _OPERATOR.fullmatch(token) or _LIST.fullmatch(token):
        return not first  # at the start of a line it could open a list, a quotation or a heading
    return bool(_ORDINARY.fullmatch(token)) and not _COMMIT.search(token)


def _disarmed(text: str) -> str:
    """Show hidden characters, and break what a search for our own marker or CML's watermark would find."""
    return visible(text).replace("<!--", "<! --").replace("![](", "! [](")


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
