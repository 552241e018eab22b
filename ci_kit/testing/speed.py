"""Assertions on latency."""

from ci_kit.evaluate.latency import BATCH, ROUNDS, measure
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model
from ci_kit.render.numbers import duration
from ci_kit.testing.measure import expect, plainly

__tracebackhide__ = True  # of each function here: a failure shows at the user's line


@plainly
def assert_latency(
    model: Model,
    baseline: Model,
    dataset: Dataset,
    *,
    at_most: float = 1.2,
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> float:
    """Assert that the model is not surely slower than `at_most` times the baseline, and return the median ratio.

    Interleaved calls on the same rows (see `ci_kit.evaluate.latency.measure`); it fails when the whole 95 % interval
    of the median ratio lies above the limit. Equal models show up to 1.03: keep the limit at 1.05 or above.
    """
    found = measure(model, baseline, dataset, batch=batch, rounds=rounds)
    ratio = found.ratio
    assert ratio is not None and ratio.low is not None and found.baseline is not None  # noqa: PT018, S101 - for the type checker
    observed, limit = f"×{ratio.value:.2f}", f"≤ ×{at_most:.2f}"
    spread = f"likely ×{ratio.low:.2f} to ×{ratio.high:.2f}"
    times = f"{duration(found.baseline)} → {duration(found.candidate)} for {batch} rows"
    expect(
        ratio.low <= at_most, observed, limit, f"{observed} as slow as the baseline ({spread}; {times}), limit {limit}"
    )
    return ratio.value
