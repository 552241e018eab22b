"""The findings for people, and for programs."""

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from ci_kit.doctor.finding import Finding
from ci_kit.render.phrases import count

SIGNS, COLOURS = {"broken": "✗", "warning": "!"}, {"broken": "31", "warning": "33"}
WIDTH = 100


def text(found: Sequence[Finding], *, colour: bool | None = None) -> str:
    """Return a few lines for each finding: what, why it matters, what to type."""
    if colour is None:
        colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    lines = []
    for one in found:
        head = f"{SIGNS[one.level]} {one.what}" + (f"  ({one.place})" if one.place else "")
        lines.append(f"\x1b[{COLOURS[one.level]}m{head}\x1b[0m" if colour else head)
        lines += textwrap.wrap(one.why, WIDTH, initial_indent="  why  ", subsequent_indent="       ")
        lines += textwrap.wrap(
            one.hint, WIDTH, initial_indent="  do   ", subsequent_indent="       ", break_on_hyphens=False
        )
    return "\n".join([*lines, summary(found)])


def summary(found: Sequence[Finding]) -> str:
    """Return the verdict in one line."""
    bad = sum(one.level == "broken" for one in found)
    if not found:
        return "Nothing wrong was found."
    parts = [f"{bad} broken"] * bool(bad) + [count(len(found) - bad, "warning")] * (len(found) > bad)
    return f"{', '.join(parts)}."


def as_json(found: Sequence[Finding]) -> str:
    """Return a list of objects with the keys `code`, `level`, `what`, `why`, `hint`, `place`."""
    return json.dumps([asdict(one) for one in found], indent=2, ensure_ascii=False)
