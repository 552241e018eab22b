"""The few distributions that the intervals and gates need, without scipy (its import alone takes 0.8 s)."""

import math
from functools import lru_cache
from statistics import NormalDist

_EXACT_BELOW = 30  # degrees of freedom; from here on the expansion errs by less than 1e-5
_TINY = 1e-300


def normal_quantile(probability: float) -> float:
    """Return z with P(Z ≤ z) = probability."""
    return NormalDist().inv_cdf(probability)


def t_quantile(probability: float, freedom: int) -> float:
    """Return t with P(T ≤ t) = probability for Student's t.

    `freedom` is at least 1. By bisection below 30 degrees of freedom, by the Cornish–Fisher expansion from there on
    (Abramowitz and Stegun 26.7.5).
    """
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    if freedom < _EXACT_BELOW:
        return _t_by_bisection(probability, freedom)
    z = normal_quantile(probability)
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


@lru_cache
def _t_by_bisection(probability: float, freedom: int) -> float:
    low, high = 0.0, 1.0
    while t_tail(high, freedom) > 1 - probability:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if t_tail(middle, freedom) > 1 - probability:
            low = middle
        else:
            high = middle
    return high


def t_tail(t: float, freedom: int) -> float:
    """Return P(T > t) of Student's t for t ≥ 0."""
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2


def mcnemar(losses: int, wins: int) -> float:
    """Return the exact one-sided McNemar p-value: P(X ≥ losses), X ~ Binomial(losses + wins, ½).

    `losses` are rows that the baseline alone has right, `wins` rows that the candidate alone has right.
    """
    return 1.0 if losses == 0 else incomplete_beta(losses, wins + 1, 0.5)


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    c, d = 1.0, 1 / _nonzero(1 - (a + b) * x / (a + 1))
    fraction = d
    # It converges in some sqrt(max(a, b)) steps: 10 million discordant rows need about 10,000.
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / _nonzero(1 + step * d)
            c = _nonzero(1 + step / c)
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(front * fraction, 1.0)


def incomplete_gamma(a: float, x: float) -> float:
    """Return the upper regularised incomplete gamma function Q(a, x): a chi-square tail is Q(freedom / 2, x / 2).

    By its series below a + 1 (DLMF 8.11.4), by Lentz's continued fraction from there on (DLMF 8.9.2).
    """
    if x <= 0:
        return 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        n = 0
        while term > total * 1e-16:
            n += 1
            term *= x / (a + n)
            total += term
        return max(1 - front * total, 0.0)
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    fraction = d
    for n in range(1, 100_000):
        b += 2
        d = 1 / _nonzero(b - n * (n - a) * d)
        c = _nonzero(b - n * (n - a) / c)
        fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return min(front * fraction, 1.0)


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
