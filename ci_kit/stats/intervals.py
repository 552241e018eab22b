"""Numbers with their 95 % intervals.

An interval of a function of means (RMSE, R²) comes from the delta method: the mean of each row's first-order influence,
with Student's t. Deterministic, and quicker than a bootstrap, with which a test compares it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ci_kit.stats.quantiles import normal_quantile, t_quantile
from ci_kit.stats.rows import Array, numbers, pair

TWO_SIDED = 0.975  # the quantile of a 95 % interval


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number and its 95 % interval; `low` and `high` are None where a single row can't tell."""

    value: float
    low: float | None
    high: float | None


def standard_error(influence: Array) -> float:
    """Return the standard error of the mean of these rows; infinite for a single row."""
    return float(influence.std(ddof=1)) / math.sqrt(influence.size) if influence.size > 1 else math.inf


def around(value: float, error: float, rows: int) -> Interval:
    """Return the 95 % interval of Student's t around a value with this standard error."""
    if not math.isfinite(error):
        return Interval(value=value, low=None, high=None)
    half = t_quantile(TWO_SIDED, rows - 1) * error
    return Interval(value=value, low=value - half, high=value + half)


def mean_interval(values: npt.ArrayLike) -> Interval:
    """Return the mean of the rows; raise ValueError if there are none or any is NaN or infinite."""
    rows = numbers("values", values)
    return around(float(rows.mean()), standard_error(rows), rows.size)


def paired(candidate: npt.ArrayLike, baseline: npt.ArrayLike) -> Interval:
    """Return the mean of candidate − baseline on the same rows; errors as in `mean_interval`."""
    new, old = pair("candidate", candidate, "baseline", baseline)
    return mean_interval(new - old)


def proportion(correct: npt.ArrayLike) -> Interval:
    """Return the share of ones with Wilson's interval, honest near 0 and 1 too; ValueError unless all are 0 or 1."""
    rows = flags("correct", correct)
    n, share, z = rows.size, float(rows.mean()), normal_quantile(TWO_SIDED)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(value=share, low=min(max(centre - half, 0.0), share), high=max(min(centre + half, 1.0), share))


def flags(name: str, values: npt.ArrayLike) -> Array:
    """Return the rows as float64; raise ValueError unless each is 0 or 1."""
    rows = numbers(name, values)
    if bad := int(((rows != 0) & (rows != 1)).sum()):
        raise ValueError(f"{name}: {bad:,} of {rows.size:,} values are neither 0 nor 1")
    return rows


def mae(errors: npt.ArrayLike) -> Interval:
    """Return the mean absolute error; `errors` are prediction − truth, signed or absolute, in the target's unit."""
    return mean_interval(np.abs(numbers("errors", errors)))


def rmse(errors: npt.ArrayLike) -> Interval:
    """Return the root mean squared error; `errors` as in `mae`."""
    squares = np.square(numbers("errors", errors))
    value = math.sqrt(squares.mean())
    return around(value, standard_error(squares / (2 * value)) if value else 0.0, squares.size)


def r2(errors: npt.ArrayLike, truth: npt.ArrayLike) -> Interval:
    """Return R² = 1 − mean squared error / variance of the truth; ValueError if the truth is constant."""
    mistakes, true = pair("errors", errors, "truth", truth)
    squares, spread, variance = np.square(mistakes), *spread_of(true)
    lost = float(squares.mean()) / variance
    return around(1 - lost, standard_error((squares - lost * spread) / variance), true.size)


def spread_of(truth: Array) -> tuple[Array, float]:
    """Return each row's squared distance from the mean, and their mean; ValueError if that is zero."""
    spread = np.square(truth - truth.mean())
    variance = float(spread.mean())
    if variance == 0:
        raise ValueError("truth: all values are equal, so R² is not defined")
    return spread, variance
