"""Whether two samples come from the same distribution, and how far apart they are.

Without scipy, whose import takes longer than the tests of twenty columns; the tests compare with it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from ci_kit.stats.quantiles import incomplete_gamma
from ci_kit.stats.rows import Array

EXPECTED = 5.0
"""Levels that are expected less often than this on the smaller side are pooled (Cochran 1954)."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far apart two samples are and how likely so much is by chance.

    `effect` is the Kolmogorov-Smirnov or the total variation distance, 0 to 1; `p` the p-value of the test; `reference`
    and `current` the values that were compared, nulls left out. Where a side has none, `effect` is 0 and `p` is 1.
    """

    test: Literal["ks", "chi2"]
    effect: float
    p: float
    reference: int
    current: int


def compare_numbers(reference: npt.ArrayLike, current: npt.ArrayLike) -> Comparison:
    """Compare two samples of numbers by the two-sided two-sample Kolmogorov-Smirnov test.

    NaN is left out, infinities are values like any other. The statistic is exact, ties included. The p-value is that of
    a one-sample test of round(n·m / (n + m)) rows, as `scipy.stats.ks_2samp(method="asymp")` has it; ties make it
    greater than it should be, never smaller.
    """
    first, second = (_sorted(values) for values in (reference, current))
    n, m = first.size, second.size
    if not n or not m:
        return Comparison(test="ks", effect=0.0, p=1.0, reference=n, current=m)
    values = np.concatenate([first, second])
    order = values.argsort(kind="stable")  # merges two sorted runs in one pass
    steps = np.where(order < n, m, -n).cumsum()
    values = values[order]
    last = np.append(values[1:] != values[:-1], True)
    effect = int(np.abs(steps[last]).max()) / (n * m)
    return Comparison(test="ks", effect=effect, p=kolmogorov(round(n * m / (n + m)), effect), reference=n, current=m)


def compare_levels(reference: Mapping[str, int], current: Mapping[str, int]) -> Comparison:
    """Compare the counts of each level by Pearson's chi-square test of independence, without continuity correction.

    Levels expected less than EXPECTED times on the smaller side are pooled first, for the test and for the total
    variation distance alike: before pooling, that distance grows with the number of rare levels alone.
    """
    counts = np.array([(reference.get(level, 0), current.get(level, 0)) for level in {**reference, **current}])
    sides = counts.reshape(-1, 2).sum(axis=0)
    n, m = int(sides[0]), int(sides[1])
    if not n or not m:
        return Comparison(test="chi2", effect=0.0, p=1.0, reference=n, current=m)
    table = _pooled(counts.astype(np.float64), min(n, m) / (n + m))
    effect = float(np.abs(table[:, 0] / n - table[:, 1] / m).sum() / 2)
    return Comparison(test="chi2", effect=effect, p=_independent(table), reference=n, current=m)


def compare_shares(reference: tuple[int, int], current: tuple[int, int]) -> Comparison:
    """Compare two shares, each (how many, of how many rows): the effect is the difference.

    Pearson's chi-square test of the 2×2 table with Yates's correction, which keeps small counts from alarming.
    """
    (a, n), (b, m) = reference, current
    if not n or not m:
        return Comparison(test="chi2", effect=0.0, p=1.0, reference=n, current=m)
    table = np.array([[a, b], [n - a, m - b]], dtype=np.float64)
    p = _independent(table, correction=0.5) if 0 < a + b < n + m else 1.0
    return Comparison(test="chi2", effect=abs(a / n - b / m), p=p, reference=n, current=m)


def kolmogorov(rows: int, distance: float) -> float:
    """Return P(D ≥ distance) for the two-sided one-sample Kolmogorov-Smirnov statistic D of `rows` rows.

    Twice Smirnov's exact one-sided probability (Birnbaum and Tingey 1951), less what both sides have in common by
    Kolmogorov's series in Chang's form, z = √n·D + 1/(6√n). Errs by less than 1e-8 where P < 0.02, and by less than
    0.01 anywhere from 20 rows on, 0.0005 from 500.
    """
    if rows < 1 or distance <= 0 or distance >= 1:
        return float(distance <= 0 or rows < 1)
    z = math.sqrt(rows) * distance + 1 / (6 * math.sqrt(rows))
    if z < 0.2:  # P > 1 − 1e-12
        return 1.0
    common = sum((-1.0) ** (k - 1) * math.exp(-2 * (k * z) ** 2) for k in range(2, 20))
    return float(min(max(2 * (_smirnov(rows, distance) + common), 0.0), 1.0))


def _smirnov(n: int, x: float) -> float:
    """Return P(D⁺ ≥ x) as a sum of positive terms, each by its logarithm."""
    if -2 * n * x * x < math.log(5e-324):  # the bound of Massart (1990)
        return 0.0
    j = np.arange(min(math.floor(n * (1 - x)), n - 1) + 1)
    log = _log_factorials(n)
    rest = np.maximum(1 - x - j / n, 0.0)
    with np.errstate(divide="ignore"):
        terms = (log[n] - log[j] - log[n - j]) + (j - 1) * np.log(x + j / n) + (n - j) * np.log(rest)
    return x * float(np.exp(terms).sum())


@lru_cache(maxsize=4)
def _log_factorials(n: int) -> Array:
    return np.append(0.0, np.log(np.arange(1, n + 1, dtype=np.float64)).cumsum())


def _sorted(values: npt.ArrayLike) -> Array:
    array: Array = np.sort(np.asarray(values, dtype=np.float64).ravel())  # NaN last
    return array[: array.size - int(np.isnan(array).sum())]


def _pooled(table: Array, smaller: float) -> Array:
    """Return the table with its rare rows as one; where that one is rare itself, it joins the next rarest."""
    total = table.sum(axis=1)
    rare = total * smaller < EXPECTED
    if not rare.any():
        return table
    kept, pool = table[~rare], table[rare].sum(axis=0)
    if pool.sum() * smaller >= EXPECTED or not len(kept):
        return np.vstack([kept, pool])
    kept[kept.sum(axis=1).argmin()] += pool
    return np.asarray(kept)


def _independent(table: Array, correction: float = 0.0) -> float:
    if len(table) < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    apart = np.abs(table - expected)
    statistic = float((np.square(apart - np.minimum(correction, apart)) / expected).sum())
    return incomplete_gamma((len(table) - 1) / 2, statistic / 2)
