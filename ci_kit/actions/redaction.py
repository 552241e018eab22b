"""Secrets taken out of a text before it leaves the process; the runner masks logs, but no comment and no artifact."""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "***"
SHORTEST = 6  # a shorter value, such as `true`, would black out ordinary words

_NAME = re.compile(
    r"(?:TOKEN|SECRETS?|KEY|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|(?:^|_)PAT|(?:^|_)AUTH)(?:$|_)", re.IGNORECASE
)
# What a well-known token begins with, or holds: where none of it stands, there is nothing to look for.
_HINTS = (
    *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "AKIA", "ASIA", "AIza", "hf_", "sk-", "xox"),
    *("npm_", "pypi-", "eyJ", "-----BEGIN", "://"),
)
_SHAPES = re.compile(
    "|".join(
        (
            r"gh[opusr]_[A-Za-z0-9_.-]{20,}",
            r"github_pat_[A-Za-z0-9_]{20,}",
            r"glpat-[A-Za-z0-9_-]{20,}",
            r"(?:AKIA|ASIA)[0-9A-Z]{16}",
            r"AIza[A-Za-z0-9_-]{35}",
            r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}",
            r"(?<![A-Za-z0-9_-])sk-[A-Za-z0-9_-]{20,}",
            r"xox[a-z]-[A-Za-z0-9-]{10,}",
            r"npm_[A-Za-z0-9]{36}",
            r"pypi-[A-Za-z0-9_-]{50,}",
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
            r"(?<=://)[^\s/:@]{1,200}:[^\s/@]{1,500}(?=@)",
        )
    )
)


def redact(text: str, env: Mapping[str, str] = os.environ) -> str:
    """Replace every secret by `***`.

    A secret is the value (6 characters or more) of a variable that is named like one, as it is, as one of its lines,
    in base64 at any alignment, quoted for a URL or for JSON; or anything shaped like a well-known token.
    """
    return redactor(env)(text)


def redact_all(value: Any) -> Any:
    """Return a document, of dicts, lists and tuples (lists become tuples), with `redact` applied to all its texts."""
    return _everywhere(value, redactor())


def redactor(env: Mapping[str, str] = os.environ) -> Callable[[str], str]:
    """Return `redact` for many texts: the values are read now, and a text without secrets costs microseconds."""
    values = {value for name, value in env.items() if _NAME.search(name)}
    forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    known = re.compile("|".join(map(re.escape, longest_first)))

    def clean(text: str) -> str:
        # Searching for each form is many times quicker than for one pattern of them all.
        if any(form in text for form in longest_first):
            text = known.sub(MASK, text)
        return _SHAPES.sub(MASK, text) if any(hint in text for hint in _HINTS) else text

    return clean


def _everywhere(value: Any, clean: Callable[[str], str]) -> Any:
    match value:
        case str():
            return clean(value)
        case dict():
            return {key: _everywhere(inner, clean) for key, inner in value.items()}
        case list() | tuple():
            return tuple(_everywhere(inner, clean) for inner in value)
    return value


def _forms(value: str) -> Iterator[str]:
    if len(value.strip()) < SHORTEST:
        return
    for part in {value, value.strip(), *map(str.strip, value.splitlines())}:
        raw = part.encode("utf-8", "surrogateescape")
        yield part
        yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1])
        if len(raw) >= SHORTEST:
            for shift in range(3):
                yield from _base64(raw, shift)


def _base64(raw: bytes, shift: int) -> Iterator[str]:
    """Yield the characters that do not depend on what stands before and after the value."""
    first, last = (8 * shift + 5) // 6, 8 * (shift + len(raw)) // 6
    padded = b"\0" * shift + raw
    yield base64.b64encode(padded).decode()[first:last]
    yield base64.urlsafe_b64encode(padded).decode()[first:last]
