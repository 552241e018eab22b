"""The charts of a report: a curve of this change beside the same curve of the base branch."""

from collections.abc import Iterator

from ci_kit.parts import Chart, Series
from ci_kit.render.view import View

BEFORE, NOW = "baseline", "this change"


def shown(view: View) -> list[tuple[str, Chart]]:
    """Return the charts of all steps, each with the key that tells it from the others.

    A curve that differs from the base branch's is drawn beside that, one in a chart.
    """
    return [(f"{step}/{place}", one) for step, found in _charts(view) for place, one in enumerate(found)]


def _charts(view: View) -> Iterator[tuple[str, list[Chart]]]:
    for step, result in view.results.items():
        found = list[Chart]()
        known = {chart.title: chart for chart in view.before[step].charts} if step in view.before else {}
        for chart in result.charts:
            found += _beside(chart, known.get(chart.title)) if chart.kind == "line" else [chart]
        yield step, found


def _beside(chart: Chart, before: Chart | None) -> Iterator[Chart]:
    known = {series.name: series for series in before.series} if before and before.x == chart.x else {}
    pairs = [(series, known[series.name]) for series in chart.series if series.name in known]
    if all(now == then for now, then in pairs):
        yield chart  # nothing was trained anew, or nothing is known of it
        return
    alone = tuple(series for series in chart.series if series.name not in known)
    if alone:
        yield chart.model_copy(update={"series": alone})
    for now, then in pairs:
        yield chart.model_copy(update={"title": now.name, "series": (_named(then, BEFORE), _named(now, NOW))})


def _named(series: Series, name: str) -> Series:
    return series.model_copy(update={"name": name})
