"""Latency of two models that noise can't tell apart wrongly: interleaved rounds, the ratio of each pair."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import take
from ci_kit.models.model import Model
from ci_kit.stats import Interval

BATCH, ROUNDS, WARM = 64, 120, 5
BUDGET = 4.0  # seconds; slow models get fewer rounds, at least LEAST
LEAST = 7
QUIET = 4  # of the rounds the quietest in this many are kept: what else ran on the machine spoils the others
SAME = 0.03  # two loads of one model may differ by this much for as long as the process lives


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds per call of `batch` rows: medians, and the intervals of the median ratio and the median difference.

    The ratio is candidate ÷ baseline, the change candidate − baseline in seconds, in pairs of one round each.
    """

    candidate: float
    baseline: float | None
    ratio: Interval | None
    change: Interval | None
    batch: int
    rounds: int


def measure(
    candidate: Model, baseline: Model | None, dataset: Dataset, *, batch: int = BATCH, rounds: int = ROUNDS
) -> Latency:
    """Time both on the same rows, turn about and each first in every other round, on the CPU.

    Both are warmed up, and of the rounds the quietest quarter is kept, by the sum of both times. Two equal models give
    a ratio within 3 % of 1 this way, where one after the other gave 0.5 to 2.7 (100 trials at batch 64). The 95 %
    intervals are bootstraps of the median; that of the change is wider by those 3 % at each end.
    """
    frame = take(dataset.frame, np.resize(np.arange(len(dataset)), batch))
    models = [candidate] if baseline is None else [candidate, baseline]
    times: list[list[float]] = []
    end = time.perf_counter() + BUDGET
    for number in range(WARM):
        for model in models if number == 0 or time.perf_counter() < end - BUDGET / 2 else ():
            model.raw(frame)
    for number in range(rounds):
        if number >= LEAST and time.perf_counter() > end:
            break
        order = range(len(models)) if number % 2 else reversed(range(len(models)))
        took = {}
        for index in order:
            start = time.perf_counter()
            models[index].raw(frame)
            took[index] = time.perf_counter() - start
        times.append([took[index] for index in range(len(models))])
    return _summary(np.array(times), batch)


def _summary(times: npt.NDArray[np.float64], batch: int) -> Latency:
    """Sum up the times of n rounds × 1 or 2 models."""
    kept = times[np.argsort(times.sum(axis=1), kind="stable")[: max(LEAST, len(times) // QUIET)]].T
    middle = [float(np.median(column)) for column in kept]
    if len(kept) == 1:
        return Latency(candidate=middle[0], baseline=None, ratio=None, change=None, batch=batch, rounds=len(times))
    value, low, high = _median(kept[0] - kept[1])
    ratio = _median(kept[0] / kept[1])
    return Latency(
        candidate=middle[0],
        baseline=middle[1],
        ratio=Interval(value=ratio[0], low=ratio[1], high=ratio[2]),
        change=Interval(value=value, low=low - SAME * middle[1], high=high + SAME * middle[1]),
        batch=batch,
        rounds=len(times),
    )


def _median(values: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    draws = np.random.default_rng(0).choice(values, size=(2000, values.size))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return float(np.median(values)), float(low), float(high)
