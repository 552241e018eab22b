"""Losses per row: what the gate compares and what is kept of a baseline."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

CLIP = 1e-3
"""Probabilities are kept within [CLIP, 1 − CLIP]: no row weighs more than 6.9 nats, so the mean can be tested."""

_LARGEST = 1e140  # greater numbers overflow when squared and summed
_SUM_TOLERANCE = 0.01  # float16 probabilities of 1,000 classes still sum up to within 1 %


def numbers(name: str, values: npt.ArrayLike) -> Array:
    """Return a one-dimensional float64 array; raise ValueError for another shape, no rows, NaN or infinity."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name}: expected one number a row, got shape {array.shape}")
    if not array.size:
        raise ValueError(f"{name}: there are no rows")
    # The sum is NaN or infinite if any part is: one pass without a temporary array for the usual, clean case.
    with np.errstate(over="ignore", invalid="ignore"):
        clean = np.isfinite(array.sum())
    if not clean and (bad := array.size - int(np.isfinite(array).sum())):
        raise ValueError(f"{name}: {bad:,} of {array.size:,} values are NaN or infinite")
    if max(array.max(), -array.min()) > _LARGEST:
        raise ValueError(f"{name}: values beyond ±{_LARGEST:g} can't be squared")
    return array


def pair(first: str, one: npt.ArrayLike, second: str, two: npt.ArrayLike) -> tuple[Array, Array]:
    """Return both arrays as `numbers` does; raise ValueError if they differ in length."""
    a, b = numbers(first, one), numbers(second, two)
    if a.size != b.size:
        raise ValueError(f"{first} has {a.size:,} rows and {second} has {b.size:,}")
    return a, b


def log_loss_rows(probabilities: npt.ArrayLike, truth: npt.ArrayLike, clip: float = CLIP) -> Array:
    """Return −ln of the probability that was given to the true class, in nats a row.

    `probabilities` is n×k with rows that sum up to 1, or n: the probability of class 1. `truth` holds class indices.
    Probabilities are clipped to [clip, 1 − clip]. Raises ValueError for anything that is no probability or no class.
    """
    given, classes = _probabilities(probabilities, truth)
    if given.ndim == 1:
        right: Array = np.where(classes == 1, given, 1 - given).astype(np.float64)
    else:
        right = given[np.arange(classes.size), classes].astype(np.float64)
    loss: Array = -np.log(np.clip(right, clip, 1 - clip))
    return loss


def correct_rows(probabilities: npt.ArrayLike, truth: npt.ArrayLike) -> Array:
    """Return 1.0 where the likeliest class is the true one, else 0.0; arguments and errors as in `log_loss_rows`.

    A tie goes to the lower class.
    """
    given, classes = _probabilities(probabilities, truth)
    predicted = given > 0.5 if given.ndim == 1 else given.argmax(axis=1)
    correct: Array = (predicted == classes).astype(np.float64)
    return correct


def absolute_error_rows(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> Array:
    """Return |prediction − truth| a row; ValueError for empty, unequal or non-finite input."""
    predicted, true = pair("prediction", prediction, "truth", truth)
    error: Array = np.abs(predicted - true)
    return error


def squared_error_rows(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> Array:
    """Return (prediction − truth)² a row; ValueError for empty, unequal or non-finite input."""
    error: Array = np.square(absolute_error_rows(prediction, truth))
    return error


def _probabilities(
    probabilities: npt.ArrayLike, truth: npt.ArrayLike
) -> tuple[npt.NDArray[np.floating], npt.NDArray[np.int64]]:
    given, classes = np.asarray(probabilities), np.asarray(truth)
    if given.dtype.kind != "f":
        given = given.astype(np.float64)
    if given.ndim not in (1, 2) or classes.ndim != 1 or len(given) != classes.size:
        raise ValueError(f"expected n×k or n probabilities and n classes, got {given.shape} and {classes.shape}")
    if not given.size:
        raise ValueError("probabilities: there are no rows")
    count = given.shape[1] if given.ndim == 2 else 2
    if bad := given.size - int(((given >= -_SUM_TOLERANCE) & (given <= 1 + _SUM_TOLERANCE)).sum()):
        raise ValueError(f"probabilities: {bad:,} of {given.size:,} values are NaN or outside [0, 1]; are they logits?")
    if given.ndim == 2 and (bad := int((np.abs(given.sum(axis=1, dtype=np.float64) - 1) > _SUM_TOLERANCE).sum())):
        raise ValueError(f"probabilities: {bad:,} of {len(given):,} rows do not sum up to 1")
    if bad := classes.size - int(((classes >= 0) & (classes < count)).sum()):
        raise ValueError(f"truth: {bad:,} of {classes.size:,} values are no class index from 0 to {count - 1}")
    indices = classes.astype(np.int64)
    if bad := int((indices != classes).sum()):
        raise ValueError(f"truth: {bad:,} of {classes.size:,} values are no whole numbers")
    return given, indices
