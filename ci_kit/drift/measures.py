"""The numbers of a window."""

from collections.abc import Collection, Sequence

from ci_kit.drift.charts import worst_first
from ci_kit.drift.decide import Moved
from ci_kit.drift.side import Side
from ci_kit.drift.wording import label, mean
from ci_kit.parts import Metric

MOST = 1900
"""A Result holds 2,000 metrics; of more columns than fit, those that moved are kept first."""


def measures(
    tests: Sequence[Moved], reference: Side, current: Side, sensitive: Collection[str] = ()
) -> dict[str, Metric]:
    """Return effect and p of each test, and the means and null shares of both sides; no mean of a sensitive column."""
    first = worst_first(tests)
    ordered = list(dict.fromkeys(test.column for test in (*first, *tests)))
    found: dict[str, Metric] = {"moved": Metric(value=len({test.column for test in first}))}
    values = {test.column: test for test in tests if test.subject == "values"}
    for column in ordered:
        name, both = label(column), (reference, current)
        more: dict[str, Metric] = {}
        if column in values:
            seen = values[column].comparison
            more[f"drift/{name}"] = Metric(value=seen.effect, unit="share", direction="down", n=seen.current)
            more[f"p/{name}"] = Metric(value=seen.p, n=seen.current)
            if seen.test == "ks" and column not in sensitive:
                more |= _beside(f"mean/{name}", [mean(column, side) for side in both], "")
        if any(side.columns[column].nulls for side in both):
            nulls = [side.columns[column].nulls / max(side.rows, 1) for side in both]
            more |= _beside(f"null_share/{name}", nulls, "share")
        if len(found) + len(more) > MOST:
            break
        found |= more
    return found


def _beside(name: str, both: Sequence[float | None], unit: str) -> dict[str, Metric]:
    old, new = both
    if old is None or new is None:
        return {}
    return {name: Metric(value=new, unit=unit), f"{name}@baseline": Metric(value=old, unit=unit)}
