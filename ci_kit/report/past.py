"""What is usual: the last values of each metric on the base branch, and what its steps took, from the history."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from ci_kit import actions
from ci_kit.forge import history
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, Cost
from ci_kit.render import numbers
from ci_kit.render.took import STAGE, took
from ci_kit.render.view import Took
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


def usual(results: Sequence[Result], now: Result) -> Took | None:
    """Return the medians of what the step took, None of less than three runs; money in the currency of `now` alone.

    What not every run has (the time of GPUs, money, pulled bytes) is the median of those that have it. A training is
    compared with trainings, one that was not needed with others that were not.
    """
    return _middle([took([one]) for one in results if _kind(one) == _kind(now)], took([now]))


def altogether(before: Mapping[str, Sequence[Result]], results: Iterable[Result]) -> Took | None:
    """Return the same of all these steps together, by the commits that have a Result of each."""
    now = list(results)
    kinds, runs = {one.step: _kind(one) for one in now}, dict[str, list[Result]]()
    for one in (one for found in before.values() for one in found if one.source.sha):
        if _kind(one) == kinds.get(one.step):
            runs.setdefault(str(one.source.sha), []).append(one)
    return _middle([took(run) for run in runs.values() if len(run) == len(before)], took(now))


def _kind(result: Result) -> str:
    """Return what became of the command: it ran, was restored, or was not needed."""
    return next((check.title for check in result.checks if check.id == "command"), "")


def _middle(before: Sequence[Took], now: Took) -> Took | None:
    if len(before) < LEAST:
        return None

    def middle(values: Iterable[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return median(known) if len(known) >= LEAST else None

    currency = now.cost.currency if now.cost else None
    money = middle(one.cost.amount for one in before if one.cost and one.cost.currency == currency)
    return Took(
        seconds=median(one.seconds for one in before),
        gpu=middle(one.gpu for one in before),
        cost=Cost(amount=money, currency=currency) if currency and money is not None else None,
        pulled=middle(one.pulled for one in before),
    )


def saved(results: Sequence[Result], now: Result) -> float | None:
    """Return the seconds that stages took when they last ran which were not run again; None where that is not known."""
    seconds = (_last(results, name) for name, one in now.metrics.items() if name.startswith(STAGE) and not one.value)
    return sum(seconds) or None


def _last(results: Sequence[Result], name: str) -> float:
    values = (one.metrics[name].value for one in reversed(results) if name in one.metrics)
    return next((value for value in values if value > 0), 0.0)


def budget(job: Job, results: Mapping[str, Result]) -> tuple[Check, ...]:
    """Judge what this change took by `report.budget`; nothing where none is configured."""
    allowed, found = job.config.report.budget, list[Check]()
    if allowed is None:
        return ()
    all_of_it = took(results.values())
    minutes = all_of_it.seconds / 60
    if allowed.minutes is not None:
        seen, limit = numbers.duration(60 * minutes), numbers.duration(60 * allowed.minutes)
        found.append(_judged("minutes", "Time", seen, limit, allowed.exceeded, over=minutes > allowed.minutes))
    if allowed.gpu_minutes is not None:
        found.append(_gpu(job, all_of_it.gpu, 60 * allowed.gpu_minutes, allowed.exceeded))
    costs = [result.run.cost for result in results.values() if result.run.cost]
    if allowed.money is not None and costs:
        amount = sum(cost.amount for cost in costs)
        seen, limit = (numbers.money(one, costs[0].currency) for one in (amount, allowed.money))
        found.append(_judged("money", "Money", seen, limit, allowed.exceeded, over=amount > allowed.money))
    return tuple(found)


def _gpu(job: Job, seconds: float | None, limit: float, exceeded: str) -> Check:
    if job.config.train.launcher == "ray":
        why = "When a Ray cluster gives its GPUs to the training is not known here."
        return Check(id="budget/gpu-minutes", title="GPU time of this change", status="skip", detail=why)
    seen, most = numbers.duration(seconds or 0), numbers.duration(limit)
    return _judged("gpu-minutes", "GPU time", seen, most, exceeded, over=(seconds or 0) > limit)


def _judged(word: str, noun: str, seen: str, limit: str, exceeded: str, *, over: bool) -> Check:
    status = ("fail" if exceeded == "fail" else "warn") if over else "pass"
    title = f"{noun} of this change" + (" is above its budget" if over else "")
    return Check(id=f"budget/{word}", title=title, status=status, observed=seen, limit=f"at most {limit}")
