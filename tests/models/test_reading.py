from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from ci_kit.errors import UserError
from ci_kit.models.reading import classes_of, read
from ci_kit.serving.reading import Reading


@pytest.mark.parametrize(
    ("raw", "task", "kind"),
    [
        ([[0.2, 0.8], [1.0, 0.0]], "classification", "probabilities"),
        ([[0.2, 0.8], [np.nan, 0.0]], "classification", "probabilities"),
        ([[0.2, 0.9], [1.0, 0.0]], "classification", "logits"),
        ([[-2.0, 3.0], [1.0, 0.0]], "classification", "logits"),
        ([[0.3], [0.9]], "classification", "probability"),
        ([0.3, 0.9], "classification", "probability"),
        ([-0.3, 0.9], "classification", "logit"),
        ([1, 0, 2], "classification", "labels"),
        ([1.0, 0.0], "classification", "labels"),
        (["a", "b"], "classification", "labels"),
        ([True, False], "classification", "labels"),
        ([[1.0], [2.0]], "regression", "numbers"),
        ([1, 2], "regression", "numbers"),
    ],
)
def test_what_an_answer_means(raw: list[Any], task: str, kind: str) -> None:
    assert read(np.array(raw), task, "m").kind == kind


@pytest.mark.parametrize(
    ("raw", "task", "says"),
    [
        (np.zeros((2, 2)), "regression", "m answers n×2 (regression needs n or n×1)"),
        (np.zeros((2, 2, 2)), "classification", "m answers n×2×2 (classification needs n×k or n)"),
        (np.array([["a", "b"]]), "classification", "m answers <U1"),
    ],
)
def test_an_answer_of_another_shape_is_refused(raw: np.ndarray, task: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        read(raw, task, "m")
    assert str(error.value).startswith(says)


@settings(max_examples=15)
@given(hn.arrays(np.float64, (5, 3), elements=st.floats(-1e4, 1e4)))
def test_logits_become_probabilities_that_keep_the_winner(raw: np.ndarray) -> None:
    given_ = Reading(kind="logits")(raw)
    np.testing.assert_allclose(given_.sum(axis=1), 1)
    assert (given_ >= 0).all()
    assert (given_[np.arange(5), raw.argmax(axis=1)] == given_.max(axis=1)).all()


@settings(max_examples=15)
@given(hn.arrays(np.float64, (5,), elements=st.floats(-1e300, 1e300)))
def test_a_single_logit_becomes_two_probabilities(raw: np.ndarray) -> None:
    given_ = Reading(kind="logit")(raw)
    np.testing.assert_allclose(given_.sum(axis=1), 1)
    assert ((given_[:, 1] > 0.5) == (raw > 0))[np.abs(raw) > 1e-9].all()


def test_nan_stays_nan_in_every_reading() -> None:
    row = np.array([[np.nan, 1.0]])
    assert np.isnan(Reading(kind="logits")(row)).all()
    assert np.isnan(Reading(kind="probabilities")(row)).any()
    assert np.isnan(Reading(kind="logit")(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("known", "truth", "width", "classes"),
    [
        (None, [0, 1, 1], 2, [0, 1]),
        (None, [0, 2], 10, list(range(10))),  # a class that the data lacks
        (None, [1, 2, 3], 3, [1, 2, 3]),
        (None, ["cat", "dog"], 2, ["cat", "dog"]),
        (["bird", "cat", "dog"], ["cat", "dog"], 3, ["bird", "cat", "dog"]),
        ([1, 2, 3], [1, 2], 3, [1, 2, 3]),
    ],
)
def test_which_column_means_which_label(known: Any, truth: list[Any], width: int, classes: list[Any]) -> None:
    found = classes_of(None if known is None else np.array(known), np.array(truth), width, "m")
    assert found.tolist() == classes


@pytest.mark.parametrize(
    ("known", "truth", "width", "says"),
    [
        (None, ["cat", "dog"], 3, "m gives 3 classes (the target holds 2: cat, dog)"),
        (["cat", "dog"], ["cat", "fox"], 2, "the target holds 'fox' (m knows cat, dog)"),
        (None, [0, 5], 3, "m gives 3 classes"),
    ],
)
def test_labels_that_do_not_fit_are_named(known: Any, truth: list[Any], width: int, says: str) -> None:
    with pytest.raises(UserError) as error:
        classes_of(None if known is None else np.array(known), np.array(truth), width, "m")
    assert str(error.value).startswith(says)
