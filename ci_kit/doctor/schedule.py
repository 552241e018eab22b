"""History and schedule: that there is a baseline, that the drift check beats, and that GitHub does not end it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding, untold
from ci_kit.errors import CiKitError
from ci_kit.forge import watched
from ci_kit.parts import Check

IDLE, NEAR = timedelta(days=60), timedelta(days=45)
"""Without activity for so long GitHub disables the schedules of a public repository; from when on we say so."""


def schedule(context: Context) -> Iterator[Check]:
    """Yield a drift check without a schedule, one that has stopped, and a schedule that is about to be disabled."""
    if context.drifts and context.ours:
        yield from _present(context)
    yield from _recorded(context)
    yield from _heartbeat(context)
    yield from _idle(context)


def _present(context: Context) -> Iterator[Check]:
    watching = [one for one in context.ours if one.actions & {"drift", "watch"}]
    hint = "Copy workflow-templates/drift.yml into .github/workflows, or type: ci-kit init"
    what = "No schedule runs the drift check"
    if not watching:
        why = "`drift` is configured, and no workflow uses it: nobody is told when the model gets worse."
        yield finding("drift-schedule", what, why=why, hint=hint, status="warn")
    elif not any("schedule" in one.triggers for one in watching):
        why = f"{watching[0].path} has no `schedule`: the check runs only where somebody starts it."
        hint = 'Add: on: {schedule: [{cron: "17 4 * * *"}]}'
        yield finding("drift-schedule", what, why=why, hint=hint, status="warn", location=watching[0].at("on"))


def _recorded(context: Context) -> Iterator[Check]:
    """Yield a warning where the first pull request has nothing to be compared with, and so fails."""
    gated = context.configured("evaluate") and context.settings.evaluate.first_run == "fail"
    if gated and context.top and context.git.find("HEAD") and not watched.known(context.git):
        why = "The first pull request has no baseline, and a missing baseline fails."
        hint = f"Push to {context.settings.base}, or type there: ci-kit run check --first-run allow"
        yield finding("history", "Nothing is recorded yet", why=why, hint=hint, status="warn")


def _heartbeat(context: Context) -> Iterator[Check]:
    if not context.drifts or context.top is None:
        return
    try:
        from ci_kit.report.heartbeat import heartbeat

        check = heartbeat(context.job(), context.now)
    except (CiKitError, ModuleNotFoundError) as error:
        yield untold("heartbeat", "The history of the drift check was not looked at", str(error))
        return
    # Where none has run yet it may be about to; a schedule that is missing is a finding of its own.
    if check.status == "warn" and check.observed:
        yield check


def _idle(context: Context) -> Iterator[Check]:
    scheduled = [one for one in context.ours if "schedule" in one.triggers]
    newest = context.git.read("log", "-1", "--format=%ct") if context.top and scheduled else None
    age = context.now - datetime.fromtimestamp(int(newest), UTC) if newest else timedelta()
    if age >= NEAR:
        left = (IDLE - age).days
        why = (
            "GitHub disables the schedules of a public repository after 60 days without activity, and nothing says so."
        )
        hint = f"Push a commit, or type: gh workflow enable {scheduled[0].path.rpartition('/')[2]}"
        observed = f"the last commit is {age.days} days old" + (f", {left} days are left" if left > 0 else "")
        what, where = "The schedule may be disabled", scheduled[0].at("schedule")
        yield finding("schedule-idle", what, observed=observed, why=why, hint=hint, status="warn", location=where)
