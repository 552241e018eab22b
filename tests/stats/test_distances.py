import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.stats import jensen_shannon, psi, wasserstein
from ci_kit.stats.distances import FLOOR

SETTINGS = settings(max_examples=200, deadline=None, derandomize=True)
FEW = settings(SETTINGS, max_examples=30)
NAN, INF = float("nan"), float("inf")
VALUES = st.binary(min_size=1, max_size=100).map(lambda data: np.frombuffer(data, dtype=np.int8).astype(float))
LEVELS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 50), min_size=1)


@pytest.mark.parametrize(
    ("reference", "current", "distance"),
    [
        ([0, 1, 3], [5, 6, 8], 5),
        ([1], [1, 1], 0),
        ([0, NAN], [0, 1], 0.5),
        ([0, INF], [2, INF], 1),
        ([0, INF], [0, 1], INF),
        ([-INF, 0], [0, 0], INF),
        ([], [1], NAN),
        ([NAN], [1], NAN),
    ],
)
def test_wasserstein_by_hand(reference: list[float], current: list[float], distance: float) -> None:
    assert wasserstein(reference, current) == pytest.approx(distance, nan_ok=True)


@pytest.mark.parametrize(
    ("reference", "current", "index"),
    [
        (list(range(100)), list(range(100)), 0),
        # half of the mass in each of two bins against 0.8 and 0.2
        ([0] * 5 + [1] * 5, [0] * 8 + [1] * 2, 0.3 * math.log(1.6) - 0.3 * math.log(0.4)),
        ([1] * 10, [2] * 10, 2 * (1 - FLOOR) * math.log(1 / FLOOR)),
        ([1, INF], [1, INF, NAN], 0),
        ([], [1], NAN),
        ([1], [NAN], NAN),
    ],
)
def test_population_stability_by_hand(reference: list[float], current: list[float], index: float) -> None:
    assert psi(reference, current) == pytest.approx(index, nan_ok=True, abs=1e-12)


def test_the_bins_of_population_stability_hold_a_tenth_of_the_reference_each() -> None:
    values = np.random.default_rng(1).lognormal(sigma=2, size=1000)
    moved = np.sort(values)[100:]  # the first of ten bins is empty now
    ninth = 1 / 9
    expected = (FLOOR - 0.1) * math.log(FLOOR / 0.1) + 9 * (ninth - 0.1) * math.log(ninth / 0.1)
    assert psi(values, moved) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reference", "current", "distance"),
    [
        ({"a": 1}, {"a": 9}, 0),
        ({"a": 1}, {"b": 9}, 1),
        # the middle is (3/4, 1/4)
        (
            {"a": 1, "b": 1},
            {"a": 5},
            math.sqrt((0.5 * math.log2(2 / 3) + 0.5 * math.log2(2) + math.log2(4 / 3)) / 2),
        ),
        ({}, {"a": 1}, NAN),
        ({"a": 0}, {"a": 1}, NAN),
    ],
)
def test_jensen_shannon_by_hand(reference: dict[str, int], current: dict[str, int], distance: float) -> None:
    assert jensen_shannon(reference, current) == pytest.approx(distance, nan_ok=True, abs=1e-12)


@pytest.mark.e2e
@SETTINGS
@given(VALUES, VALUES)
def test_wasserstein_is_scipys(reference: np.ndarray, current: np.ndarray) -> None:
    from scipy import stats

    expected = stats.wasserstein_distance(reference, current)
    assert wasserstein(reference, current) == pytest.approx(expected, abs=1e-9)


@pytest.mark.e2e
@SETTINGS
@given(LEVELS, LEVELS)
def test_jensen_shannon_is_scipys(reference: dict[str, int], current: dict[str, int]) -> None:
    from scipy.spatial import distance

    if sum(reference.values()) and sum(current.values()):
        names = sorted({**reference, **current})
        sides = [[counts.get(name, 0) for name in names] for counts in (reference, current)]
        expected = distance.jensenshannon(*sides, base=2)
        # scipy takes the root of a rounding error that may be a hair below zero
        assert jensen_shannon(reference, current) == pytest.approx(np.nan_to_num(expected), abs=1e-6)


@FEW
@given(VALUES, VALUES)
def test_population_stability_is_the_published_sum(reference: np.ndarray, current: np.ndarray) -> None:
    ordered = np.sort(reference)
    edges = sorted({float(ordered[math.ceil(ordered.size * k / 10 - 1e-9) - 1]) for k in range(1, 10)})
    total = 0.0
    for low, high in zip([-INF, *edges], [*edges, INF], strict=True):
        r, c = (max(float(((side > low) & (side <= high)).mean()), FLOOR) for side in (reference, current))
        total += (c - r) * math.log(c / r)
    assert psi(reference, current) == pytest.approx(total, abs=1e-9)
