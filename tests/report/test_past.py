"""What is usual on the base branch, and what was saved, from Results alone."""

import pytest

from ci_kit.parts import Check, Cost, Metric
from ci_kit.render.view import Took
from ci_kit.report.past import altogether, saved, usual
from ci_kit.result import Result
from tests.render.samples import result


def ran(step: str, seconds: float, *, sha: int = 0, gpu: float | None = None, cost: float | None = None) -> Result:
    metrics = {"gpu_time": Metric(value=gpu, unit="s")} if gpu is not None else {}
    one = result(step, metrics=metrics)
    price = Cost(amount=cost, currency="EUR") if cost is not None else None
    return one.model_copy(
        update={
            "run": one.run.model_copy(update={"seconds": seconds, "cost": price}),
            "source": one.source.model_copy(update={"sha": f"{sha:040x}"}),
        }
    )


def test_of_less_than_three_runs_nothing_is_usual() -> None:
    assert usual([ran("train", 1), ran("train", 2)], ran("train", 3)) is None
    assert altogether({}, [ran("train", 3)]) is None


def test_what_not_every_run_has_is_the_median_of_those_that_have_it() -> None:
    before = [ran("train", 10 * n, gpu=60 * n if n > 1 else None, cost=n if n > 2 else None) for n in range(1, 5)]
    assert usual(before, ran("train", 1, gpu=1, cost=1)) == Took(seconds=25, gpu=180)


def test_the_money_is_of_the_same_currency() -> None:
    before = [ran("train", 1, cost=cost) for cost in (1, 2, 4)]
    now = ran("train", 1, cost=9)
    assert usual(before, now) == Took(seconds=1, cost=Cost(amount=2, currency="EUR"))
    dollars = now.model_copy(update={"run": now.run.model_copy(update={"cost": Cost(amount=9, currency="USD")})})
    assert usual(before, dollars) == Took(seconds=1)


def test_a_training_is_compared_with_trainings() -> None:
    def skipped(one: Result) -> Result:
        return one.model_copy(update={"checks": (Check(id="command", title="Skipped", status="skip"),)})

    before = [ran("train", 600, sha=sha) for sha in range(3)] + [skipped(ran("train", 1, sha=sha)) for sha in (7, 8, 9)]
    assert usual(before, ran("train", 500)) == Took(seconds=600)
    assert usual(before, skipped(ran("train", 2))) == Took(seconds=1)
    assert usual(before[2:], ran("train", 500)) is None
    assert altogether({"train": before}, [ran("train", 500)]) == Took(seconds=600)
    assert altogether({"train": before[2:]}, [ran("train", 500)]) is None


def test_together_is_the_median_of_the_commits_and_not_the_sum_of_medians() -> None:
    validate = [ran("validate", seconds, sha=sha) for sha, seconds in enumerate((1, 10, 100))]
    train = [ran("train", seconds, sha=sha, gpu=seconds) for sha, seconds in enumerate((500, 60, 7))]
    before = {"validate": [*validate, ran("validate", 9999, sha=77)], "train": train}  # of one only a part is known
    assert altogether(before, [validate[0], train[0]]) == Took(seconds=107, gpu=60)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"prepare": 0, "train": 0}, 5 + 40),
        ({"prepare": 0, "train": 3}, 5),
        ({"prepare": 2, "train": 3}, None),
        ({"new": 0}, None),
        ({}, None),
    ],
)
def test_saved_is_what_a_stage_took_when_it_last_ran(now: dict[str, float], expected: float | None) -> None:
    def of(seconds: dict[str, float]) -> Result:
        return result("train", metrics={f"stage/{name}": Metric(value=one, unit="s") for name, one in seconds.items()})

    before = [of({"prepare": 4, "train": 50}), of({"prepare": 5, "train": 40}), of({"prepare": 0, "train": 0})]
    assert saved(before, of(now)) == expected
