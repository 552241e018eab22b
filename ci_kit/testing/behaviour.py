"""Assertions on how the model behaves: what must not matter, what must matter which way, and the same model twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import Frame, same
from ci_kit.models.model import Model
from ci_kit.testing.measure import Broken, distance, expect, plainly, share

__tracebackhide__ = True  # of each function here: a failure shows at the user's line


@plainly
def assert_invariant(
    model: Model, dataset: Dataset, change: Callable[[Frame], Frame], *, allowed: float = 0.0, atol: float = 1e-5
) -> None:
    """Assert that a change of the rows that should not matter changes the answer of at most a share of them.

    `change` takes the table and returns a changed copy with the same rows. An answer changes when the label does, or
    for a regression when it moves by more than `atol`. Rows without a finite answer are left out.
    """
    before, after = _both(model, dataset, change)
    finite = _finite(before) & _finite(after)
    if dataset.task == "regression":
        changed = distance(before, after) > atol
    else:
        changed = ~same(model.decide(before), model.decide(after))
    rate, rows = float(changed[finite].mean()), int(finite.sum())
    first = f"; first in row {int(np.flatnonzero(changed & finite)[0])}" if (changed & finite).any() else ""
    observed, limit = share(rate), f"≤ {share(allowed)}"
    expect(rate <= allowed, observed, limit, f"{observed} of {rows:,} answers changed, limit {limit}{first}")


@plainly
def assert_directional(
    model: Model,
    dataset: Dataset,
    change: Callable[[Frame], Frame],
    *,
    expected: str,
    label: Any = None,
    allowed: float = 0.0,
    atol: float = 1e-6,
) -> None:
    """Assert that a change of the rows moves the answer `up` or `down`, or leaves it within `atol`.

    The answer is the number, or the probability of `label` (default: the second of two). At most the share `allowed`
    of the rows may move the other way, and at least one row must move as expected.
    """
    if expected not in ("up", "down"):
        raise UserError(f"expected={expected!r}", why="it is 'up' or 'down'")
    before, after = (_of_label(model, one, label) for one in _both(model, dataset, change))
    finite = _finite(before) & _finite(after)
    moved = (after - before)[finite] * (1 if expected == "up" else -1)
    wrong = float((moved < -atol).mean())
    observed, limit = share(wrong), f"≤ {share(allowed)}"
    way = f"{observed} of {moved.size:,} answers moved {'down' if expected == 'up' else 'up'}"
    expect(wrong <= allowed, observed, limit, f"{way}, expected {expected}, limit {limit}")
    expect(bool((moved > atol).any()), "0 rows", "≥ 1 row", f"no answer of {moved.size:,} moved {expected}")


@plainly
def assert_parity(
    model: Model, reference: Callable[[Frame], Any], dataset: Dataset, *, atol: float = 1e-4, rtol: float = 1e-4
) -> None:
    """Assert that the exported model answers as the framework's own does.

    `reference` takes the table of feature columns and returns what the exported model's output means: the same
    shape, logits or probabilities alike. All rows must be within `atol + rtol × |reference|`, and for n×k answers the
    likeliest class must be the same, ties within the tolerance apart.
    """
    given = model.raw(dataset.frame)
    wanted = np.asarray(reference(dataset.frame[list(model.features)]))
    if wanted.size == given.size and 1 in (wanted.shape[-1], given.shape[-1]):
        wanted = wanted.reshape(given.shape)
    if wanted.shape != given.shape:
        raise Broken(f"the reference answers {wanted.shape}, the model {given.shape}")
    if given.dtype.kind not in "iufb":
        differ = int((~same(given, wanted)).sum())
        expect(not differ, f"{differ:,} rows", "0 rows", f"{differ:,} of {len(given):,} labels differ")
        return
    gap = distance(given, wanted)
    tolerance = atol + rtol * np.abs(wanted.astype(np.float64)).reshape(len(wanted), -1).max(axis=1, initial=0.0)
    bad = ~(gap <= tolerance) & ~(_missing(given) & _missing(wanted))
    largest = float(np.nanmax(gap, initial=0.0))
    observed, limit = f"{largest:.2g}", f"≤ {atol:.2g} + {rtol:.2g} × the reference"
    worst = f"{int(bad.sum()):,} of {len(gap):,} rows differ, at most by {observed}, limit {limit}"
    expect(not bad.any(), observed, limit, worst)


def _both(
    model: Model, dataset: Dataset, change: Callable[[Frame], Frame]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    changed = change(dataset.frame)
    if len(changed) != len(dataset):
        raise UserError(f"the change returns {len(changed):,} rows for {len(dataset):,}")
    before, after = model.predict(dataset.frame), model.predict(changed)
    if not (_finite(before) & _finite(after)).any():
        raise Broken(f"none of {len(dataset):,} rows has a finite answer")
    return before, after


def _of_label(model: Model, predicted: npt.NDArray[Any], label: Any) -> npt.NDArray[np.float64]:
    if predicted.ndim == 1:
        if predicted.dtype.kind not in "iuf" or model.task == "classification":
            raise UserError(f"{model.name} gives labels only", why="a direction needs a number or a probability")
        return predicted
    classes = [str(one) for one in (model.classes if model.classes is not None else range(predicted.shape[1]))]
    if label is None and len(classes) == 2:
        label = classes[1]
    if str(label) not in classes:
        raise UserError(f"label={label!r} is no class", why=f"there are {', '.join(classes[:8])}")
    return np.asarray(predicted[:, classes.index(str(label))])


def _finite(predicted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if predicted.dtype.kind != "f":
        return np.ones(len(predicted), dtype=bool)
    return np.asarray(np.isfinite(predicted).reshape(len(predicted), -1).all(axis=1))


def _missing(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isnan(values.astype(np.float64)).reshape(len(values), -1).any(axis=1))
