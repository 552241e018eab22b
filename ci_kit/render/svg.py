"""Charts as inline SVG for the HTML page: true to every x, coloured by the page's own light or dark style."""

import math
from collections.abc import Sequence

from ci_kit.parts import Chart, Series
from ci_kit.render import numbers
from ci_kit.render.charts import limits, tones
from ci_kit.render.marks import FAR, Drawing, Scale, scale, text, ticks
from ci_kit.render.matrix import matrix
from ci_kit.render.points import points

__all__ = ["draw", "svg", "text", "ticks"]

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 40


def svg(chart: Chart) -> str:
    """Return the chart as one `<svg>` element with its legend; an empty text where there is nothing to draw."""
    drawn = draw(chart)
    if drawn is None:
        return ""
    size = f' width="{drawn.width}" height="{drawn.height}"' if drawn.own else ""
    head = f'<svg viewBox="0 0 {drawn.width} {drawn.height}"{size} role="img"><title>{text(drawn.label)}</title>'
    items = (f'<span class="k c{tone}"></span>{text(name)} ' for tone, name in drawn.legend)
    legend = f'<p class="legend">{"".join(items)}</p>' if drawn.legend else ""
    drawing = f"{head}{''.join(drawn.parts)}</svg>"
    # On a phone it is moved sideways, or its numbers could not be read.
    return (f'<div class="wide">{drawing}</div>' if drawn.own else drawing) + legend


def draw(chart: Chart) -> Drawing | None:
    """Return what a chart of any kind looks like; None where there is nothing to draw."""
    if chart.kind == "matrix":
        return matrix(chart)
    if chart.kind == "points":
        return points(chart)
    values = [value for series in chart.series for value in series.y]
    edges = [x for series in chart.series for x in series.x if not isinstance(x, str)]
    if not values or max(map(abs, [*values, *edges])) > FAR:
        return None
    low, high = limits(values, zero=chart.kind != "line")
    y = scale(low, high, HEIGHT - _BOTTOM, _TOP)
    marks, axis = _lines(chart, y) if _numeric(chart) and chart.kind == "line" else _bars(chart, y)
    names = [(tone, one.name) for tone, one in zip(tones(chart.series), chart.series, strict=True)]
    below = f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 4}" class="m">{text(chart.x)}</text>'
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        label=f"{chart.title}: {', '.join(name for _, name in names)}",
        parts=[*_grid(low, high, y), *axis, *marks, below],
        legend=names if len(names) > 1 else (),
    )


def _numeric(chart: Chart) -> bool:
    return not any(isinstance(x, str) for series in chart.series for x in series.x)


def _grid(low: float, high: float, y: Scale) -> list[str]:
    parts = []
    for tick in ticks(low, high):
        at = y(tick)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" class="g"/>')
        label = text(numbers.plain(tick))
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" class="e">{label}</text>')
    return parts


def _labels(marks: Sequence[tuple[float, str]]) -> list[str]:
    row = HEIGHT - _BOTTOM + 16
    return [f'<text x="{at:.1f}" y="{row}" class="m">{text(name, 14)}</text>' for at, name in marks]


def _lines(chart: Chart, y: Scale) -> tuple[list[str], list[str]]:
    edges = [float(x) for series in chart.series for x in series.x]
    low, high = min(edges), max(edges)
    x = scale(low, high if high > low else low + 1, _LEFT, WIDTH - _RIGHT)
    parts = []
    for index, series in zip(tones(chart.series), chart.series, strict=True):
        points = sorted(zip((float(value) for value in series.x), series.y, strict=True))
        path = "L".join(f"{x(left):.1f} {y(value):.1f}" for left, value in points)
        parts.append(f'<path d="M{path}" class="l c{index}"/>')
        if len(points) == 1:
            parts.append(f'<circle cx="{x(points[0][0]):.1f}" cy="{y(points[0][1]):.1f}" r="3" class="b c{index}"/>')
    return parts, _labels([(x(tick), numbers.plain(tick)) for tick in ticks(low, high)])


def _bars(chart: Chart, y: Scale) -> tuple[list[str], list[str]]:
    longest: Series = max(chart.series, key=lambda series: len(series.y))
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(longest.y))
    colours = tones(chart.series)
    wide = max(0.5, slot * (1 if chart.kind == "histogram" else 0.8) / len(chart.series))
    parts = []
    for index, series in enumerate(chart.series):
        for place, value in enumerate(series.y):
            left = _LEFT + place * slot + index * wide + (slot - wide * len(chart.series)) / 2
            top, bottom = sorted((y(value), y(0)))
            box = f'x="{left:.1f}" y="{top:.1f}" width="{max(0.5, wide - 1):.1f}" height="{bottom - top:.1f}"'
            parts.append(f'<rect {box} class="b c{colours[index]}"/>')
    every = max(1, math.ceil(len(longest.x) / 8))
    names = [value if isinstance(value, str) else numbers.plain(value) for value in longest.x]
    middle = 0 if chart.kind == "histogram" else slot / 2
    return parts, _labels([(_LEFT + i * slot + middle, name) for i, name in enumerate(names) if i % every == 0])
