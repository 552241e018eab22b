"""An attempt as the history keeps it: when, for which window, what came of it and what it cost."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from ci_kit.job import Job
from ci_kit.parts import Check, Cost, Metric, Status
from ci_kit.result import Findings, Result
from ci_kit.retrain.change import Change
from ci_kit.retrain.plan import TIMES, UNFINISHED, when
from ci_kit.retrain.scratch import STOPPED

TITLES = {"pass": "A retraining was made", "warn": "A retraining brought nothing new", "fail": "A retraining failed"}


def attempt(
    job: Job, change: Change, updated: Result | None, drift: Result, past: Sequence[Result], *, published: bool
) -> Result:
    """Return the attempt as a Result that is named by its window.

    The history has one file for a window: what earlier attempts for the same one took is added up in it. The same
    attempt again is returned as it was recorded, but for a change that could not be published then and is by now.
    """
    checks = (_check(change, updated, published=published),)
    before = next((one for one in past if one.name == change.window), None)
    if before and before.run.started == _started(job, change):
        return before if before.status == "pass" else before.model_copy(update={"checks": checks})
    times = before.metrics[TIMES].value if before and TIMES in before.metrics else 0.0
    metrics = {TIMES: Metric(value=times + 1), "seconds": Metric(value=change.seconds, unit="s")}
    if "window_start" in drift.metrics:
        metrics["window_start"] = drift.metrics["window_start"]
    data = {key: mark for key, mark in drift.source.data.items() if key in ("reference", "current")}
    cost = _sum(before.run.cost if before else None, change.cost)
    run = job.run.model_copy(update={"started": _started(job, change), "seconds": change.seconds, "cost": cost})
    return Findings(checks=checks, metrics=metrics, data=data).result("retrain", change.window, job.source, run)


def _check(change: Change, updated: Result | None, *, published: bool) -> Check:
    """Say what came of it; a change that nobody could see must not keep the next run from making it again."""
    if change.files and not published:
        return Check(id=UNFINISHED, title="A retraining could not be published", status="fail")
    if not change.files and (updated is None or any(STOPPED in (check.detail or "") for check in updated.checks)):
        return Check(id=UNFINISHED, title="A retraining was stopped", status="fail")
    ended: Status = "warn" if updated and updated.status == "warn" else "fail"
    status: Status = "pass" if change.files else ended
    observed = f"{len(change.files)} files" if change.files else None
    return Check(id="attempt", title=TITLES[status], status=status, observed=observed)


def _started(job: Job, change: Change) -> str:
    """Return when the attempt began; what can't be, would move the cool-down."""
    claimed = when(change.started)
    return change.started if claimed and claimed <= datetime.now(UTC) else job.run.started


def _sum(old: Cost | None, new: Cost | None) -> Cost | None:
    if old is None or new is None or old.currency != new.currency:
        return new or old
    return Cost(amount=min(old.amount + new.amount, sys.float_info.max), currency=new.currency)
