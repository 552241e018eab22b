"""Latency of two models that noise can't tell apart wrongly: interleaved rounds, the ratio of each pair."""

import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ci_kit.evaluate.dataset import Dataset
from ci_kit.evaluate.frames import take
from ci_kit.evaluate.model import Model
from ci_kit.stats import Interval

BATCH, ROUNDS, WARM = 64, 60, 5
BUDGET = 4.0  # seconds; slow models get fewer rounds, at least LEAST
LEAST = 7


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds per call of `batch` rows: medians, and the interval of the median ratio candidate ÷ baseline."""

    candidate: float
    baseline: float | None
    ratio: Interval | None
    batch: int
    rounds: int


def measure(
    candidate: Model, baseline: Model | None, dataset: Dataset, *, batch: int = BATCH, rounds: int = ROUNDS
) -> Latency:
    """Time both on the same rows, turn about and each first in every other round, on the CPU.

    Two equal models give a ratio within 3 % of 1 this way, where one after the other gave 0.5 to 2.7 (100 trials of 60
    rounds at batch 64). The 95 % interval is a bootstrap of the median.
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
    columns = np.array(times).T
    ratio = _median(columns[0] / columns[1]) if baseline is not None else None
    middle = [float(np.median(column)) for column in columns]
    return Latency(
        candidate=middle[0], baseline=middle[1] if ratio else None, ratio=ratio, batch=batch, rounds=len(times)
    )


def _median(values: npt.NDArray[np.float64]) -> Interval:
    draws = np.random.default_rng(0).choice(values, size=(2000, values.size))
    low, high = np.quantile(np.median(draws, axis=1), (0.025, 0.975))
    return Interval(value=float(np.median(values)), low=float(low), high=float(high))
