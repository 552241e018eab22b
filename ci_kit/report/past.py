"""What is usual: the last values of each metric on the base branch, and what its steps took, from the history."""

from collections.abc import Mapping, Sequence
from statistics import median

from ci_kit import actions
from ci_kit.forge import history
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.render import numbers
from ci_kit.render.view import Usual
from ci_kit.result import Result

LAST = 12  # commits: as many small bars as fit beside a metric on a phone
LEAST = 3  # runs below which nothing is usual yet


def recent(job: Job, steps: Sequence[str]) -> dict[str, list[Result]]:
    """Return each step's Results of the newest commits of the base branch that have one, the oldest first."""
    git, start = Git(job.root), job.source.base_sha
    if start is None or not git.is_repository():
        return {step: [] for step in steps}
    return history.recent(git, start, steps, LAST, lambda said: job.say(actions.harmless(said)))


def past(results: list[Result]) -> dict[str, tuple[float, ...]]:
    """Return metric → values, the oldest first; a metric with one value only has no history yet."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    found = {name: tuple(one.metrics[name].value for one in results if name in one.metrics) for name in names}
    return {name: values for name, values in found.items() if len(values) > 1}


def usual(results: list[Result], now: Result) -> Usual | None:
    """Return the medians of what the step took, None of less than three runs; money in the currency of `now` alone."""
    if len(results) < LEAST:
        return None
    costs = [one.run.cost for one in results if one.run.cost]
    ours = [cost.amount for cost in costs if now.run.cost and cost.currency == now.run.cost.currency]
    return Usual(seconds=median(one.run.seconds for one in results), cost=median(ours) if len(ours) >= LEAST else None)


def budget(job: Job, results: Mapping[str, Result]) -> tuple[Check, ...]:
    """Judge what this change took by `report.budget`; nothing where none is configured."""
    allowed, found = job.config.report.budget, list[Check]()
    if allowed is None:
        return ()
    minutes = sum(result.run.seconds for result in results.values()) / 60
    if allowed.minutes is not None:
        seen, limit = numbers.duration(60 * minutes), numbers.duration(60 * allowed.minutes)
        found.append(_judged("minutes", "Time", seen, limit, allowed.exceeded, over=minutes > allowed.minutes))
    costs = [result.run.cost for result in results.values() if result.run.cost]
    if allowed.money is not None and costs:
        amount = sum(cost.amount for cost in costs)
        seen, limit = (numbers.money(one, costs[0].currency) for one in (amount, allowed.money))
        found.append(_judged("money", "Money", seen, limit, allowed.exceeded, over=amount > allowed.money))
    return tuple(found)


def _judged(word: str, noun: str, seen: str, limit: str, exceeded: str, *, over: bool) -> Check:
    status = ("fail" if exceeded == "fail" else "warn") if over else "pass"
    title = f"{noun} of this change" + (" is above its budget" if over else "")
    return Check(id=f"budget/{word}", title=title, status=status, observed=seen, limit=f"at most {limit}")
