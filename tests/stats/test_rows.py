import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.stats import CLIP, absolute_error_rows, correct_rows, log_loss_rows, squared_error_rows


@pytest.mark.parametrize(
    ("probabilities", "truth", "losses"),
    [
        ([[0.5, 0.5]], [0], [math.log(2)]),
        ([[0.2, 0.7, 0.1]], [1], [-math.log(0.7)]),
        ([0.8, 0.8], [1, 0], [-math.log(0.8), -math.log(0.2)]),
        ([[1.0, 0.0], [1.0, 0.0]], [0, 1], [-math.log(1 - CLIP), -math.log(CLIP)]),
        ([1, 0], [1, 1], [-math.log(1 - CLIP), -math.log(CLIP)]),
    ],
)
def test_log_loss_of_known_rows(probabilities: npt.ArrayLike, truth: list[int], losses: list[float]) -> None:
    assert log_loss_rows(probabilities, truth).tolist() == pytest.approx(losses)


@pytest.mark.parametrize(
    ("probabilities", "truth", "correct"),
    [
        ([[0.2, 0.7, 0.1], [0.4, 0.3, 0.3]], [1, 1], [1, 0]),
        ([0.8, 0.4], [1, 1], [1, 0]),
        ([0.5], [0], [1]),
        ([[0.5, 0.5]], [0], [1]),
    ],
)
def test_correctness_of_known_rows(probabilities: npt.ArrayLike, truth: list[int], correct: list[float]) -> None:
    assert correct_rows(probabilities, truth).tolist() == correct


def test_errors_of_known_rows() -> None:
    assert absolute_error_rows([1, -2], [3, 1]).tolist() == [2, 3]
    assert squared_error_rows([1, -2], [3, 1]).tolist() == [4, 9]


@pytest.mark.parametrize(
    ("probabilities", "truth", "problem"),
    [
        (np.empty((0, 2)), [], "there are no rows"),
        ([[0.5, 0.5]], [0, 1], r"got \(1, 2\) and \(2,\)"),
        ([[3.0, -2.0]], [0], "2 of 2 values are NaN or outside.*logits"),
        ([0.5, np.nan], [0, 1], "1 of 2 values are NaN"),
        ([[0.5, 0.9], [0.5, 0.5]], [0, 1], "1 of 2 rows do not sum up to 1"),
        ([[0.5, 0.5]], [2], "1 of 1 values are no class index from 0 to 1"),
        ([0.5], [-1], "1 of 1 values are no class index"),
        ([0.5, 0.5], [0.5, np.nan], "1 of 2 values are no class index"),
        ([0.5], [0.5], "1 of 1 values are no whole numbers"),
    ],
)
def test_what_is_no_probability_or_no_class_is_refused(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike, problem: str
) -> None:
    for function in (log_loss_rows, correct_rows):
        with pytest.raises(ValueError, match=problem):
            function(probabilities, truth)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.data())
def test_one_column_and_two_columns_agree(given_to_one: list[float], data: st.DataObject) -> None:
    truth = data.draw(st.lists(st.integers(0, 1), min_size=len(given_to_one), max_size=len(given_to_one)))
    one = np.array(given_to_one)
    two = np.stack([1 - one, one], axis=1)
    assert log_loss_rows(one, truth) == pytest.approx(log_loss_rows(two, truth))
    losses = log_loss_rows(one, truth)
    assert losses.min() >= 0
    assert losses.max() <= -math.log(CLIP)
