"""The mean change of many groups of rows at once."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ci_kit.stats.intervals import Interval, around
from ci_kit.stats.quantiles import mcnemar, t_tail

PRIOR = 20  # rows


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rows of a group, the mean of its values with its 95 % interval, and the p-value of "the mean is zero"."""

    rows: int
    mean: Interval
    p: float


def grouped(values: npt.NDArray[np.float64], codes: npt.NDArray[np.intp], count: int) -> list[Group]:
    """Return `count` groups of finite paired differences; `codes` are n indices, a group without rows has mean 0.

    The p-value is two-sided. Where all rows are −1, 0 or 1 (right or wrong of two models), it is the exact McNemar
    test's. Else the greatest of three: Student's t; the same with the variance drawn towards that of all rows, as PRIOR
    more rows would (moderated t, Smyth 2004), because a small group easily lacks the rare great differences; 2^(1 − m)
    for m rows that are not zero, which is the least that flipping their signs can give.
    """
    rows = np.bincount(codes, minlength=count)
    mean = np.bincount(codes, weights=values, minlength=count) / np.maximum(rows, 1)
    squares = np.bincount(codes, weights=np.square(values - mean[codes]), minlength=count)
    up = np.bincount(codes, weights=values > 0, minlength=count).astype(int)
    down = np.bincount(codes, weights=values < 0, minlength=count).astype(int)
    signs, overall = bool(np.isin(values, (-1.0, 0.0, 1.0)).all()), float(values.var()) if values.size else 0.0
    found = []
    for index in range(count):
        n, value = int(rows[index]), float(mean[index])
        sides = int(up[index]), int(down[index])
        tests = [2 * min(mcnemar(*sides), mcnemar(*sides[::-1]))]
        spread = float(squares[index])
        if not signs:
            tests = [_student(value, spread, n - 1, n), _student(value, spread + PRIOR * overall, n - 1 + PRIOR, n)]
            tests.append(2.0 ** (1 - sum(sides)))
        error = math.sqrt(spread / (n - 1) / n) if n > 1 else math.inf
        found.append(Group(rows=n, mean=around(value, error, n), p=min(max(tests), 1.0)))
    return found


def _student(mean: float, squares: float, freedom: int, rows: int) -> float:
    """Return the two-sided p-value of a mean of rows whose variance is `squares` ÷ `freedom`."""
    if mean == 0 or rows < 2:
        return 1.0
    error = math.sqrt(squares / freedom / rows)
    # Beyond 1e8 standard errors there is rounding only.
    return 2 * t_tail(min(abs(mean) / error if error else math.inf, 1e8), freedom)
