"""What a packaging or a deployment did, as Markdown for the job summary: each step, in the order of its doing."""

from ci_kit.parts import Check
from ci_kit.render.phrases import seen, tally
from ci_kit.render.text import cell, fence, plain, shorten
from ci_kit.render.view import ATTENTION, ICONS
from ci_kit.result import Result

MOST = 60


def steps(result: Result) -> str:
    """Return a table of the checks, and below it all that is known of those that need attention."""
    title = f"{result.step.capitalize()} {plain(result.about or result.name or '')}".strip()
    parts = [f"## {ICONS[result.status]} {title}: {tally(result)}"]
    rows = ["| | step | |", "|:--|:--|:--|"]
    rows += [
        f"| {ICONS[one.status]} | {cell(shorten(one.title, 160))} | {_seen(one)} |" for one in result.checks[:MOST]
    ]
    parts.append("\n".join(rows) if result.checks else "Nothing was done.")
    parts += [_told(one) for one in result.checks[:MOST] if one.status in ATTENTION and one.detail]
    return "\n\n".join(parts) + "\n"


def _seen(check: Check) -> str:
    return cell(shorten(seen(check), 200))


def _told(check: Check) -> str:
    detail = (check.detail or "").strip()
    text = fence(shorten(detail, 2000)) if "\n" in detail else plain(shorten(detail, 600))
    return f"{ICONS[check.status]} **{cell(shorten(check.title, 160))}**\n\n{text}"
