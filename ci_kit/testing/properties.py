"""Properties that every model must have, on inputs that hypothesis draws from the schema."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.evaluate.scoring import unusable
from ci_kit.models.frames import Frame, same, take
from ci_kit.models.model import Model
from ci_kit.testing.measure import Broken, distance, expect, plainly

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__tracebackhide__ = True  # of each function here: a failure shows at the user's line

MOST = 50
RTOL = 1e-4  # float32 sums in another order; relative to the answer, for regressions of any size


@plainly
def assert_properties(
    model: Model,
    schema: Any,
    *,
    examples: int = MOST,
    empty: bool = True,
    atol: float = 1e-5,
    strategies: "Mapping[str, SearchStrategy[Any]] | None" = None,
) -> None:
    """Assert on rows that fit the pandera schema: finite answers, the same alone and in a batch, and in any order.

    The same on the edges of each column, and on an empty batch unless `empty=False` (classifiers that skl2onnx exports
    fail there). Drawn from each column's type and built-in checks, at most 50 examples, the same ones in each run; a
    number without a bound stays within ±1,000,000, checks on the whole table are not seen. `strategies` replaces a
    column's. Raises UserError for a column that can't be drawn.
    """
    try:
        from hypothesis import HealthCheck, Phase, given, settings

        from ci_kit.testing.strategies import Columns
    except ImportError as error:
        raise UserError(
            "hypothesis is not installed", hint="Type: pip install 'ci-kit[evaluate]'", code="config/install"
        ) from error
    if schema is None:
        raise UserError(
            "assert_properties needs a schema", hint="Give the data set a `schema` in ci-kit.yaml", code="data/schema"
        )
    columns = Columns(schema, model.features, strategies)
    edges = columns.edge_frame()
    if edges is not None:
        _hold(model, edges, atol, "on edge values")
    if empty:
        _empty(model, take(columns.frame([]), slice(0, 0)))
    drawn = settings(
        max_examples=min(examples, MOST),
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
    )
    check: Callable[[], None] = drawn(given(columns.frames())(lambda frame: _hold(model, frame, atol, "on drawn rows")))
    check()
    expect(True, f"{min(examples, MOST)} drawn tables", "finite, batch and order", "")


def _hold(model: Model, frame: Frame, atol: float, where: str) -> None:
    """Raise Broken with the first row that breaks a property."""
    whole = _ask(model, frame, where)
    for row in range(len(frame)):
        if unusable(whole[row : row + 1]):
            raise Broken(f"the answer is not finite {where}: {_shown(frame, row, model.sensitive)}")
        alone = _ask(model, take(frame, slice(row, row + 1)), where)
        if not _close(alone, whole[row : row + 1], atol):
            gap = f"differs by {_gap(alone, whole[row : row + 1])}"
            raise Broken(
                f"the answer alone {gap} from the one in a batch {where}: {_shown(frame, row, model.sensitive)}"
            )
    order = np.arange(len(frame))[::-1]
    turned = _ask(model, take(frame, order), where)
    if not _close(turned, whole[order], atol):
        raise Broken(
            f"the answers depend on the order of the rows {where}: they differ by {_gap(turned, whole[order])}"
        )


def _empty(model: Model, frame: Frame) -> None:
    try:
        raw = model.answer(frame)
    except UserError as error:
        why = error.why or error.what
        raise Broken(f"the model fails on an empty batch: {why}; allow it by empty=False") from None
    if len(raw):
        raise Broken(f"the model answers {len(raw):,} rows to an empty batch")


def _ask(model: Model, frame: Frame, where: str) -> npt.NDArray[Any]:
    try:
        return model.predict(frame)
    except UserError as error:
        raise Broken(f"{error} {where}: {_shown(frame, 0, model.sensitive)}") from None


def _close(left: npt.NDArray[Any], right: npt.NDArray[Any], atol: float) -> bool:
    if left.shape != right.shape:
        return False
    if left.dtype.kind != "f":
        return bool(same(left, right).all())
    return bool(np.allclose(left, right, atol=atol, rtol=RTOL))


def _gap(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> str:
    if left.shape != right.shape or left.dtype.kind != "f":
        return "its value"
    return f"{distance(left, right).max(initial=0.0):.2g}"


def _shown(frame: Frame, row: int, sensitive: tuple[str, ...]) -> str:
    """Name the cells of a row; a strategy of the user's own may have drawn a sensitive one from real rows."""
    values = {name: "…" if name in sensitive else repr(frame[name].to_list()[row]) for name in list(frame.columns)[:8]}
    cells = [f"{name}={value}" for name, value in values.items()]
    return ", ".join(cells) + ("…" if len(frame.columns) > 8 else "")
