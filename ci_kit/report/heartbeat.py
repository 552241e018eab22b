"""The heartbeat of the drift check: when it last ran, what it said, and whether it has stopped without a word.

GitHub delays and drops scheduled runs, and disables a schedule after 60 days without a commit, silently.
"""

from datetime import UTC, datetime, timedelta

from ci_kit import actions
from ci_kit.forge import watched
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.render import numbers
from ci_kit.render.drift_view import day
from ci_kit.render.drift_words import headline
from ci_kit.result import Result
from ci_kit.sections import Drift, duration

PERIODS = 2  # so many may pass without a check: one run may be late or dropped
TITLE = "The drift check runs"


def heartbeat(job: Job, now: datetime | None = None) -> Check:
    """Return a warning when two periods have passed since the last drift check that is in the history, or none is.

    A period is the longer of `drift.every` and `drift.window.every`; without either only the last check is told. It is
    skipped where no drift check is configured or no history can be seen.
    """
    drift = job.config.drift
    if drift.current not in job.config.data:
        return Check(id="heartbeat", title=TITLE, status="skip", detail="No drift check is configured.")
    git = Git(job.root)
    if not git.is_repository() or not watched.known(git):
        return Check(id="heartbeat", title=TITLE, status="skip", detail="There is no history yet that can be seen.")
    last = _newest(watched.past(git, "drift", drift.monitor, lambda said: job.say(actions.harmless(said))))
    if last is None:
        detail = "Install the workflow `drift.yml`, or type: ci-kit run watch"
        return Check(id="heartbeat", title="No drift check has run yet", status="warn", detail=detail)
    now = now or datetime.now(UTC)
    period, moment = _period(drift), datetime.fromisoformat(last.run.started)
    said = f"checked {day(moment.date().isoformat(), now.year)}, {headline(last)}"
    if period is None or now - moment <= PERIODS * period:
        return Check(id="heartbeat", title=TITLE, status="pass", observed=said)
    every = numbers.duration(period.total_seconds())
    detail = f"It should run every {every}. Look whether its schedule is disabled, or type: ci-kit run watch"
    title = "The drift check has stopped"
    return Check(id="heartbeat", title=title, status="warn", observed=f"last {said}", detail=detail)


def _newest(past: list[Result]) -> Result | None:
    """Return the Result of the last run; one whose time can't be read, or lies without a zone, is none."""
    found = [result for result in past if _zoned(result.run.started)]
    return max(found, key=lambda result: datetime.fromisoformat(result.run.started), default=None)


def _zoned(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _period(drift: Drift) -> timedelta | None:
    given = (drift.every, drift.window.every if drift.window else None)
    return max((duration(one) for one in given if one), default=None)
