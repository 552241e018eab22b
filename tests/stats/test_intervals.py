import math
from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest

from ci_kit.stats import (
    Interval,
    mae,
    mcnemar,
    mean_interval,
    normal_quantile,
    paired,
    proportion,
    r2,
    rmse,
    t_quantile,
)


# Reference values of scipy 1.17, `stats.t.ppf` and `stats.binomtest`, which this package must not import.
@pytest.mark.parametrize(
    ("probability", "freedom", "t"),
    [
        (0.5, 3, 0.0),
        (0.6, 1, 0.3249197),
        (0.6, 29, 0.2556836),
        (0.6, 30, 0.2556054),
        (0.975, 1, 12.7062),
        (0.975, 2, 4.302653),
        (0.975, 10, 2.228139),
        (0.975, 30, 2.042272),
        (0.975, 100_000, 1.959988),
        (0.9875, 1, 25.4517),
        (0.9875, 29, 2.363846),
        (0.9875, 30, 2.359562),
        (0.0125, 2, -6.205347),
        (0.0125, 100_000, -2.241436),
    ],
)
def test_quantiles_of_student(probability: float, freedom: int, t: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(t, rel=5e-6, abs=1e-9)


def test_quantiles_of_the_normal_distribution() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("losses", "wins", "p"), [(0, 0, 1.0), (0, 9, 1.0), (5, 0, 1 / 32), (8, 2, 56 / 1024), (1, 1, 0.75), (2, 1, 0.5)]
)
def test_mcnemar_by_hand(losses: int, wins: int, p: float) -> None:
    assert mcnemar(losses, wins) == pytest.approx(p)


@pytest.mark.parametrize(
    ("losses", "wins", "p"),
    [(59, 6, 2.482325e-12), (121, 86, 0.008952807), (1000, 1100, 0.9862497), (50_300, 50_000, 0.1725578)],
)
def test_mcnemar_is_the_exact_binomial_tail(losses: int, wins: int, p: float) -> None:
    assert mcnemar(losses, wins) == pytest.approx(p, rel=1e-6)


def test_intervals_of_known_rows() -> None:
    half = 4.302653 / math.sqrt(3)
    for found in (mean_interval([1, 2, 3]), paired([2, 4, 6], [1, 2, 3]), mae([-1, 2, 3])):
        assert astuple(found) == pytest.approx((2, 2 - half, 2 + half))
    assert mean_interval([5]) == Interval(value=5, low=None, high=None)
    assert mean_interval([5, 5]) == Interval(value=5, low=5, high=5)
    assert rmse([0, 0]) == Interval(value=0, low=0, high=0)
    assert r2([0, 0], [1, 2]) == Interval(value=1, low=1, high=1)


@pytest.mark.parametrize(
    ("ones", "rows", "low", "high"), [(0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (5, 10, 0.2366, 0.7634)]
)
def test_proportions_have_wilsons_interval(ones: int, rows: int, low: float, high: float) -> None:
    found = proportion([1] * ones + [0] * (rows - ones))
    assert astuple(found) == pytest.approx((ones / rows, low, high), abs=1e-4)


@pytest.mark.parametrize("metric", ["rmse", "r2"])
def test_delta_intervals_agree_with_a_bootstrap(metric: str) -> None:
    random = np.random.default_rng(4)
    truth = random.normal(0, 3, 400)
    errors = random.normal(0, 1, 400)
    functions: dict[str, tuple[Interval, Callable[[np.ndarray], float]]] = {
        "rmse": (rmse(errors), lambda i: math.sqrt(np.mean(errors[i] ** 2))),
        "r2": (r2(errors, truth), lambda i: 1 - float(np.mean(errors[i] ** 2) / truth[i].var())),
    }
    found, resampled = functions[metric]
    draws = [resampled(random.integers(0, 400, 400)) for _ in range(3000)]
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(resampled(np.arange(400)))
    assert (found.high - found.low) / 3.92 == pytest.approx(np.std(draws), rel=0.1)
