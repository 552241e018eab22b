from collections.abc import Callable

import numpy as np
import pytest

from ci_kit.stats import FALSE_DROPS, Moments, Verdict, drop_accuracy, drop_error

Judge = Callable[[np.random.Generator, float, float, tuple[int, int]], Verdict]


def share(right: int, rows: int) -> Moments:
    return Moments(mean=right / rows, variance=0.0, rows=rows)


@pytest.mark.parametrize(
    ("reference", "current", "outcome"),
    [
        (share(900, 1000), share(900, 1000), "unsure"),
        (share(9000, 10_000), share(9000, 10_000), "pass"),
        (share(9000, 10_000), share(8300, 10_000), "fail"),
        (share(9000, 10_000), share(8850, 10_000), "unsure"),
        (share(900, 1000), share(990, 1000), "pass"),
        # all wrong: six rows are never enough, and neither is a reference of six
        (share(1000, 1000), share(0, 6), "unsure"),
        (share(6, 6), share(0, 1000), "unsure"),
        (share(1000, 1000), share(0, 7), "fail"),
        (share(1000, 1000), share(1000, 1000), "pass"),
        (share(0, 1000), share(0, 1000), "pass"),
    ],
)
def test_accuracy_falls_where_that_is_sure(reference: Moments, current: Moments, outcome: str) -> None:
    assert drop_accuracy(reference, current, margin=0.02).outcome == outcome


def test_the_interval_of_a_change_of_accuracy_is_newcombes() -> None:
    # Newcombe (1998), table II, example (a), method 10: 56/70 − 48/80 is 0.0524 to 0.3339
    verdict = drop_accuracy(share(48, 80), share(56, 70), margin=0.0)
    assert verdict.change.value == pytest.approx(0.2)
    assert verdict.change.low == pytest.approx(0.0524, abs=5e-5)
    assert verdict.change.high == pytest.approx(0.3339, abs=5e-5)


@pytest.mark.parametrize(
    ("rise", "rows", "outcome"), [(1.0, 20_000, "pass"), (1.5, 2000, "fail"), (1.0, 100, "unsure"), (9.0, 6, "unsure")]
)
def test_errors_rise_where_that_is_sure(rise: float, rows: int, outcome: str) -> None:
    random = np.random.default_rng(2)
    reference, current = random.exponential(1, 20_000), random.exponential(rise, rows)
    assert drop_error(Moments.of(reference), Moments.of(current), relative_margin=0.1).outcome == outcome


def test_the_interval_of_a_change_of_errors_is_welchs() -> None:
    # scipy 1.17: ttest_ind([3, 4, 5, 8], [1, 2, 2, 3, 1], equal_var=False).confidence_interval(0.95), 3.6 degrees
    # of freedom; three of them here, so a little wider
    verdict = drop_error(Moments.of([1, 2, 2, 3, 1]), Moments.of([3, 4, 5, 8]), relative_margin=0.0)
    assert verdict.change.value == pytest.approx(3.2)
    assert verdict.change.low == pytest.approx(3.2 - 3.182446 * 1.143095, abs=1e-4)
    assert verdict.relative is not None
    assert verdict.relative.value == pytest.approx(5 / 1.8 - 1)


@pytest.mark.parametrize("rows", [1, 2, 50])
def test_without_any_noise_nothing_fell(rows: int) -> None:
    same = Moments.of([2.0] * rows)
    verdict = drop_error(same, same, relative_margin=0.0)
    assert verdict.outcome == ("pass" if rows >= 7 else "unsure")
    assert verdict.change.value == 0


def test_a_fall_by_the_margin_is_not_decided_by_the_last_bit() -> None:
    assert drop_error(Moments.of([0.1] * 50), Moments.of([0.11] * 50), relative_margin=0.1).outcome == "pass"


def accuracies(random: np.random.Generator, before: float, after: float, rows: tuple[int, int]) -> Verdict:
    right = random.binomial(rows[0], before), random.binomial(rows[1], after)
    return drop_accuracy(share(right[0], rows[0]), share(right[1], rows[1]), margin=0.02)


def errors(random: np.random.Generator, before: float, after: float, rows: tuple[int, int]) -> Verdict:
    samples = (random.exponential(level, count) for level, count in zip((before, after), rows, strict=True))
    reference, current = (Moments.of(sample) for sample in samples)
    return drop_error(reference, current, relative_margin=0.02)


@pytest.mark.parametrize(
    ("judge", "before", "after", "rows"),
    [(accuracies, 0.9, 0.8, (1000, 300)), (accuracies, 0.99, 0.91, (300, 300)), (errors, 1.0, 1.4, (1000, 300))],
)
def test_what_did_not_fall_fails_in_one_window_of_a_hundred(
    judge: Judge, before: float, after: float, rows: tuple[int, int]
) -> None:
    random = np.random.default_rng(3)
    equal = [judge(random, before, before, rows).outcome for _ in range(400)]
    worse = [judge(random, before, after, rows).outcome for _ in range(200)]
    assert equal.count("fail") <= 400 * FALSE_DROPS
    assert worse.count("fail") >= 0.75 * 200
    assert worse.count("pass") <= 2


def test_unsure_says_how_much_the_rows_show_and_how_many_it_takes() -> None:
    few = drop_accuracy(share(9000, 10_000), share(90, 100), margin=0.02)
    assert few.detectable == pytest.approx(0.02 + (2.3263 + 0.8416) * 0.03, abs=0.005)
    assert few.rows_needed is not None
    enough = drop_accuracy(share(9000, 10_000), share(round(few.rows_needed * 0.9), few.rows_needed), margin=0.02)
    assert enough.outcome == "pass"
    # the reference alone is too noisy, whatever the current data
    assert drop_accuracy(share(90, 100), share(900_000, 1_000_000), margin=0.02).rows_needed is None


def test_the_noise_of_the_reference_grows_with_the_margin() -> None:
    reference, current = Moments(mean=1, variance=1, rows=100), Moments(mean=1, variance=0, rows=10_000)
    verdict = drop_error(reference, current, relative_margin=0.5)
    assert verdict.detectable == pytest.approx(0.5 + (2.3263 + 0.8416) * 1.5 * 0.1, rel=1e-3)
    # 0.35 above what is allowed is 2.33 standard errors, and 3.5 of those that leave the margin out
    assert drop_error(reference, Moments(mean=1.85, variance=0, rows=10_000), relative_margin=0.5).outcome == "unsure"
    assert drop_error(reference, Moments(mean=1.9, variance=0, rows=10_000), relative_margin=0.5).outcome == "fail"
