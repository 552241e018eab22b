"""A finding: a Check that says what is wrong, why that matters, and what to type."""

import re

from ci_kit.parts import Check, Location, Status

URGENCY: tuple[Status, ...] = ("fail", "warn", "skip")
"""Broken, worth a look, and what could not be looked at; the worst first."""


def finding(
    name: str,
    what: str,
    *,
    why: str,
    hint: str,
    status: Status = "fail",
    observed: str | None = None,
    location: Location | None = None,
) -> Check:
    """Return the Check `doctor/<name>`; the last line of its detail is what to type or to do, the others say why."""
    detail = "\n".join(part for part in (why, hint) if part)
    return Check(
        id=f"doctor/{name}", title=what, status=status, observed=observed, detail=detail or None, location=location
    )


def untold(name: str, what: str, why: str) -> Check:
    """Return the note that something could not be looked at, which is no fault."""
    return Check(id=f"doctor/{name}", title=what, status="skip", detail=why)


def line_of(text: str, wanted: str, after: int = 0) -> int:
    """Return the first line, from 1, behind line `after` that has the word and is no comment; 1 where there is none."""
    word = re.compile(rf"(?<![\w./-]){re.escape(wanted)}(?![\w/-])")
    for number, line in enumerate(text.splitlines(), start=1):
        if number > after and word.search(line) and not line.lstrip().startswith("#"):
            return number
    return 1
