"""`ci-kit report history`: what the history knows, as a table of the last commits and as a page of all of them."""

from datetime import UTC, datetime

from ci_kit import actions
from ci_kit.characters import visible
from ci_kit.files import atomic_write
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.job import Job
from ci_kit.parts import Check, File
from ci_kit.render import numbers
from ci_kit.render.chronicle import page
from ci_kit.render.commits import Chronicle, Commit
from ci_kit.render.phrases import count, label
from ci_kit.render.spark import sparkline
from ci_kit.render.terminal import SIGNS, WIDTH
from ci_kit.render.text import shorten
from ci_kit.report.archive import COMMITS, commits, logged, windows
from ci_kit.report.raw import Reader
from ci_kit.report.releases import releases
from ci_kit.result import Findings

PAGE = "history.html"
LAST, SUBJECT = 12, 26  # commits, and characters of a subject, that fit into a terminal beside some metrics
TITLE = "The history is shown"


def history(job: Job) -> Findings:
    """Write the page, print the last commits, and return how many commits were shown; skipped where there are none."""
    git = Git(job.root)
    if not git.is_repository():
        return _nothing(job, "This is no git repository.", "Type: git init")
    git.fetch_branch(BRANCH)
    log = logged(git, job.config.base)
    if not log:
        return _nothing(job, f"There is no branch {job.config.base}.", "Set `base` in ci-kit.yaml, or fetch it.")
    reader = Reader(clean=actions.redactor())
    found = commits(git, log, reader)
    if not found:
        hint = f"Push to {job.config.base}, or commit there and type: ci-kit run check"
        return _nothing(job, f"Nothing is recorded of a commit of {job.config.base} yet.", hint)
    marks = [*releases(git, job.config.package.name, log, reader), *windows(git, reader)]
    shown = Chronicle(
        title=job.config.report.title or job.source.repo.rpartition("/")[2] or job.root.resolve().name,
        base=job.config.base,
        commits=found,
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        notes=tuple(_notes(git, len(log), reader)),
    )
    path = job.folder / PAGE
    atomic_write(path, page(shown).encode())
    _print(job, shown)
    job.say(f"{actions.harmless(visible(_seen(shown)))}: {job.folder.name}/{PAGE}")
    check = Check(
        id="history", title=TITLE, status="pass", observed=_seen(shown), detail="\n".join(shown.notes) or None
    )
    return Findings(checks=(check,), files=(File.of(path, job.root, "report"),))


def _nothing(job: Job, why: str, hint: str) -> Findings:
    job.say(actions.harmless(visible(f"history: {why} {hint}")))
    check = Check(id="history", title="There is no history yet", status="skip", detail=f"{why} {hint}")
    return Findings(checks=(check,))


def _seen(shown: Chronicle) -> str:
    kinds = {kind: sum(mark.kind == kind for mark in shown.marks) for kind in ("release", "drift", "retrain")}
    nouns = {"release": "version", "drift": "drift check", "retrain": "retraining"}
    more = [count(number, nouns[kind]) for kind, number in kinds.items() if number]
    return ", ".join([f"{count(len(shown.commits), 'commit')} of {shown.base}", *more])


def _notes(git: Git, read: int, reader: Reader) -> list[str]:
    notes = []
    if read >= COMMITS:
        notes.append(f"The newest {COMMITS:,} commits were looked at.")
    elif git.shallow():
        notes.append("The clone is shallow, so older commits are missing; check out with fetch-depth: 0.")
    wrong = [count(number, kind) for kind, number in sorted(reader.wrong.items()) if number]
    if wrong:
        notes.append(f"Left out, as they could not be read: {', '.join(wrong)}.")
    return notes


def _print(job: Job, shown: Chronicle) -> None:
    """Print the last commits, the newest first, and above each metric how it went: as many metrics as there is room."""
    last = shown.commits[-LAST:]
    took = [sum(one.seconds.values()) for one in last]
    columns = [
        ["commit", "", *(one.sha[:8] for one in reversed(last))],
        ["date", "", *(_day(one) for one in reversed(last))],
        ["", "", *(SIGNS[one.status] for one in reversed(last))],
        ["subject", "", *(shorten(visible(one.subject), SUBJECT) for one in reversed(last))],
        ["time", sparkline(took), *map(numbers.duration, reversed(took))],
    ]
    for name in shown.metrics():
        found = [one.metrics.get(name) for one in last]
        spark = sparkline([one.value for one in found if one])
        values = (numbers.number(one.value, visible(one.unit[:8])) if one else "–" for one in reversed(found))
        column = [visible(label(name))[:16], spark, *values]
        if sum(max(map(len, one)) + 2 for one in [*columns, column]) - 2 > WIDTH:
            break
        columns.insert(-1, column)
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        cells = (f"{value:<{width}}" for value, width in zip(row, widths, strict=True))
        job.say(actions.harmless("  ".join(cells).rstrip()))


def _day(commit: Commit) -> str:
    return datetime.fromtimestamp(commit.at, UTC).date().isoformat()
