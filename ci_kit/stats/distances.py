"""Distances between two samples that other tools report; nothing is decided by them."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ci_kit.stats.rows import Array

BINS = 10
FLOOR = 1e-4
"""The least share of a bin in the population stability index: an empty one would make it infinite."""


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the first Wasserstein (earth mover's) distance of two samples, in the unit of their values.

    NaN is left out. Infinite where the sides differ in their shares of an infinity; NaN where a side has no value.
    """
    first, second = _values(reference), _values(current)
    if not first.size or not second.size:
        return float("nan")
    values = np.sort(np.concatenate([first, second]))
    apart = np.abs(_below(first, values[:-1]) - _below(second, values[:-1]))
    moved = (values[1:] != values[:-1]) & (apart > 0)
    return float((apart[moved] * (values[1:][moved] - values[:-1][moved])).sum())


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the population stability index Σ (c − r) ln(c / r) over the deciles of the reference (Siddiqi 2006).

    r and c are the shares of the sides in a bin (low, high], at least FLOOR. Equal deciles, as of a column with few
    values, make one bin. NaN is left out; NaN where a side has no value.
    """
    first, second = _values(reference), _values(current)
    if not first.size or not second.size:
        return float("nan")
    edges = np.unique(np.quantile(first, np.arange(1, BINS) / BINS, method="inverted_cdf"))
    r, c = (np.maximum(_shares(values, edges), FLOOR) for values in (first, second))
    return float(((c - r) * np.log(c / r)).sum())


def jensen_shannon(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """Return the Jensen-Shannon distance (base 2, 0 to 1) of the counts of each level; NaN where a side has none.

    The square root of the divergence, as `scipy.spatial.distance.jensenshannon` (Endres and Schindelin 2003).
    """
    counts = np.array([(reference.get(level, 0), current.get(level, 0)) for level in {**reference, **current}])
    shares = counts.reshape(-1, 2).astype(np.float64)
    if not shares.size or not shares.sum(axis=0).all():
        return float("nan")
    shares /= shares.sum(axis=0)
    middle = shares.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(shares > 0, shares * np.log2(shares / middle), 0.0)
    return float(np.sqrt(max(terms.sum() / 2, 0.0)))


def _values(sample: npt.ArrayLike) -> Array:
    array = np.asarray(sample, dtype=np.float64).ravel()
    return array[~np.isnan(array)]


def _below(sample: Array, values: Array) -> Array:
    """Return the share of the sample at or below each value."""
    return np.searchsorted(np.sort(sample), values, side="right") / sample.size


def _shares(sample: Array, edges: Array) -> Array:
    return np.bincount(np.searchsorted(edges, sample, side="left"), minlength=edges.size + 1) / sample.size
