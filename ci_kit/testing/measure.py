"""What an assertion observed and its limit, kept for the report."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from ci_kit.errors import CiKitError

__tracebackhide__ = True  # of each function here: a failure shows at the user's line

P = ParamSpec("P")
R = TypeVar("R")
LAST: list[tuple[str, str]] = []
"""What the assertions of the running test measured, in order; the recorder empties it."""


class Broken(AssertionError):  # noqa: N818 - it is shown as the reason of a failed test
    """An expectation of a model test does not hold."""


def plainly(assertion: Callable[P, R]) -> Callable[P, R]:
    """Let an assertion fail with its one sentence, without what lies below: causes, notes, the frames of libraries."""

    @functools.wraps(assertion)
    def asserted(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return assertion(*args, **kwargs)
        except (Broken, CiKitError) as error:
            error.__notes__ = []
            raise error.with_traceback(None) from None

    return asserted


def expect(holds: bool, observed: str, limit: str, sentence: str) -> None:
    """Note what was observed, and raise Broken with the sentence unless it holds."""
    LAST.append((observed, limit))
    if not holds:
        raise Broken(sentence)


def share(value: float) -> str:
    """Return a share in percent with one decimal, and more where that would round a fault away."""
    text = f"{100 * value:.1f} %"
    return f"{100 * value:.2g} %" if 0 < value < 0.0005 else text


def distance(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return the largest absolute difference of each row."""
    gap = np.abs(np.asarray(left, dtype=np.float64) - np.asarray(right, dtype=np.float64))
    return np.asarray(gap.reshape(len(gap), -1).max(axis=1, initial=0.0))
