"""Whether performance fell, on other rows than those of the reference: one-sided tests with the margin inside.

As in the gate, "fail" needs evidence of a fall by more than the margin, "pass" a 95 % interval of the change inside it,
all else is "unsure". Where performance did not fall at all, "fail" comes in FALSE_DROPS of all windows at most, and
where it fell by exactly the margin in twice as many (50 rows, accuracy near 1). A reference of few rows whose losses
have a long tail can't promise that: of 300 log-normal ones 1.1 %, of 50 five (`benchmarks/README.md`).
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy.typing as npt

from ci_kit.stats.gates import MIN_ROWS, Outcome, Verdict
from ci_kit.stats.intervals import TWO_SIDED, Interval
from ci_kit.stats.quantiles import normal_quantile, t_quantile
from ci_kit.stats.rows import numbers

FALSE_DROPS = 0.01
_POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Moments:
    """What the tests need of a sample: its mean, the variance of a row, and how many rows."""

    mean: float
    variance: float
    rows: int

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Self:
        """Return the moments of a sample; raise ValueError if it is empty or holds NaN or infinity."""
        rows = numbers("values", values)
        return cls(mean=float(rows.mean()), variance=float(rows.var(ddof=1)) if rows.size > 1 else 0.0, rows=rows.size)


def drop_accuracy(reference: Moments, current: Moments, *, margin: float) -> Verdict:
    """Judge the accuracy of two samples of rows, higher is better: it may fall by `margin` (absolute).

    Newcombe's hybrid of Wilson intervals (1998, method 10) for the difference of two proportions, honest near 0 and 1
    too; variances are not read. `rows_needed` counts rows of `current`, None where the reference has too few itself.
    """
    change = current.mean - reference.mean
    sure = change + _newcombe(reference, current, 1 - FALSE_DROPS)[1]
    low, high = (change + half for half in _newcombe(reference, current, TWO_SIDED))
    before, after = (_smoothed(side) for side in (reference, current))
    return _verdict(
        Interval(value=change, low=max(low, -1.0), high=min(high, 1.0)),
        None,
        margin,
        excess=-change - margin,
        least=-sure - margin,
        most=-low - margin,
        noise=(before / reference.rows, after),
        rows=(reference.rows, current.rows),
    )


def drop_error(reference: Moments, current: Moments, *, relative_margin: float) -> Verdict:
    """Judge the mean of a loss of two samples of rows, lower is better: it may rise by `relative_margin`.

    Welch's t-test of mean(current) − mean(reference) × (1 + relative_margin) against 0. For a loss with a long tail it
    fails less often than it says: a sample with a great mean has a great variance, too.
    """
    allowed, change = 1 + relative_margin, current.mean - reference.mean
    margin = relative_margin * reference.mean
    of_reference, of_current = reference.variance / reference.rows, current.variance / current.rows
    excess, error, freedom = change - margin, *_welch(allowed**2 * of_reference, of_current, reference, current)
    plain, plain_freedom = _welch(of_reference, of_current, reference, current)
    half = t_quantile(TWO_SIDED, plain_freedom) * plain
    relative = None
    if reference.mean > 0:
        ratio = current.mean / reference.mean
        spread, its_freedom = _welch(ratio**2 * of_reference, of_current, reference, current)
        wide = t_quantile(TWO_SIDED, its_freedom) * spread / reference.mean
        relative = Interval(value=ratio - 1, low=ratio - 1 - wide, high=ratio - 1 + wide)
    return _verdict(
        Interval(value=change, low=change - half, high=change + half),
        relative,
        margin,
        excess=excess,
        least=excess - t_quantile(1 - FALSE_DROPS, freedom) * error,
        most=excess + t_quantile(TWO_SIDED, freedom) * error,
        noise=(allowed**2 * of_reference, current.variance),
        rows=(reference.rows, current.rows),
    )


def _verdict(
    change: Interval,
    relative: Interval | None,
    margin: float,
    *,
    excess: float,
    least: float,
    most: float,
    noise: tuple[float, float],
    rows: tuple[int, int],
) -> Verdict:
    """Decide from the fall beyond the margin, `least` (99 % sure) and `most` (97.5 % sure).

    `noise` is the variance of the reference's mean, and of one row of the current data.
    """
    # A fall by exactly the margin must not be decided by the last bit of a float.
    rounding = 1e-9 * (margin + abs(change.value))
    outcome: Outcome = "unsure"
    if min(rows) >= MIN_ROWS and least > rounding:
        outcome = "fail"
    elif min(rows) >= MIN_ROWS and most <= rounding:
        outcome = "pass"
    error = math.sqrt(noise[0] + noise[1] / rows[1])
    return Verdict(
        outcome=outcome,
        change=change,
        relative=relative,
        margin=margin,
        detectable=margin + (normal_quantile(1 - FALSE_DROPS) + normal_quantile(_POWER)) * error,
        rows=rows[1],
        rows_needed=_rows_needed(margin, excess, *noise, rows[1]) if outcome == "unsure" else None,
    )


def _rows_needed(margin: float, excess: float, reference: float, row: float, rows: int) -> int | None:
    gap = max(margin, abs(excess))
    quantile = normal_quantile(1 - FALSE_DROPS if excess > margin else TWO_SIDED)
    left = (gap / (quantile + normal_quantile(_POWER))) ** 2 - reference
    return max(math.ceil(row / left), rows + 1, MIN_ROWS) if left > 0 else None


def _newcombe(reference: Moments, current: Moments, probability: float) -> tuple[float, float]:
    (low, high), (lower, upper) = (_wilson(side, probability) for side in (reference, current))
    below = math.hypot(current.mean - lower, high - reference.mean)
    above = math.hypot(upper - current.mean, reference.mean - low)
    return -below, above


def _wilson(side: Moments, probability: float) -> tuple[float, float]:
    n, share, z = side.rows, side.mean, normal_quantile(probability)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return min(centre - half, share), max(centre + half, share)


def _smoothed(side: Moments) -> float:
    """Return the variance of a row with one success and one failure more (Agresti and Caffo 2000): never zero."""
    share = (side.mean * side.rows + 1) / (side.rows + 2)
    return share * (1 - share)


def _welch(first: float, second: float, reference: Moments, current: Moments) -> tuple[float, int]:
    """Return the standard error of a difference of means, and Welch and Satterthwaite's degrees of freedom."""
    total = first + second
    below = first**2 / max(reference.rows - 1, 1) + second**2 / max(current.rows - 1, 1)
    return math.sqrt(total), max(int(total**2 / below), 1) if below > 0 else max(current.rows - 1, 1)
