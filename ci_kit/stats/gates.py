"""The gate: tell whether the candidate is worse than the baseline by more than a margin, on the same rows.

Two one-sided tests with the margin inside. "fail" needs evidence that the model got worse by more than the margin,
"pass" needs evidence that it did not (or identical rows), all else is "unsure": never a failure for lack of evidence.

The gate runs two tests (score and headline), so each fails at FALSE_FAILS / 2 (Bonferroni): a candidate that is exactly
the margin worse fails in 2.5 % of all test sets at most, an equally good one less often. "pass" needs the 95 %
interval of the change to lie inside the margin.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ci_kit.stats.intervals import TWO_SIDED, Interval, around, flags, spread_of, standard_error
from ci_kit.stats.quantiles import mcnemar, normal_quantile, t_quantile
from ci_kit.stats.rows import Array, pair

Outcome = Literal["pass", "fail", "unsure"]

FALSE_FAILS = 0.025
"""The greatest share of false failures over both tests of the gate together."""
LOG_LOSS_FLOOR = 1e-3
"""The least margin for log loss, in nats: what the clip leaves to a perfect model."""
MIN_ROWS = 7
"""Fewer rows can't fail: even if all agree, a sign test's p-value is 2⁻⁶ > FALSE_FAILS / 2."""

_POWER = 0.8  # "detectable" and "rows needed" mean: in 4 of 5 test sets


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate says of one metric, and how much it could have seen.

    `change` is candidate − baseline in the metric's unit, `relative` the same as a share of the baseline (None for
    accuracy and R², or if the baseline is zero). `margin` and `detectable` are sizes in the metric's unit: a worsening
    by `detectable` would fail in 4 of 5 such test sets; None where a single row can't tell. `rows_needed` is set when
    unsure: with so many rows an equally good candidate would pass in 4 of 5 (fewer where the change seen is clear).
    """

    outcome: Outcome
    change: Interval
    relative: Interval | None
    margin: float
    detectable: float | None
    rows: int
    rows_needed: int | None


def gate_score(
    candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, relative_margin: float, floor: float = 0.0
) -> Verdict:
    """Judge a loss per row, lower is better: the mean may rise by `relative_margin` of the baseline's.

    Paired t-test of mean(candidate − baseline × (1 + relative_margin)) against 0, n rows of non-negative numbers.
    `floor` is the least margin in the loss's own unit (LOG_LOSS_FLOOR for log loss). Raises ValueError for empty,
    unequal, negative, NaN or infinite rows.
    """
    new, old = pair("candidate", candidate, "baseline", baseline)
    for name, rows in (("candidate", new), ("baseline", old)):
        if rows.min() < 0:
            raise ValueError(f"{name}: {int((rows < 0).sum()):,} of {rows.size:,} losses are negative")
    difference, level = new - old, float(old.mean())
    change = around(float(difference.mean()), standard_error(difference), difference.size)
    relative = None
    if level > 0:
        ratio = change.value / level
        relative = around(ratio, standard_error((difference - ratio * old) / level), difference.size)
    margin = max(relative_margin * level, floor)
    error = standard_error(difference if margin > relative_margin * level else difference - relative_margin * old)
    return _judge(change, relative, margin, change.value - margin, error, rows=old.size, identical=not difference.any())


def gate_error(
    candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, metric: Literal["mae", "rmse"], relative_margin: float
) -> Verdict:
    """Judge MAE or RMSE from errors per row (prediction − truth, signed or absolute), lower is better.

    It may rise by `relative_margin` of the baseline's. MAE is `gate_score` of absolute errors; RMSE the same test on
    each row's influence on RMSE (delta method). Raises ValueError as `gate_score` does.
    """
    new, old = pair("candidate", candidate, "baseline", baseline)
    if metric == "mae":
        return gate_score(np.abs(new), np.abs(old), relative_margin=relative_margin)
    new, old = np.square(new), np.square(old)
    after, level = math.sqrt(new.mean()), math.sqrt(old.mean())
    first, second = _influence(new, after), _influence(old, level)
    change = around(after - level, standard_error(first - second), new.size)
    relative = None
    if level > 0:
        ratio = after / level
        relative = around(ratio - 1, standard_error((first - ratio * second) / level), new.size)
    margin, allowed = relative_margin * level, 1 + relative_margin
    error = standard_error(first - allowed * second)
    same = bool((new == old).all())
    return _judge(change, relative, margin, change.value - margin, error, rows=new.size, identical=same)


