"""The mean change of many groups of rows at once."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ci_kit.stats.intervals import Interval, around
from ci_kit.stats.quantiles import mcnemar, t_tail


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rows of a group, the mean of its values with its 95 % interval, and the p-value of "the mean is zero"."""

    rows: int
    mean: Interval
    p: float


def grouped(values: npt.NDArray[np.float64], codes: npt.NDArray[np.intp], count: int) -> list[Group]:
    """Return `count` groups of finite paired differences; `codes` are n indices, a group without rows has mean 0.

    The p-value is two-sided, of Student's t; for rows that are all −1, 0 or 1 (right or wrong of two models) of the
    exact McNemar test. It is never less than 2^(1 − m), m being the rows that differ from zero: no test that flips
    their signs could get lower (Good, Permutation Tests, 2000), so a few rows that agree by chance prove nothing.
    """
    rows = np.bincount(codes, minlength=count)
    mean = np.bincount(codes, weights=values, minlength=count) / np.maximum(rows, 1)
    squares = np.bincount(codes, weights=np.square(values - mean[codes]), minlength=count)
    up = np.bincount(codes, weights=values > 0, minlength=count).astype(int)
    down = np.bincount(codes, weights=values < 0, minlength=count).astype(int)
    signs = bool(np.isin(values, (-1.0, 0.0, 1.0)).all())
    found = []
    for index in range(count):
        n = int(rows[index])
        error = math.sqrt(float(squares[index]) / (n - 1) / n) if n > 1 else math.inf
        value, moved = float(mean[index]), (int(up[index]), int(down[index]))
        p = _exact(*moved) if signs else max(_student(value, error, n), 2.0 ** (1 - sum(moved)) if sum(moved) else 1.0)
        found.append(Group(rows=n, mean=around(value, error, n), p=min(p, 1.0)))
    return found


def _student(mean: float, error: float, rows: int) -> float:
    if mean == 0 or not math.isfinite(error):
        return 1.0
    # Beyond 1e8 standard errors there is rounding only.
    return 2 * t_tail(min(abs(mean) / error if error else math.inf, 1e8), rows - 1)


def _exact(up: int, down: int) -> float:
    return min(2 * min(mcnemar(up, down), mcnemar(down, up)), 1.0)
