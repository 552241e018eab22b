"""Assertions on how good the model is: overall and in each slice."""

import statistics
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.evaluate.scoring import Scores, macro_f1, metrics, score, unusable
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model
from ci_kit.models.slices import cut
from ci_kit.render.numbers import number, pair
from ci_kit.stats import t_quantile
from ci_kit.testing.measure import Broken, expect, plainly, share

__tracebackhide__ = True  # of each function here: a failure shows at the user's line

Slice = tuple[str, npt.NDArray[np.bool_]]


@plainly
def assert_metric(
    model: Model, dataset: Dataset, metric: str, *, at_least: float | None = None, at_most: float | None = None
) -> float:
    """Assert that a metric on the whole data set keeps a bound, and return it.

    Metrics: accuracy, log_loss, macro_f1; mae, rmse, r2. Raises UserError for a metric that this task does not have.
    """
    predicted = _predict(model, dataset)
    found = {name: (one.value, one.unit) for name, one in metrics(score(model, dataset, predicted), dataset).items()}
    f1 = macro_f1(model, dataset, predicted)
    found |= {"macro_f1": (f1, "share")} if f1 is not None else {}
    if metric not in found:
        raise UserError(f"no metric {metric!r} here", why=f"there are {', '.join(found)}")
    if (at_least is None) == (at_most is None):
        raise UserError("assert_metric needs at_least or at_most")
    value, unit = found[metric]
    bound = at_least if at_least is not None else at_most
    holds = value >= at_least if at_least is not None else value <= (at_most or 0.0)
    observed, limit = pair(value, bound or 0.0, unit)
    limit = f"{'≥' if at_least is not None else '≤'} {limit}"
    expect(holds, observed, limit, f"{metric} is {observed} on {len(dataset):,} rows, limit {limit}")
    return value


@plainly
def assert_slices(
    model: Model,
    dataset: Dataset,
    by: str | Mapping[str, npt.ArrayLike],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    confidence: float = 0.95,
) -> None:
    """Assert that no slice is surely worse than the limit: accuracy `at_least`, or mean absolute error `at_most`.

    `by` is a column (a numeric one with many values is cut into quarters) or name → mask of n booleans. A slice fails
    only when the whole interval lies beyond the limit (Wilson's bound for accuracy, Student's t for errors), at a
    confidence that Bonferroni shares among the slices: noise alone fails 5 % of runs at most, few rows fail nothing.
    """
    if (at_least if dataset.task == "classification" else at_most) is None:
        raise UserError(f"assert_slices needs {'at_least' if dataset.task == 'classification' else 'at_most'}")
    scores = score(model, dataset, _predict(model, dataset))
    slices = [(name, mask) for name, mask in _slices(dataset, by) if mask.any()]
    level = 1 - (1 - confidence) / max(1, len(slices))
    bound = at_least if at_least is not None else at_most
    results = [(name, int(mask.sum()), *_bounded(scores, mask, level)) for name, mask in slices]
    if not results:
        raise Broken("no slice has any row")
    sign = 1.0 if scores.error is None else -1.0
    name, rows, value, best = min(results, key=lambda one: sign * one[3])
    text = share if scores.error is None else number
    limit = f"{'≥' if sign > 0 else '≤'} {text(bound or 0.0)}"
    observed = f"{name}: {text(value)} on {rows:,} row{'' if rows == 1 else 's'}"
    kind = "accuracy" if scores.error is None else "mean absolute error"
    most = f"at {'best' if sign > 0 else 'least'} {text(best)} at {confidence:.0%} confidence over {len(slices)} slices"
    expect(sign * best >= sign * (bound or 0.0), observed, limit, f"{kind} of {observed} ({most}), limit {limit}")


def _bounded(scores: Scores, mask: npt.NDArray[np.bool_], level: float) -> tuple[float, float]:
    """Return the mean of a slice and the most favourable value that its one-sided interval allows."""
    if scores.error is not None:
        errors = np.abs(scores.error[mask].astype(np.float64))
        mean, n = float(errors.mean()), errors.size
        half = t_quantile(level, n - 1) * float(errors.std(ddof=1)) / n**0.5 if n > 1 else mean
        return mean, max(mean - half, 0.0)
    correct = scores.correct[mask] if scores.correct is not None else np.zeros(0)
    n, mean, z = correct.size, float(correct.mean()), statistics.NormalDist().inv_cdf(level)
    centre = (mean + z * z / (2 * n)) / (1 + z * z / n)
    return mean, centre + z / (1 + z * z / n) * (mean * (1 - mean) / n + z * z / (4 * n * n)) ** 0.5


def _slices(dataset: Dataset, by: str | Mapping[str, npt.ArrayLike]) -> Iterator[Slice]:
    if isinstance(by, str):
        found = cut(dataset, by)
        return ((name, found.codes == index) for index, name in enumerate(found.names))
    return ((name, np.asarray(mask, dtype=bool)) for name, mask in by.items())


def _predict(model: Model, dataset: Dataset) -> npt.NDArray[Any]:
    predicted = model.bind(dataset.frame, dataset.truth)
    if bad := unusable(predicted):
        raise Broken(f"{bad:,} of {len(dataset):,} predictions are NaN or infinite")
    return predicted
