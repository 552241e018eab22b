"""Two sets of answers side by side: what differs, by how much, and what to do about it."""

import math

import numpy as np
import pytest

from ci_kit.package.parity import compared


@pytest.mark.parametrize(
    ("answer", "observed", "detail"),
    [
        (2.0, "no difference", None),
        (2.00002, "largest error 2e-05, row 1, y", None),
        (
            2.00004,
            "largest error 4e-05, row 1, y",
            "1 of 3 rows differ by more, that row as 2.00004 instead of 2."
            " If that is rounding to you: `package: {tolerance: 2e-05}`.",
        ),
        (
            2.5,
            "largest error 0.5, row 1, y",
            "1 of 3 rows differ by more, that row as 2.5 instead of 2. Look at the export: that is no rounding.",
        ),
        (
            math.nan,
            "largest error nan, row 1, y",
            "1 of 3 rows differ by more, that row as nan instead of 2. Look at the export: that is no rounding.",
        ),
    ],
)
def test_a_difference_is_told_with_the_tolerance_that_it_would_need(
    answer: float, observed: str, detail: str | None
) -> None:
    wanted = np.array([1.0, 2.0, -3.0])
    given = np.array([1.0, answer, -3.0])
    check, _ = compared("parity/x", "alike", given, wanted, "y", 1e-5)
    assert (check.observed, check.detail) == (observed, detail)
    assert check.status == ("fail" if detail else "pass")


@pytest.mark.parametrize("scale", [1e-6, 1.0, 300.0, 1e6])
@pytest.mark.parametrize("times", [1.01, 1.9, 2.1, 9.99, 55.0])
def test_the_tolerance_that_is_named_is_enough(scale: float, times: float) -> None:
    wanted = np.array([scale])
    given = wanted + times * (1e-5 + 1e-5 * scale)
    check, _ = compared("parity/x", "alike", given, wanted, "y", 1e-5)
    needed = float((check.detail or "").split("tolerance: ")[1].split("}")[0])
    assert compared("parity/x", "alike", given, wanted, "y", needed)[0].status == "pass"
    assert needed <= 2.1 * times * 1e-5