def gate_r2(candidate: npt.ArrayLike, baseline: npt.ArrayLike, truth: npt.ArrayLike, *, margin: float) -> Verdict:
    """Judge R² from errors per row (prediction − truth) and the true values, higher is better.

    It may fall by `margin` (absolute). The test of `gate_score` on each row's influence on the difference of the two
    R² (delta method). Raises ValueError as `gate_score` does, and if the truth is constant.
    """
    new, old = (np.square(errors) for errors in pair("candidate", candidate, "baseline", baseline))
    _, true = pair("candidate", new, "truth", truth)
    spread, variance = spread_of(true)
    value = float((old - new).mean()) / variance
    error = standard_error((old - new - value * spread) / variance)
    change = around(value, error, true.size)
    same = bool((new == old).all())
    return _judge(change, None, margin, -value - margin, error, rows=true.size, identical=same)


def gate_accuracy(candidate: npt.ArrayLike, baseline: npt.ArrayLike, *, margin: float) -> Verdict:
    """Judge correctness per row (0 or 1), higher is better: accuracy may fall by `margin` (absolute).

    "fail" needs the exact one-sided McNemar test, and Bonett and Price's adjusted interval for paired proportions
    (2012) beyond the margin; "pass" needs that interval inside it. Raises ValueError for rows that are not 0 or 1.
    """
    new, old = flags("candidate", candidate), flags("baseline", baseline)
    new, old = pair("candidate", new, "baseline", old)
    rows, losses, wins = new.size, int((old > new).sum()), int((new > old).sum())
    change = Interval(value=0.0, low=0.0, high=0.0)
    centre = (wins - losses) / (rows + 2)
    error = math.sqrt(((wins + losses + 2) / (rows + 2) - centre**2) / (rows + 2))
    if wins + losses:
        half = normal_quantile(TWO_SIDED) * error
        value = (wins - losses) / rows
        change = Interval(value=value, low=max(centre - half, -1.0), high=min(centre + half, 1.0))
    exact = mcnemar(losses, wins) <= FALSE_FAILS / 2
    return _judge(
        change, None, margin, -centre - margin, error, rows=rows, identical=not wins + losses, normal=True, proven=exact
    )


def _influence(squares: Array, root: float) -> Array:
    return squares / (2 * root) if root > 0 else np.zeros_like(squares)


def _judge(
    change: Interval,
    relative: Interval | None,
    margin: float,
    excess: float,
    error: float,
    *,
    rows: int,
    identical: bool,
    normal: bool = False,
    proven: bool = True,
) -> Verdict:
    """Decide from the worsening beyond the margin and its standard error; "fail" only where it is `proven` too."""
    known = rows > 1
    fail, inside = (
        normal_quantile(p) if normal or not known else t_quantile(p, rows - 1) for p in (1 - FALSE_FAILS / 2, TWO_SIDED)
    )
    # A worsening by exactly the margin must not be decided by the last bit of a float.
    rounding = 1e-9 * (margin + abs(change.value))
    outcome: Outcome = "unsure"
    if identical or (rows >= MIN_ROWS and excess <= rounding and excess <= rounding - inside * error):
        outcome = "pass"
    elif rows >= MIN_ROWS and proven and excess > rounding and excess > fail * error:
        outcome = "fail"
    return Verdict(
        outcome=outcome,
        change=change,
        relative=relative,
        margin=margin,
        detectable=margin + (fail + normal_quantile(_POWER)) * error if known else None,
        rows=rows,
        rows_needed=_rows_needed(margin, excess, error, rows) if known and outcome == "unsure" else None,
    )


def _rows_needed(margin: float, excess: float, error: float, rows: int) -> int | None:
    """Return the rows that tell "no change" from the margin, or the change seen from the margin if that takes fewer."""
    gap = max(margin, abs(excess))
    if gap == 0:
        return None
    z = normal_quantile(1 - FALSE_FAILS / 2 if excess > margin else TWO_SIDED) + normal_quantile(_POWER)
    return max(math.ceil(rows * (z * error / gap) ** 2), rows + 1, MIN_ROWS)
