import warnings
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.stats import Comparison, compare_levels, compare_numbers, compare_shares
from ci_kit.stats.quantiles import incomplete_gamma
from ci_kit.stats.twosample import kolmogorov

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)
NAN, INF = float("nan"), float("inf")


def values_from(data: bytes) -> np.ndarray:
    """Return up to 120 numbers with ties, infinities and NaN among them."""
    words = np.frombuffer(data, dtype=np.uint8).astype(np.float64) // 3 - 40
    words[words == -40], words[words == 40], words[words == 0] = -INF, INF, NAN
    return words


VALUES = st.binary(min_size=0, max_size=120).map(values_from)
LEVELS = st.dictionaries(st.sampled_from("abcdefghijklmnop"), st.integers(0, 40), max_size=16)


def by_hand(reference: np.ndarray, current: np.ndarray) -> float:
    """Return the greatest distance of the empirical distributions, value by value."""
    first, second = (values[~np.isnan(values)] for values in (reference, current))
    if not first.size or not second.size:
        return 0.0
    return max(abs(float((first <= x).mean() - (second <= x).mean())) for x in np.concatenate([first, second]))


@SETTINGS
@given(VALUES, VALUES)
def test_the_statistic_is_the_distance_of_the_distributions(reference: np.ndarray, current: np.ndarray) -> None:
    found = compare_numbers(reference, current)
    assert found.effect == pytest.approx(by_hand(reference, current), abs=1e-12)
    assert 0 <= found.p <= 1
    assert found == compare_numbers(reference[::-1], current[::-1])


# Reference values of scipy 1.17, `stats.kstwo.sf`.
@pytest.mark.parametrize(
    ("rows", "distance", "p"),
    [
        (500, 0.09, 5.6537582e-4),
        (50_000, 0.01, 9.0180488e-5),
        (50_000, 0.02, 8.3558787e-18),
        (50_000, 0.5, 0.0),
        (20, 0.4, 2.1189222e-3),
        (1000, 1.0, 0.0),
        (1000, 0.0, 1.0),
        (1000, 0.001, 1.0),
    ],
)
def test_the_p_value_of_a_distance(rows: int, distance: float, p: float) -> None:
    assert kolmogorov(rows, distance) == pytest.approx(p, rel=1e-5, abs=1e-300)


def test_the_p_value_of_what_chance_explains() -> None:
    assert kolmogorov(500, 0.03) == pytest.approx(0.74732, abs=5e-4)


@pytest.mark.parametrize(
    ("reference", "current", "effect", "p"),
    [
        ([], [1.0], 0, 1),
        ([NAN, NAN], [1.0, 2.0], 0, 1),
        ([1.0] * 40, [1.0] * 50, 0, 1),
        ([1], [2], 1, 1),
        ([INF] * 50, [-INF] * 50, 1, 0),
        ([True, False] * 30, [True, False] * 20, 0, 1),
        ([1.0] * 60 + [NAN] * 40, [1.0] * 60, 0, 1),
    ],
)
def test_numbers_at_their_limits(reference: list[float], current: list[float], effect: float, p: float) -> None:
    found = compare_numbers(reference, current)
    assert (found.test, found.effect, found.p) == ("ks", effect, p)


def test_a_shift_is_seen_and_none_is_not() -> None:
    random = np.random.default_rng(1)
    before, same = random.normal(size=2000), random.normal(size=3000)
    assert compare_numbers(before, same).p > 0.01
    moved = compare_numbers(before, same + 0.3)
    assert moved.p < 1e-9
    assert moved.effect == pytest.approx(0.12, abs=0.03)
    assert (moved.reference, moved.current) == (2000, 3000)


@pytest.mark.parametrize(
    ("reference", "current", "effect", "p"),
    [
        ({}, {}, 0, 1),
        ({"a": 5}, {}, 0, 1),
        ({"a": 50}, {"a": 70}, 0, 1),
        # by hand: chi-square 200 · (60·50 − 50·40)² / (110·90·100·100) = 2.0202, one degree of freedom
        ({"a": 60, "b": 40}, {"a": 50, "b": 50}, 0.1, 0.155218),
        ({"a": 100}, {"b": 100}, 1, 2.0884876e-45),
        # each level too rare to be compared: one pool, nothing to compare it with
        ({f"a{i}": 1 for i in range(99)}, {f"b{i}": 1 for i in range(99)}, 0, 1),
        # c and d (4 each, expected 4) are pooled to 8
        ({"a": 92, "c": 8}, {"a": 92, "d": 8}, 0, 1),
        # expected 5 times is often enough
        ({"a": 90, "c": 10}, {"a": 90, "d": 10}, 0.1, 4.539993e-5),
        # e alone is too rare (expected 1) and joins b
        ({"a": 60, "b": 38, "e": 2}, {"a": 50, "b": 50}, 0.1, 0.155218),
    ],
)
def test_levels_at_their_limits(reference: dict[str, int], current: dict[str, int], effect: float, p: float) -> None:
    found = compare_levels(reference, current)
    assert found.test == "chi2"
    assert found.effect == pytest.approx(effect)
    assert found.p == pytest.approx(p, rel=1e-4)


