"""What a retraining did, as Markdown for the job summary."""

from collections.abc import Sequence

from ci_kit import actions
from ci_kit.job import Job
from ci_kit.parts import Check, Status
from ci_kit.render.text import cell, plain, shorten
from ci_kit.render.view import ICONS
from ci_kit.result import SEVERITY

MOST = 50


def summary(monitor: str, checks: Sequence[Check], url: str, evidence: str) -> str:
    """Return a line for each check, where the pull request is, and the evidence where none could be published."""
    worst: Status = max((check.status for check in checks), key=SEVERITY.index, default="skip")
    where = f"[The pull request]({url}) has the evidence." if url.startswith("https://") else ""
    parts = [f"## {ICONS[worst]} Retraining: {plain(monitor)}", "\n".join(map(_line, checks[:MOST])), where, evidence]
    return "\n\n".join(part for part in parts if part) + "\n"


def tell(job: Job, text: str) -> None:
    """Say in one line of the log what was done, or why nothing was."""
    job.say(actions.harmless(actions.redact(shorten(f"retrain: {' '.join(text.split())}", 600))))


def ended(check: Check) -> str:
    """Return all that a check says, as a sentence."""
    title = f"{check.title}: {check.observed}." if check.observed else f"{check.title}."
    return f"{title} {check.detail}" if check.detail else title


def _line(check: Check) -> str:
    seen = ". ".join(" ".join(part.split()) for part in (check.observed, check.detail) if part)
    return f"- {ICONS[check.status]} **{cell(shorten(check.title, 160))}** {cell(shorten(seen, 400))}".rstrip()
