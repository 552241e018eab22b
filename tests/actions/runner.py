"""How GitHub's runner reads a step's output and its files: its behaviour, rebuilt from actions/runner at 258d6c8.

ActionCommand.cs (`TryParseV2`, `TryParse`), ActionCommandManager.cs, ProcessInvoker.cs (`StreamReader.ReadLine`) and
FileCommandManager.cs (`EnvFileKeyValuePairs`, on Linux and macOS). The runner's `StartsWith` and `IndexOf` of strings
compare by culture and pass over characters without weight: here that is everything invisible.
"""

import re
import unicodedata
from dataclasses import dataclass, field

# Registered by ActionCommandManager; matched without regard to case.
REGISTERED = {
    *("add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "internal-set-repo-path"),
    *("notice", "remove-matcher", "save-state", "set-env", "set-output", "set-repo-path", "stop-commands", "warning"),
}
_IGNORED = {"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"}
_TRIMMED = re.compile(r"^[\s\x85\u200b\ufeff]+")


class Damaged(Exception):  # noqa: N818
    """The runner fails the step: the file holds no pairs."""


@dataclass
class Command:
    """What the runner would do."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    data: str = ""


def lines(stream: str) -> list[str]:
    """Split as .NET's ReadLine does: at line feed, carriage return, or both together."""
    parts = re.split("\r\n|\r|\n", stream)
    return parts[:-1] if parts[-1] == "" else parts


def command(line: str) -> Command | None:
    """Return the command in a line; tried as written, and again without what a comparison by culture passes over."""
    weighty = line
    if not (line.isascii() and line.isprintable()):
        weighty = "".join(char for char in line if char == "\t" or unicodedata.category(char) not in _IGNORED)
    for text in dict.fromkeys((line, weighty)):
        found = _colons(text) or _brackets(text)
        if found:
            return found
    return None


def _colons(text: str) -> Command | None:
    text = _TRIMMED.sub("", text)
    if not text.startswith("::"):
        return None
    end = text.find("::", 2)
    if end < 0:
        return None
    name, _, given = text[2:end].partition(" ")
    if name.lower() not in REGISTERED:
        return None
    found = Command(name, data=_unescape(text[end + 2 :], "\r\n%"))
    for part in filter(None, given.strip().split(",")):
        key, _, value = part.lstrip("=").partition("=")
        value = value.lstrip("=")
        if key and value:
            found.properties[key.lower()] = _unescape(value, "\r\n:,%")
    return found


def _brackets(text: str) -> Command | None:
    start = text.find("##[")
    end = text.find("]", start) if start >= 0 else -1
    if end < 0:
        return None
    name = text[start + 3 : end].partition(" ")[0]
    return Command(name, data=_unescape(text[end + 1 :], ";\r\n]%")) if name.lower() in REGISTERED else None


def _unescape(text: str, tokens: str) -> str:
    for token in tokens:
        text = text.replace(f"%{ord(token):02X}", token)
    return text


def pairs(text: str) -> list[tuple[str, str]]:
    """Read a file of outputs."""
    found: list[tuple[str, str]] = []
    index = 0

    def read() -> tuple[str | None, str | None]:
        nonlocal index
        if index >= len(text):
            return None, None
        start, end = index, text.find("\n", index)
        if end < 0:
            index = len(text)
            return text[start:], None
        index = end + 1
        return text[start:end], "\n"

    while (line := read()[0]) is not None:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            key, _, value = line.partition("=")
            found.append((key, value))
            continue
        key, _, delimiter = line.partition("<<")
        if heredoc < 0 or not key or not delimiter:
            raise Damaged(line)
        start = end = index
        inner, newline = read()
        while inner != delimiter:
            if inner is None or newline is None:
                raise Damaged(line)
            end = index - 1
            inner, newline = read()
        found.append((key, text[start:end] if end > start else ""))
    return found
