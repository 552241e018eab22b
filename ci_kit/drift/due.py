"""The windows that are due: read both sides and the history, and judge them oldest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from ci_kit import actions
from ci_kit.data.times import epoch
from ci_kit.drift import persist
from ci_kit.drift.current import current, dataset
from ci_kit.drift.judge import Judge, Judged
from ci_kit.drift.log import Torn
from ci_kit.drift.performance import performance
from ci_kit.drift.reference import outdated, reference
from ci_kit.drift.side import Side
from ci_kit.drift.torn import among
from ci_kit.drift.window import Cut, cuts
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.progress import busy, each
from ci_kit.render.phrases import count
from ci_kit.result import Result
from ci_kit.sections import Window

NO_SUCH = 2
"""What `git ls-remote --exit-code` answers where the remote has no such branch."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """The windows of this run, oldest first; `notes` are checks of the run and of no window.

    There is no window where the newest one was judged already, against another reference; a note says so. `data` are
    the fingerprints of both sides.
    """

    reference: Side
    windows: list[Judged]
    notes: list[Check]
    data: dict[str, str]


def due(job: Job) -> Due:
    """Judge each window since the newest in the history, or that one again where there is none.

    A first run judges as many as an alarm looks at. A window is not judged again when the reference has changed since:
    it is what the new one was made for. Raises UserError when a side can't be read or compared.
    """
    base, (frame, torn, mark) = _sides(job)
    past, notes = _history(job)
    kind = _kind(job)
    known = [str(result.name) for result in past if persist.kindred(str(result.name)) == kind]
    after, last = known[-1] if known else None, job.config.drift.alarm.of
    chosen = _cuts(job, frame, mark, after=after, last=last)
    data = {"reference": base.mark, "current": mark}
    against = {str(result.name): result.source.data.get("reference") for result in past}
    fresh = [cut for cut in chosen if against.get(cut.id) in (None, base.mark)]
    if not fresh:
        return Due(reference=base, windows=[], notes=[_waits(chosen[-1])], data=data)
    windows = list(_judged(job, base, frame, mark, fresh, past))
    notes = [
        *outdated(job, base),
        *_torn(among(torn, frame, job.config.drift.window, fresh)),
        *_times(fresh),
        *notes,
        *_missed(fresh, after),
    ]
    return Due(reference=base, windows=windows, notes=notes, data=data)


def all_windows(job: Job) -> Due:
    """Judge every complete window of the current data as if each had been run in time, without the history."""
    base, (frame, torn, mark) = _sides(job)
    chosen = _cuts(job, frame, mark, after=None, last=None)
    windows = list(_judged(job, base, frame, mark, chosen, ()))
    data = {"reference": base.mark, "current": mark}
    return Due(
        reference=base,
        windows=windows,
        notes=[*outdated(job, base), *_torn(among(torn, frame, job.config.drift.window, chosen)), *_times(chosen)],
        data=data,
    )


def _sides(job: Job) -> tuple[Side, tuple[pl.LazyFrame, list[Torn], str]]:
    if job.config.drift.labels:
        dataset(job, "labels")
    busy("reading both sides")
    return reference(job), current(job)


def _cuts(job: Job, frame: pl.LazyFrame, mark: str, *, after: str | None, last: int | None) -> list[Cut]:
    settings, name = job.config.drift, f"data.{job.config.drift.current}"
    return cuts(frame, settings.window, mark=mark, now=datetime.now(UTC), after=after, last=last, name=name)


def _judged(
    job: Job, base: Side, frame: pl.LazyFrame, mark: str, chosen: Sequence[Cut], past: Sequence[Result]
) -> Iterator[Judged]:
    def score(cut: Cut) -> tuple[list[Check], dict[str, Metric]]:
        return performance(job, cut.frame, base, before=_before(frame, job.config.drift.window, cut))

    judge, seen = Judge(job=job, reference=base, mark=mark, performance=score), list(past)
    for cut in each(chosen, lambda cut: f"judging {cut.words}"):
        one = judge.window(cut, seen)
        seen.append(one.result(job))
        yield one


def _before(frame: pl.LazyFrame, window: Window | None, cut: Cut) -> pl.LazyFrame | None:
    """Return all rows up to the end of a window."""
    if window is None or window.column is None:
        return frame.head(int(cut.end)) if window else None
    micros = epoch(window.column, frame.collect_schema()[window.column])
    return frame.filter(micros < int(cut.end * 1e6))


def _kind(job: Job) -> str:
    window = job.config.drift.window
    return "all" if window is None else str(window.every or window.rows)


def _history(job: Job) -> tuple[list[Result], list[Check]]:
    """Return the windows judged before; a warning where there may be some and an alarm needs them."""
    git, monitor = Git(job.root), job.config.drift.monitor
    here = git.is_repository()
    past = watched.past(git, "drift", monitor, lambda said: job.say(actions.harmless(said))) if here else []
    if past or job.config.drift.alarm.windows == 1 or (here and watched.known(git)):
        return past, []
    if here and _hidden(git):
        title = "The windows judged before can't be seen"
        detail = "Only the windows of this run count. Check out with fetch-depth: 0, and with a token that may read."
        return past, [Check(id="history", title=title, status="warn", detail=detail)]
    detail = "Only the windows of this run count. `ci-kit retrain` keeps what they showed on the branch `ci-kit`."
    return past, [Check(id="history", title="No window was judged before", status="pass", detail=detail)]


def _hidden(git: Git) -> bool:
    """Say whether a history may be where we can't look: the remote does not answer, or the checkout is shallow."""
    if git.remote_url() is None:
        return git.shallow()
    return git.run("ls-remote", "--exit-code", "origin", f"refs/heads/{BRANCH}").returncode != NO_SUCH


def _torn(lines: Sequence[Torn]) -> Iterator[Check]:
    if lines:
        title, places = "Lines of the current data that can't be read", [f"{one.file}:{one.line}" for one in lines[:3]]
        detail = ", ".join(places) + (f" and {len(lines) - 3:,} more" if len(lines) > 3 else "")
        yield Check(id="torn", title=title, status="warn", observed=f"{len(lines):,}", limit="0", detail=detail)


def _times(chosen: Sequence[Cut]) -> Iterator[Check]:
    if rows := chosen[-1].unplaced:
        title, detail = "Rows without a readable time", "They are in no window."
        yield Check(id="times", title=title, status="warn", observed=count(rows, "row"), limit="0", detail=detail)
    if rows := chosen[-1].future:
        title, detail = "Rows that lie in the future", "Is it the unit of their times, the time zone, or a clock?"
        yield Check(id="future", title=title, status="warn", observed=count(rows, "row"), limit="0", detail=detail)


def _waits(cut: Cut) -> Check:
    title = "The newest window was judged before the reference changed"
    again = "`ci-kit drift --replay` compares all windows with it."
    detail = f"{cut.words}. The next window is judged against the new reference; {again}"
    return Check(id="window", title=title, status="skip", observed=cut.id, detail=detail)


def _missed(chosen: Sequence[Cut], after: str | None) -> Iterator[Check]:
    """Warn where more than one window was due: a run was late or did not come."""
    missed, left = len(chosen) - 1, chosen[-1].left
    if after and missed:
        observed = f"{count(missed, 'window')} caught up"
        observed += f", {left:,} older left out" if left else ""
        title = "Windows that no run had judged in time"
        yield Check(id="missed", title=title, status="warn", observed=observed)
