"""Whether a retraining is due: pure, from what was tried before, what drift did since, the settings and the time."""

from collections.abc import Sequence
from datetime import UTC, datetime

from ci_kit.parts import Check, Status
from ci_kit.result import Result
from ci_kit.retrain.evidence import quiet, window
from ci_kit.sections import Retrain, duration

UNFINISHED = "unfinished"  # the check of an attempt that says nothing of the update: it was killed, or not published
AGAIN = "To make one more all the same, type: ci-kit retrain --cool-down 0s"
TIMES = "attempts"  # the metric of an attempt that says how often its window was tried


def plan(
    drift: Result, windows: Sequence[Result], attempts: Sequence[Result], settings: Retrain, now: datetime
) -> Check:
    """Return the check `plan`: it passes where a retraining is due, and else says why not.

    `windows` are the drift check's past windows, `attempts` the past retrainings. An attempt that failed may be
    repeated for a later window or on another commit, one that was stopped or could not be published at once; each
    counts for the cap on attempts and on cost like any other. A cool-down of zero asks for one more. Both caps are of
    one episode: since drift was last quiet, or since the reference changed because somebody merged.
    """
    here, done = window(drift), [attempt for attempt in attempts if attempt.status != "fail"]
    pause = duration(settings.cool_down)
    if pause and any(attempt.name == here and _same_reference(attempt, drift) for attempt in done):
        return _not("A retraining for this window was made before", observed=here, detail=AGAIN)
    if (failed := _newest([one for one in attempts if _failed(one, drift)])) and (until := failed + pause) > now:
        title = "The retraining for this window failed on this very commit"
        return _not(title, observed=f"not before {until:%Y-%m-%d %H:%M} UTC", detail=f"Commit what mends it. {AGAIN}")
    if (newest := _newest(done)) and (until := newest + pause) > now:
        detail = f"Two retrainings lie at least {settings.cool_down} apart (`retrain.cool-down`)."
        return _not("The last retraining is too recent", observed=f"until {until:%Y-%m-%d %H:%M} UTC", detail=detail)
    mine = episode(drift, windows, attempts)
    times = round(sum(_metric(attempt, TIMES, 1) for attempt in mine))
    if times >= settings.attempts:
        detail = "Drift goes on all the same: a person must look. `retrain.attempts` is the cap."
        return _not("The attempts are used up", "warn", f"{times}", f"{settings.attempts}", detail)
    return _affordable(mine, settings) or Check(id="plan", title="A retraining is due", status="pass", observed=here)


def episode(drift: Result, windows: Sequence[Result], attempts: Sequence[Result]) -> list[Result]:
    """Return the attempts since drift was last quiet with the same reference."""
    calm = [_order(one) for one in windows if _same_reference(one, drift) and quiet(one)]
    since = max(calm, default=None)
    mine = [attempt for attempt in attempts if _same_reference(attempt, drift)]
    return [attempt for attempt in mine if since is None or _order(attempt) > since]


def _failed(attempt: Result, drift: Result) -> bool:
    """Say whether the same would fail again: for this window and on this commit, where the update itself failed."""
    same = attempt.name == window(drift) and attempt.source.sha == drift.source.sha
    return same and any(check.id != UNFINISHED and check.status == "fail" for check in attempt.checks)


def _newest(attempts: Sequence[Result]) -> datetime | None:
    return max((started for attempt in attempts if (started := when(attempt.run.started))), default=None)


def _affordable(mine: Sequence[Result], settings: Retrain) -> Check | None:
    """Return the check that stops another attempt where it could cost more than is left."""
    costs = [(one.run.cost.amount, _metric(one, TIMES, 1)) for one in mine if one.run.cost]
    if settings.budget is None or not costs:
        return None
    spent, dearest = sum(cost for cost, _ in costs), max(cost / times for cost, times in costs)
    if spent + dearest <= settings.budget:
        return None
    detail = f"One more may cost {dearest:,.2f}, as the dearest did: a person must look. `retrain.budget` is the cap."
    return _not("The budget is spent", "warn", f"{spent:,.2f}", f"{settings.budget:,.2f}", detail)


def _not(
    title: str, status: Status = "skip", observed: str | None = None, limit: str | None = None, detail: str = ""
) -> Check:
    return Check(id="plan", title=title, status=status, observed=observed, limit=limit, detail=detail or None)


def _same_reference(one: Result, drift: Result) -> bool:
    return one.source.data.get("reference") == drift.source.data.get("reference")


def _order(one: Result) -> tuple[float, str]:
    """Sort as windows follow each other; without a window of time or rows, as they were judged."""
    return _metric(one, "window_start", 0), one.run.started


def _metric(one: Result, name: str, default: float) -> float:
    found = one.metrics.get(name)
    return found.value if found else default


def when(text: str) -> datetime | None:
    """Return the time that a run says it started at, None where it says none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
