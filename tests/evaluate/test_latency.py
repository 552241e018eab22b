from typing import Any

import numpy as np
import polars as pl
import pytest

from ci_kit.evaluate import latency
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model


class Clock:
    """A clock that only the models move."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def model(self, seconds: float, quiet: range = range(10)) -> Model:
        """Return a model that takes so long, and ten times that in the calls that are not quiet of each ten."""
        calls = iter(range(100_000))

        def answer(frame: Any) -> np.ndarray:
            self.now += seconds * (1 if next(calls) % 10 in quiet else 10)
            return np.zeros(len(frame))

        return Model(name="m", task="regression", features=("x",), answer=answer)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(latency, "time", found)
    return found


DATA = Dataset(
    name="d", frame=pl.DataFrame({"x": [1.0]}), truth=np.zeros(1), features=("x",), target="t", task="regression"
)


def test_a_busy_machine_does_not_tell_equal_models_apart(clock: Clock) -> None:
    """The candidate is disturbed in 60 % of its calls and the baseline in 30 %, as chance may have it."""
    found = latency.measure(clock.model(1e-3, range(4)), clock.model(1e-3, range(7)), DATA)
    assert [found.candidate, found.baseline] == pytest.approx([1e-3, 1e-3])
    assert found.change is not None
    assert found.change.value == pytest.approx(0, abs=1e-9)


def test_the_change_is_in_seconds_and_wider_than_what_equal_models_show(clock: Clock) -> None:
    found = latency.measure(clock.model(3e-3), clock.model(2e-3), DATA).change
    assert found is not None
    assert [found.value, found.low, found.high] == pytest.approx([1e-3, 0.94e-3, 1.06e-3])


def test_a_slow_model_is_timed_a_few_times_and_one_alone_is_not_compared(clock: Clock) -> None:
    found = latency.measure(clock.model(2.0), None, DATA)
    assert [found.rounds, found.candidate] == pytest.approx([latency.LEAST, 2.0])
    assert (found.baseline, found.ratio, found.change) == (None, None, None)
