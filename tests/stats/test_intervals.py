import math
from collections.abc import Callable
from dataclasses import astuple

import numpy as np
import pytest
from scipy import stats as reference  # type: ignore[import-untyped]

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


@pytest.mark.parametrize("freedom", [1, 2, 3, 10, 29, 30, 31, 200, 100_000])
@pytest.mark.parametrize("probability", [0.0125, 0.3, 0.5, 0.6, 0.975, 0.9875])
def test_quantiles_of_student(probability: float, freedom: int) -> None:
    expected = reference.t.ppf(probability, freedom)
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_quantiles_of_the_normal_distribution() -> None:
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("losses", "wins", "p"), [(0, 0, 1.0), (0, 9, 1.0), (5, 0, 1 / 32), (8, 2, 56 / 1024), (1, 1, 0.75), (2, 1, 0.5)]
)
def test_mcnemar_by_hand(losses: int, wins: int, p: float) -> None:
    assert mcnemar(losses, wins) == pytest.approx(p)


@pytest.mark.parametrize(("losses", "wins"), [(59, 6), (121, 86), (1000, 1100), (50_300, 50_000), (10, 4000)])
def test_mcnemar_is_the_exact_binomial_tail(losses: int, wins: int) -> None:
    expected = reference.binomtest(losses, losses + wins, alternative="greater").pvalue
    assert mcnemar(losses, wins) == pytest.approx(expected, rel=1e-6)


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
