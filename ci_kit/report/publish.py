"""The report's comment on the pull request: its own, or a part of one that several reports share."""

import re
from dataclasses import replace

from ci_kit import actions, forge
from ci_kit.errors import CiKitError
from ci_kit.forge.base import Forge, Stamp
from ci_kit.forge.parts import Part, Piece
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.render.shared import shared
from ci_kit.render.view import View
from ci_kit.report.verdict import DEPENDABOT, FORBIDDEN

HTML = "report.html"


def publish(job: Job, event: actions.Event, view: View, body: str) -> Check:
    """Keep the comment, or this report's part of one, and say what became of it; `body` is the comment's Markdown.

    What a fork's or Dependabot's token may not do is skipped: the report is in the job summary.
    """
    title = "The report is published"
    try:
        event = addressed(job, event)
        if event.name != "local" and event.number is None:
            detail = "This run belongs to no pull request; the report is in the job summary."
            return Check(id="publish", title=title, status="skip", detail=detail)
        where = _show(job, event, view, body, forge.connect(job.root, event, job.config.report.publisher))
    except CiKitError as error:
        # Dependabot's token only reads, unless the workflow gives it more; then its refusals are like anybody's.
        dependabot = event.actor == DEPENDABOT and getattr(error, "status", None) == FORBIDDEN
        if event.fork or dependabot:
            whose = "Dependabot's" if dependabot else "A fork's"
            detail = f"{whose} token can't write here; the report is in the job summary. {error}"
            return Check(id="publish", title=title, status="skip", detail=actions.redact(detail))
        detail = actions.redact(
            f"{str(error).rstrip('.')}. The report is in the job summary and in {job.folder.name}/{HTML}."
        )
        return Check(id="publish", title=title, status="fail", detail=detail)
    actions.output("url", where)
    return Check(id="publish", title=title, status="pass", observed=where)


def _show(job: Job, event: actions.Event, view: View, body: str, place: Forge) -> str:
    report, sha = job.config.report, job.source.sha or ""
    if not report.comment:
        stamp = Stamp(run_id=event.run_id, attempt=event.attempt, sha=sha)
        return place.comment(report.id, body, stamp)
    shown = shared(view, actions.redact)
    part = Part(
        id=report.id,
        run=event.run_id,
        attempt=event.attempt,
        sha=sha or "0",
        status=view.status,
        icon=view.icon,
        title=shown.title,
        says=shown.says,
        numbers=shown.numbers,
        url=event.url or "",
        pieces=tuple(Piece(rank=rank, text=text) for rank, text in shown.pieces),
    )
    return place.share(report.comment, part)


def addressed(job: Job, event: actions.Event) -> actions.Event:
    """Return the event with the open pull request of the branch on which somebody, or `retrain`, started this run."""
    branch = event.ref.removeprefix("refs/heads/")
    if event.number is not None or event.name != "workflow_dispatch" or branch in (event.ref, job.config.base):
        return event
    found = re.search(r"/pull/([0-9]+)$", forge.connect(job.root, event).opened(branch, job.config.base) or "")
    return replace(event, number=int(found[1])) if found else event
