"""Many groups at once, against the same numbers one group at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ci_kit.stats import grouped, mcnemar, mean_interval
from ci_kit.stats.grouped import PRIOR


def test_each_group_is_as_by_itself() -> None:
    rng = np.random.default_rng(0)
    values, codes = rng.normal(0.1, 1, 400), rng.integers(0, 5, 400)
    for index, group in enumerate(grouped(values, codes, 5)):
        part = values[codes == index]
        alone = mean_interval(part)
        assert group.rows == part.size
        found, expected = ((one.value, one.low, one.high) for one in (group.mean, alone))
        assert found == pytest.approx(expected)
        freedom = part.size - 1 + PRIOR
        variance = (part.var() * part.size + PRIOR * values.var()) / freedom
        moderated = 2 * stats.t.sf(abs(part.mean()) / np.sqrt(variance / part.size), freedom)
        assert group.p == pytest.approx(max(stats.ttest_1samp(part, 0).pvalue, moderated), rel=1e-4)


def test_right_and_wrong_are_tested_exactly() -> None:
    values = np.array([1.0] * 9 + [-1.0] * 2 + [0.0] * 20)
    (group,) = grouped(values, np.zeros(31, np.intp), 1)
    assert group.p == pytest.approx(stats.binomtest(9, 11).pvalue)
    assert group.p == pytest.approx(2 * mcnemar(9, 2))


@pytest.mark.parametrize(
    ("changed", "least"),
    [([], 1.0), ([0.3], 1.0), ([0.3, 0.3, 0.3], 0.25), ([0.3] * 8, 2**-7), ([-0.3] * 8, 2**-7)],
)
def test_a_few_rows_that_agree_prove_no_more_than_their_signs(changed: list[float], least: float) -> None:
    values = np.array(changed + [0.0] * (len(changed) == 0))
    (group,) = grouped(values, np.zeros(values.size, np.intp), 1)
    assert group.p == least


def test_a_small_group_that_lacks_the_rare_great_differences_is_not_sure() -> None:
    """One row in twenty gets much better, all others a little worse: on the whole nothing changed."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(200):
        values = np.where(rng.random(300) < 0.05, -0.95, 0.05) + rng.normal(size=300) * 0.01
        alarms += min(group.p for group in grouped(values, rng.integers(0, 10, 300), 10)) < 0.005
    assert alarms < 20  # by Student's t alone: 200


def test_a_small_group_is_no_surer_for_the_calm_of_all_others() -> None:
    rng, alarms = np.random.default_rng(0), 0
    codes = np.arange(2000) // 10
    for _ in range(400):
        values = np.where(codes == 0, 1.0, 0.01) * rng.normal(size=2000)
        alarms += grouped(values, codes, 200)[0].p < 0.05
    assert 8 <= alarms <= 32


def test_a_group_without_rows_and_one_of_a_single_row_prove_nothing() -> None:
    empty, single = grouped(np.array([0.5]), np.array([1]), 2)
    assert (empty.rows, empty.mean.value, empty.p) == (0, 0.0, 1.0)
    assert (single.rows, single.mean.low, single.p) == (1, None, 1.0)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(0, 3)), min_size=1, max_size=60))
def test_rows_and_sums_are_kept_and_a_p_value_is_a_probability(rows: list[tuple[float, int]]) -> None:
    values, codes = np.array([one for one, _ in rows]), np.array([code for _, code in rows])
    found = grouped(values, codes, 4)
    assert sum(group.rows for group in found) == len(rows)
    assert sum(group.rows * group.mean.value for group in found) == pytest.approx(values.sum(), abs=1e-3)
    assert all(0 <= group.p <= 1 for group in found)
