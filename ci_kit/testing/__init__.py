"""Assertions for model tests, for use with the fixtures `model`, `baseline` and `dataset`.

Each one fails with one sentence that names the number, the limit and the rows, and shows in the report.
"""

from ci_kit.testing.behaviour import assert_directional, assert_invariant, assert_parity
from ci_kit.testing.measure import Broken
from ci_kit.testing.properties import assert_properties
from ci_kit.testing.quality import assert_metric, assert_slices
from ci_kit.testing.speed import assert_latency

__all__ = [
    "Broken",
    "assert_directional",
    "assert_invariant",
    "assert_latency",
    "assert_metric",
    "assert_parity",
    "assert_properties",
    "assert_slices",
]
