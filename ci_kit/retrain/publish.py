"""Publish: keep in the history what drift checks saw and what was tried, and keep the pull request that it calls for.

Runs nothing and imports nothing of the workspace; all that other jobs left there is taken for hostile data.
"""

from collections.abc import Callable
from functools import partial

from ci_kit import actions
from ci_kit.errors import CiKitError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.progress import busy
from ci_kit.result import Findings, Result
from ci_kit.retrain.change import Change, load
from ci_kit.retrain.evidence import beside, broken, judged, window
from ci_kit.retrain.pull import Publisher
from ci_kit.retrain.scratch import mine
from ci_kit.retrain.told import ended, summary, tell

TRUSTED = ("schedule", "workflow_dispatch")


def publish(job: Job, updated: Findings | None = None) -> Findings:
    """Return the checks `record` and `publish`; `updated` is what the update found, default: its Result beside.

    Raises UserError where there is no drift check of this commit; what the forge refuses is a failed check.
    """
    event, drift = actions.event(), judged(job)
    # An update that belongs to this run came after the same question, and may have left a file that it should not.
    if not updated and (reason := untrusted(job, event, drift)):
        return skipped(job, reason)
    change, checks = _change(job, drift)
    result = updated.result("retrain", "update", job.source, job.run) if updated else beside(job, "retrain", "update")
    busy("publishing")
    publisher = Publisher(job, event, drift, change, result)
    # First the pull request: an attempt that the history has, but nobody can see, would keep the next one away.
    acted = _guarded("publish", "Keep the pull request", publisher.act)
    record = partial(publisher.record, published=acted.status != "fail")
    checks += [_guarded("record", "Keep what was seen and done as history", record), acted]
    all_checks = (*(result.checks if result else ()), *checks)
    evidence = "" if publisher.url else publisher.body
    actions.summary(actions.redact(summary(job.config.drift.monitor, all_checks, publisher.url, evidence)))
    tell(job, ended(acted))
    return Findings(checks=tuple(checks))


def skipped(job: Job, reason: str) -> Findings:
    """Return the findings of a run that must not write, and say why in the log."""
    tell(job, f"Nothing is published. {reason}")
    return Findings(checks=(Check(id="publish", title="Nothing is published", status="skip", detail=reason),))


def untrusted(job: Job, event: actions.Event, drift: Result) -> str:
    """Say why this run must not write, empty where it may: only what the base branch holds has a history."""
    base = job.config.base
    if event.name in TRUSTED:
        # A schedule's payload names no default branch, and it runs on no other.
        if event.ref == f"refs/heads/{base}" and event.default_branch in (None, base):
            return ""
        return f"This run is on {event.ref or 'no branch'}, not on {base}, the base branch of ci-kit.yaml."
    if event.name != "local":
        return f"An event {event.name} publishes no retraining: only a schedule, or a dispatch on {base}, does."
    git = Git(job.root)
    if git.branch() != base:
        return f"{git.branch() or 'a commit'} is checked out, not {base}, the base branch of ci-kit.yaml."
    if changed := mine(git):
        return f"The work tree has changes: {changed}. Commit or remove them, then type: ci-kit run watch"
    return "The drift check saw changes that are gone by now. Type: ci-kit run watch" if drift.source.dirty else ""


def _change(job: Job, drift: Result) -> tuple[Change | None, list[Check]]:
    """Return the change that belongs to this drift check, or a failed check where what lies there does not."""
    if broken(drift) or drift.status != "fail":
        return None, []
    try:
        change = load(job.folder)
        mine = (job.source.sha, window(drift), job.config.drift.monitor) if change else None
        if change and (change.base, change.window, change.monitor) != mine:
            return None, [_refused("It was made for another commit, window or monitor.")]
    except CiKitError as error:
        return None, [_refused(str(error))]
    return change, []


def _refused(detail: str) -> Check:
    return Check(id="change", title="The change of the update is refused", status="fail", detail=detail)


def _guarded(name: str, title: str, act: Callable[[], Check]) -> Check:
    """Turn what the forge refuses, or does not answer, into one line: the evidence must not be lost with it."""
    try:
        return act()
    except CiKitError as error:
        detail = f"{error} The evidence is in the job summary and in .ci-kit; to publish it: ci-kit retrain --publish"
        return Check(id=name, title=f"Failed: {title}", status="fail", detail=actions.redact(detail))
