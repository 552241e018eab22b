"""The report's verdict beside the comment: a check of the judged commit, and a status, that branches can require."""

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from ci_kit import actions, forge
from ci_kit.characters import visible
from ci_kit.errors import CiKitError
from ci_kit.forge.base import Forge, Stamp
from ci_kit.forge.verdict import Note, Verdict
from ci_kit.job import Job
from ci_kit.parts import Check, Status
from ci_kit.render.text import shorten
from ci_kit.render.view import View
from ci_kit.render.words import headline
from ci_kit.result import FOLDER

DEPENDABOT, FORBIDDEN = "dependabot[bot]", 403
MOST = 500  # annotations of one check: ten calls, and more than anybody reads
TITLES = {"check": "The commit has a check", "status": "The commit has a status"}


def shown(job: Job, event: actions.Event, view: View, body: str, budget: tuple[Check, ...]) -> list[Check]:
    """Keep the check and the status that `report.show` asks for, and say of each what became of it.

    `body` is the report as Markdown, `budget` the checks of the report itself that judge the change. What the token
    may not do is a warning; a fork's never may, so nothing is tried there, and locally there is nothing to show.
    """
    ways = [way for way in TITLES if way in job.config.report.show]
    if event.name == "local" or not ways:
        return []
    if event.fork or job.source.sha is None:
        why = "A fork's token can't write here." if event.fork else "There is no commit."
        return [Check(id=f"publish/{way}", title=TITLES[way], status="skip", detail=why) for way in ways]
    name, said = _name(job, view), verdict(view, body, budget)
    try:
        # One forge for both: what GitHub lets us wait is then waited once.
        place = forge.connect(job.root, event, job.config.report.publisher)
    except CiKitError as error:
        return [_trouble(event, way, error) for way in ways]
    return [_shown(job, event, place, way, name, said) for way in ways]


def verdict(view: View, body: str, budget: tuple[Check, ...] = ()) -> Verdict:
    """Return what the check says: success also with warnings, `neutral` where it can't be told, as the exit codes do.

    It is stricter where a step that was expected has left nothing: a job that died must not look like one that passed.
    """
    over = [check for check in budget if check.status == "fail"]
    failed = bool(over) or view.status == "fail" or bool(view.missing) or not view.results
    title = "; ".join([headline(view), *(check.title for check in over)])
    notes = [*_notes(view, actions.redactor())]
    text = body
    if len(notes) > MOST:
        text += f"\n\n{MOST} of {len(notes):,} findings stand at their lines, the failures first.\n"
    return Verdict(
        outcome="failure" if failed else "neutral" if view.status == "unsure" else "success",
        title=shorten(visible(actions.redact(title)), 140),
        text=text,
        notes=tuple(notes[:MOST]),
    )


def _name(job: Job, view: View) -> str:
    """Return a name that stays the same from run to run, as branches require it: by the id, or else the title."""
    known = job.config.report.id
    return f"ci-kit: {visible(view.title) if known == 'default' and view.title else known}"


def _notes(view: View, clean: Callable[[str], str]) -> Iterator[Note]:
    for step, check in view.attention():
        place = check.location
        if place is None:
            continue
        path = PurePosixPath(view.results[step].source.directory, place.file)
        if path.is_absolute() or ".." in path.parts:
            continue
        text = "\n".join(part for part in (check.observed, check.detail) if part) or check.title
        yield Note(
            path=str(path),
            line=place.line,
            level="failure" if check.status == "fail" else "warning",
            title=visible(clean(f"{step}: {check.title}")),
            text=visible(clean(text)),
        )


def _shown(job: Job, event: actions.Event, place: Forge, way: str, name: str, said: Verdict) -> Check:
    stamp = Stamp(run_id=event.run_id, attempt=event.attempt, sha=str(job.source.sha))
    try:
        where = (place.check if way == "check" else place.status)(name, stamp, said)
    except CiKitError as error:
        return _trouble(event, way, error)
    if "comment" not in job.config.report.show:
        actions.output("url", where)
    return Check(id=f"publish/{way}", title=TITLES[way], status="pass", observed=f"{name}, {where}")


def _trouble(event: actions.Event, way: str, error: CiKitError) -> Check:
    refused = getattr(error, "status", None) == FORBIDDEN
    detail = actions.redact(f"{str(error).rstrip('.')}. The report is in the job summary and in {FOLDER}/report.html.")
    status: Status = ("skip" if event.actor == DEPENDABOT else "warn") if refused else "fail"
    return Check(id=f"publish/{way}", title=TITLES[way], status=status, detail=detail)
