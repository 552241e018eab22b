"""Pictures of what moved: the reference and the window on the same bins, as shares of rows."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from ci_kit.drift.decide import OTHERS, Moved
from ci_kit.drift.side import Side
from ci_kit.drift.wording import ALL_OTHERS, finite, label, shares
from ci_kit.parts import Chart, Series

MOST, BINS, BARS, WHOLE = 12, 20, 20, 40
Array = npt.NDArray[np.float64]


def charts(
    tests: Sequence[Moved], reference: Side, current: Side, sensitive: Collection[str] = ()
) -> tuple[Chart, ...]:
    """Return a picture of each column that moved, worst first, at most MOST; none that shows a sensitive value.

    Categories are bars. Numbers are a histogram between the 1st and the 99th percentile, whose outer bins hold what
    lies beyond; whole numbers of a small range have a bin each.
    """
    drawn: dict[str, Chart | None] = {}
    for test in worst_first(tests):
        column = test.column
        if test.subject == "nulls":
            drawn.setdefault(column, _nulls(column, reference, current))
        elif column not in sensitive:
            # What the values show is worth more than their nulls.
            values = _levels if reference.columns[column].kind == "category" else _numbers
            drawn[column] = values(column, reference, current)
    return tuple(chart for chart in drawn.values() if chart)[:MOST]


def worst_first(tests: Sequence[Moved]) -> list[Moved]:
    """Return the tests that moved, the one that exceeds its limit by most first."""
    found = (test for test in tests if test.moved)
    return sorted(found, key=lambda test: (-test.comparison.effect / max(test.limit, 1e-3), test.column, test.subject))


def _nulls(column: str, reference: Side, current: Side) -> Chart:
    nulls = [side.columns[column].nulls / max(side.rows, 1) for side in (reference, current)]
    return _bars(column, [{"null": share, "not null": 1 - share} for share in nulls])


def _levels(column: str, reference: Side, current: Side) -> Chart:
    both = [shares(side.columns[column]) for side in (reference, current)]
    names = sorted(
        {**both[0], **both[1]}.keys() - {OTHERS}, key=lambda level: (-max(one.get(level, 0) for one in both), level)
    )
    kept = names if len(names) <= BARS else names[: BARS - 1]
    rows = [{level: one.get(level, 0.0) for level in kept} for one in both]
    if any(1 - sum(row.values()) > 1e-9 for row in rows):
        rows = [row | {OTHERS: max(0.0, 1 - sum(row.values()))} for row in rows]
    return _bars(column, rows)


def _numbers(column: str, reference: Side, current: Side) -> Chart | None:
    both = [finite(column, side) for side in (reference, current)]
    if not (both[0].size and both[1].size):
        return None
    edges = _edges(both)
    if edges is None:
        return None
    heights = [np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / values.size for values in both]
    return _chart(column, "histogram", "value", tuple(map(float, edges[:-1])), [tuple(map(float, h)) for h in heights])


def _edges(both: Sequence[Array]) -> Array | None:
    """Return the edges of the bins: one for each whole number where there are few, None where none can be drawn."""
    low, high = min(v.min() for v in both), max(v.max() for v in both)
    if high - low < WHOLE and all((v == np.rint(v)).all() for v in both):
        return np.arange(low, high + 2)
    inner = min(np.quantile(v, 0.01) for v in both), max(np.quantile(v, 0.99) for v in both)
    low, high = inner if inner[0] < inner[1] else (low, high)
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(low, high, BINS + 1)
    increasing = bool(np.isfinite(edges).all() and (np.diff(edges) > 0).all())
    return edges if increasing else None


def _bars(column: str, rows: Sequence[dict[str, float]]) -> Chart:
    names = tuple(ALL_OTHERS if level == OTHERS else level for level in rows[0])
    return _chart(column, "bar", "value", names, [tuple(row.values()) for row in rows])


def _chart(
    column: str, kind: str, x: str, places: tuple[float, ...] | tuple[str, ...], heights: Sequence[tuple[float, ...]]
) -> Chart:
    names = ("reference", "current")
    series = tuple(Series(name=name, x=places, y=y) for name, y in zip(names, heights, strict=True))
    return Chart.model_validate({"kind": kind, "title": label(column), "x": x, "y": "share of rows", "series": series})