@pytest.mark.parametrize(
    ("reference", "current", "effect", "p"),
    [
        ((0, 0), (1, 10), 0, 1),
        ((0, 100), (0, 100), 0, 1),
        ((100, 100), (50, 50), 0, 1),
        # scipy 1.17, chi2_contingency(correction=True)
        ((10, 100), (25, 100), 0.15, 0.0091779),
        ((0, 1000), (3, 1000), 0.003, 0.2478581),
        ((0, 10_000_000), (10_000_000, 10_000_000), 1, 0),
    ],
)
def test_shares_at_their_limits(reference: tuple[int, int], current: tuple[int, int], effect: float, p: float) -> None:
    found = compare_shares(reference, current)
    assert found.effect == pytest.approx(effect)
    assert found.p == pytest.approx(p, rel=1e-5, abs=1e-300)


# Reference values of scipy 1.17, `special.gammaincc`.
@pytest.mark.parametrize(
    ("a", "x", "q"),
    [(0.5, 2.0, 0.04550026), (5, 1, 0.99634015), (5, 30, 3.6243010e-9), (500, 500, 0.4940529), (1, 0, 1)],
)
def test_the_tail_of_chi_square(a: float, x: float, q: float) -> None:
    assert incomplete_gamma(a, x) == pytest.approx(q, rel=1e-6)


def scipys(test: str, *arguments: Any, **options: Any) -> Any:
    """Call a function of scipy.stats, whose import alone takes longer than the unit tests of this folder."""
    return getattr(import_module("scipy.stats"), test)(*arguments, **options)


@pytest.mark.e2e
@settings(SETTINGS, max_examples=300)
@given(VALUES, VALUES)
def test_numbers_are_compared_as_scipy_does(reference: np.ndarray, current: np.ndarray) -> None:
    first, second = (values[~np.isnan(values)] for values in (reference, current))
    if round(first.size * second.size / max(first.size + second.size, 1)) < 1:
        return
    found, expected = compare_numbers(reference, current), scipys("ks_2samp", first, second, method="asymp")
    assert found.effect == pytest.approx(expected.statistic, abs=1e-12)
    rows = first.size * second.size / (first.size + second.size)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-4, abs=0.0 if expected.pvalue < 0.02 else 0.2 / rows)


@pytest.mark.e2e
@settings(SETTINGS, max_examples=300)
@given(LEVELS, LEVELS)
def test_levels_are_compared_as_scipy_does(reference: dict[str, int], current: dict[str, int]) -> None:
    sides = sum(reference.values()), sum(current.values())
    if not all(sides):
        return
    smaller = min(sides) / sum(sides)
    pairs = [(reference.get(level, 0), current.get(level, 0)) for level in {**reference, **current}]
    kept = sorted(pair for pair in pairs if sum(pair) * smaller >= 5)
    rare = [sum(pair[side] for pair in pairs if sum(pair) * smaller < 5) for side in (0, 1)]
    if sum(rare) * smaller >= 5 or not kept:
        kept.append((rare[0], rare[1]))
    elif sum(rare):
        least = min(range(len(kept)), key=lambda one: sum(kept[one]))
        found = compare_levels(reference, current)
        # Which of two equally rare levels takes the rest is not settled.
        if [sum(pair) for pair in kept].count(sum(kept[least])) > 1:
            return
        kept[least] = (kept[least][0] + rare[0], kept[least][1] + rare[1])
    found = compare_levels(reference, current)
    if len(kept) < 2:
        assert (found.p, found.effect) == (1.0, 0.0)
        return
    expected = scipys("chi2_contingency", np.array(kept), correction=False)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-8)
    assert found.effect == pytest.approx(sum(abs(a / sides[0] - b / sides[1]) for a, b in kept) / 2)


@pytest.mark.e2e
@settings(SETTINGS, max_examples=300)
@given(st.integers(1, 200), st.integers(1, 200), st.floats(0, 1), st.floats(0, 1))
def test_shares_are_compared_as_scipy_does(n: int, m: int, first: float, second: float) -> None:
    a, b = round(n * first), round(m * second)
    found: Comparison = compare_shares((a, n), (b, m))
    if 0 < a + b < n + m:
        expected = scipys("chi2_contingency", np.array([[a, b], [n - a, m - b]]), correction=True)
        assert found.p == pytest.approx(expected.pvalue, rel=1e-8)
    assert found.effect == pytest.approx(abs(a / n - b / m))


def test_nothing_warns_about_values_that_no_test_can_use() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for values in ([NAN], [INF, -INF], [0.0], []):
            compare_numbers(values, [INF, NAN, 1e308])
