"""The last values of each metric on the base branch, from the history."""

from ci_kit import actions
from ci_kit.forge import history
from ci_kit.forge.git import Git
from ci_kit.job import Job

LAST = 12  # commits: as many small bars as fit beside a metric on a phone


def past(job: Job) -> dict[str, tuple[float, ...]]:
    """Return metric → values of the newest commits of the base branch that were judged, the oldest first.

    A metric with one value only has no history yet.
    """
    git, start = Git(job.root), job.source.base_sha
    if start is None or not git.is_repository():
        return {}
    results = history.recent(git, start, "evaluate", LAST, lambda said: job.say(actions.harmless(said)))
    names = dict.fromkeys(name for result in results for name in result.metrics)
    found = {name: tuple(one.metrics[name].value for one in results if name in one.metrics) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}
