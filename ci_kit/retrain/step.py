"""Retrain where drift persisted: `update` runs the user's code, `publish` holds the token, `run` does both.

Each part is imported when it is asked for: where `publish` runs, what `update` needs is not installed.
"""

from ci_kit import actions
from ci_kit.errors import Cancelled, CiKitError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Findings
from ci_kit.retrain.evidence import judged
from ci_kit.retrain.scratch import interrupted


def run(job: Job) -> Findings:
    """Update where a retraining is due, then publish; what went wrong in the update is raised when all is recorded.

    Where nothing could be published, nothing is updated either.
    """
    from ci_kit.retrain.publish import skipped, untrusted

    interrupted(Git(job.root))
    if reason := untrusted(job, actions.event(), judged(job)):
        return skipped(job, reason)
    try:
        updated = _update(job)
    except Cancelled:
        raise
    except CiKitError as error:
        publish(job, Findings(checks=(Check(id="error", title="No update", status="fail", detail=str(error)),)))
        raise
    published = publish(job, updated)
    return Findings(checks=(*updated.checks, *published.checks), metrics=updated.metrics, cost=updated.cost)


def update(job: Job) -> Findings:
    """Bring the new data, train and compare, and say how that ended; see `ci_kit.retrain.update`."""
    from ci_kit.retrain.told import ended, tell

    found = _update(job)
    tell(job, ended(found.checks[-1]))
    return found


def _update(job: Job) -> Findings:
    from ci_kit.retrain.update import update

    return update(job)


def publish(job: Job, updated: Findings | None = None) -> Findings:
    """Record what was seen and keep the pull request; see `ci_kit.retrain.publish`."""
    from ci_kit.retrain.publish import publish

    return publish(job, updated)
