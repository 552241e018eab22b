"""Report: render every Result of this run once, publish it, and on a trusted push keep the Results as history."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ci_kit import actions, forge
from ci_kit.errors import CiKitError
from ci_kit.files import atomic_write
from ci_kit.forge.base import Stamp, mark
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH, entries
from ci_kit.forge.pruning import stale
from ci_kit.job import Job
from ci_kit.parts import Check, File
from ci_kit.progress import busy
from ci_kit.render.html import page
from ci_kit.render.markdown import markdown
from ci_kit.render.terminal import verdict
from ci_kit.render.view import View
from ci_kit.render.words import reading
from ci_kit.report.changes import changes
from ci_kit.report.chronicle import history
from ci_kit.report.fork import SUMMARY, fork
from ci_kit.report.gather import expected, gather, named
from ci_kit.report.heartbeat import heartbeat
from ci_kit.report.past import altogether, budget, past, recent, saved, usual
from ci_kit.report.pictures import beside, pictured
from ci_kit.report.publish import HTML, addressed, publish
from ci_kit.report.verdict import shown
from ci_kit.result import Findings, Result

__all__ = ["fork", "history", "run", "stdout"]

MARKDOWN, COMMENT = "report.md", "comment.md"


def run(job: Job) -> Findings:
    """Write the report as Markdown and HTML, show it in the job summary, publish it, and record history.

    The findings say whether it was published; what it says about the change is for the other Results to decide, but
    for what only all of them together show: that the data that was tested is not the data that was scored.
    Raises UserError when there is no Result at all.
    """
    event = actions.event()
    busy("reading the history")
    view = _view(job, event)
    busy("drawing")
    with suppress(CiKitError):  # whoever publishes meets the same trouble, and tells it
        event = addressed(job, event)
    view, unkept = pictured(job, event, view)
    whole, files = _written(job, beside(view))
    actions.summary(whole)
    busy("publishing")
    body, spent = actions.redact(markdown(view)), budget(job, view.results)
    checks = [publish(job, event, view, body)] if "comment" in job.config.report.show else []
    checks += [*shown(job, event, view, body, spent), *unkept, *_judged(view, spent)]
    if _trusted(job, event, view.results):
        checks.append(_record(job, event, view))
    job.say(actions.harmless(actions.redact(verdict(view))))
    return Findings(checks=tuple(checks), files=files)


def stdout(job: Job) -> Findings:
    """Write the same files, and the comment into a file for the command to print; publish and record nothing.

    Its first line is the hidden one by which a comment of ours is found again. Raises UserError as `run` does.
    """
    event = actions.event()
    view = _view(job, event)
    _, files = _written(job, view)
    stamp = Stamp(run_id=event.run_id, attempt=event.attempt, sha=job.source.sha or "")
    body = mark(actions.redact(markdown(view)), job.config.report.id, stamp, watermark=False)
    atomic_write(job.folder / COMMENT, body.encode("utf-8", "replace"))
    printed = Check(id="stdout", title="The report is printed", status="pass")
    return Findings(checks=(printed, *_judged(view, budget(job, view.results))), files=files)


def _view(job: Job, event: actions.Event) -> View:
    found = gather(job.root, job.source.sha)
    before = recent(job, [*found.results])
    return View(
        results=found.results,
        expected=expected(job.config, job.root),
        damaged=found.damaged,
        title=named(job),
        base=event.base_ref or job.config.base,
        url=event.url,
        heartbeat=beat if (beat := heartbeat(job)).status != "skip" else None,
        past=past(before.get("evaluate", [])),
        usual={step: one for step, now in found.results.items() if (one := usual(before[step], now))},
        altogether=altogether(before, found.results.values()),
        saved={step: less for step, now in found.results.items() if (less := saved(before[step], now))},
        changes=changes(job, found.results, before),
        before={step: known[-1] for step, known in before.items() if known},
        whole=f"[in the job summary]({event.url})" if event.url else f"`{job.folder.name}/{HTML}`",
    )


def _written(job: Job, view: View) -> tuple[str, tuple[File, ...]]:
    """Write the whole report, and return it as Markdown and as files."""
    whole = actions.redact(markdown(view, SUMMARY))
    atomic_write(job.folder / MARKDOWN, whole.encode())
    atomic_write(job.folder / HTML, actions.redact(page(view)).encode())
    return whole, tuple(File.of(job.folder / name, job.root, "report") for name in (MARKDOWN, HTML))


def _judged(view: View, spent: tuple[Check, ...]) -> list[Check]:
    """Return what only all Results together show."""
    return [*_data(view), *([view.heartbeat] if view.heartbeat else []), *spent]


def _data(view: View) -> list[Check]:
    title = "The data that was tested is not the data that was scored"
    return [
        Check(id=f"data/{one.data}", title=f"{title}: {one.data}", status="fail", observed="".join(reading(one)))
        for one in view.changed
    ]


def _trusted(job: Job, event: actions.Event, results: Mapping[str, Result]) -> bool:
    """Say whether these Results are the base branch's own: a push to it, or a clean local run on it."""
    if job.source.sha is None or not results:
        return False
    if event.name != "local":
        return event.trusted_push
    # Training may write tracked files, so only what ran until then tells whether the commit itself was judged.
    early = [result for step, result in results.items() if step.partition("-")[0] in {"validate", "train"}]
    if any(result.source.dirty for result in early or results.values()):
        return False
    return Git(job.root).branch() == job.config.base


def _record(job: Job, event: actions.Event, view: View) -> Check:
    title, sha = "The results are kept as history", str(job.source.sha)
    if view.changed:
        return Check(id="record", title=title, status="skip", detail="They do not speak of the same data.")
    # A step that could not judge would stand in the way of an older commit that was judged.
    kept = [result for result in view.results.values() if not any(check.id == "error" for check in result.checks)]
    if not kept:
        return Check(id="record", title=title, status="skip", detail="No step could judge.")
    message = f"Record the results of {sha[:12]}"
    try:
        publisher = forge.connect(job.root, event, job.config.report.publisher)
        gone = dict.fromkeys(stale(Git(job.root), sha))
        publisher.record(entries(Path(job.root), kept, sha) | gone, message)
    except CiKitError as error:
        return Check(id="record", title=title, status="fail", detail=actions.redact(str(error)))
    return Check(id="record", title=title, status="pass", observed=f"{len(kept)} on branch {BRANCH}")
