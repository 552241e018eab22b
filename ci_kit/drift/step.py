"""Drift: judge the windows that are due, tell the newest, and leave what the history and retrain need of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci_kit import actions
from ci_kit.errors import UserError
from ci_kit.files import atomic_write
from ci_kit.job import Job
from ci_kit.parts import Check, File
from ci_kit.progress import busy
from ci_kit.render import watch
from ci_kit.result import Findings, Result

if TYPE_CHECKING:
    from ci_kit.drift.due import Due
    from ci_kit.drift.judge import Judged

WINDOWS, PAGE = "windows", "drift.html"
DRAWN = 30
"""So many columns are drawn by Evidently, those that moved first."""


def run(job: Job) -> Findings:
    """Return what the newest window shows: checks, metrics, charts, and as files Evidently's report and our page.

    Windows that were missed are judged too, oldest first; the compact Result of each is left in `.ci-kit/windows`.
    Raises UserError when nothing can be judged.
    """
    for stale in [*(job.folder / WINDOWS).glob("*.json"), *job.folder.glob("evidently.*"), job.folder / PAGE]:
        stale.unlink(missing_ok=True)
    with _extra():
        from ci_kit.drift.charts import charts
        from ci_kit.drift.due import due
        from ci_kit.drift.judge import sensitive
    found = due(job)
    if not found.windows:
        return _told(job, Findings(checks=tuple(found.notes), data=found.data))
    newest = found.windows[-1]
    for one in found.windows:
        result = one.result(job)
        _write(job.folder / WINDOWS / f"{result.name}.json", result.model_dump_json(indent=2, exclude_none=True))
    drawn, files = _evidently(job, found, newest)
    told = Findings(
        checks=(*newest.findings.checks, *found.notes, drawn),
        metrics=newest.findings.metrics,
        charts=charts(newest.tests, found.reference, newest.current, sensitive(job.config)),
        files=files,
        data=newest.findings.data,
    )
    return _told(job, told)


def replay(job: Job) -> Findings:
    """Return for every complete window whether it would have alarmed and why; nothing is recorded, nothing fails.

    Raises UserError when nothing can be judged.
    """
    with _extra():
        from ci_kit.drift.due import all_windows
        from ci_kit.drift.replay import table, told
    found = all_windows(job)
    for line in table(found.windows):
        job.say(actions.harmless(actions.redact(line)))
    return told(found)


def build_reference(job: Job) -> Findings:
    """Write the profile of the reference data, and return what it holds; raise UserError when it can't be read."""
    with _extra():
        from ci_kit.drift.reference import build
    return build(job)


@contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed", hint="Type: pip install 'ci-kit[drift]'", code="config/install"
        ) from error


def _evidently(job: Job, found: "Due", newest: "Judged") -> tuple[Check, tuple[File, ...]]:
    """Let Evidently draw the window where something moved; without it the verdict is the same."""
    if not any(test.moved for test in newest.tests):
        return Check(id="evidently", title="Evidently's report", status="skip", detail="Nothing moved."), ()
    from ci_kit.drift.charts import worst_first
    from ci_kit.drift.drawing import draw
    from ci_kit.drift.judge import sensitive

    busy("Evidently draws its report")
    columns = dict.fromkeys(test.column for test in (*worst_first(newest.tests), *newest.tests))
    shown = [column for column in columns if column not in sensitive(job.config)][:DRAWN]
    try:
        paths = draw(job.folder, found.reference, newest.current, shown)
    except UserError as error:
        return Check(id="evidently", title="Evidently's report", status="skip", detail=str(error)), ()
    files = tuple(File.of(path, job.root, "evidently") for path in paths)
    return Check(id="evidently", title="Evidently drew its report", status="pass"), files


def _told(job: Job, told: Findings) -> Findings:
    """Write the page and the job summary; return the findings with the page among their files."""
    result = told.result("drift", None, job.source, job.run)
    shown = Result.model_validate(actions.redact_all(result.model_dump(by_alias=True)))
    name = job.config.report.title or job.source.repo.rpartition("/")[2] or job.root.resolve().name
    monitor = job.config.drift.monitor
    title = f"{name}: drift" if monitor == "default" else f"{name}: drift of {monitor}"
    actions.summary(watch.summary(shown, title=title, url=job.run.url))
    _write(job.folder / PAGE, watch.page(shown, title=title, url=job.run.url))
    page = File.of(job.folder / PAGE, job.root, "report")
    return Findings(**{**vars(told), "files": (*told.files, page)})


def _write(path: Path, text: str) -> None:
    atomic_write(path, f"{text}\n".encode())
