"""Charts as inline SVG for the HTML page: true to every x, coloured by the page's own light or dark style."""

import math
from collections.abc import Callable, Sequence
from html import escape

from ci_kit.characters import visible
from ci_kit.parts import Chart, Series
from ci_kit.render import numbers
from ci_kit.render.charts import limits, tones

WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 40
_FAR = 1e300  # beyond it the arithmetic of an axis overflows
Scale = Callable[[float], float]


def svg(chart: Chart) -> str:
    """Return the chart as one `<svg>` element with its legend; an empty text where there is nothing to draw."""
    if chart.kind not in ("line", "bar", "histogram"):
        return ""
    values = [value for series in chart.series for value in series.y]
    edges = [x for series in chart.series for x in series.x if not isinstance(x, str)]
    if not values or max(map(abs, [*values, *edges])) > _FAR:
        return ""
    low, high = limits(values, zero=chart.kind != "line")
    y = _scale(low, high, HEIGHT - _BOTTOM, _TOP)
    parts = _grid(low, high, y)
    marks, axis = _lines(chart, y) if _numeric(chart) and chart.kind == "line" else _bars(chart, y)
    title = text(f"{chart.title}: {', '.join(series.name for series in chart.series)}")
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
    names = f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 4}" class="m">{text(chart.x)}</text>'
    return f"<svg {size}><title>{title}</title>{''.join([*parts, *axis, *marks])}{names}</svg>{_legend(chart)}"


def text(value: str, limit: int = 500) -> str:
    """Return a text for HTML: escaped, with hidden characters made visible, cut at `limit`."""
    return escape(visible(value if len(value) <= limit else value[: limit - 1] + "…"))


def _numeric(chart: Chart) -> bool:
    return not any(isinstance(x, str) for series in chart.series for x in series.x)


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    # Halves keep the range finite where the ends are the largest numbers that there are.
    half = (high / 2 - low / 2) or 0.5
    return lambda value: start + (end - start) * (value / 2 - low / 2) / half


def _grid(low: float, high: float, y: Scale) -> list[str]:
    parts = []
    for tick in ticks(low, high):
        at = y(tick)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" class="g"/>')
        label = text(numbers.plain(tick))
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" class="e">{label}</text>')
    return parts


def ticks(low: float, high: float) -> list[float]:
    """Return four to nine round numbers between the ends."""
    width = high / 8 - low / 8
    if not math.isfinite(width) or width <= 0 or width < 1e-300:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(width))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width)
    # 3 × 0.2 is 0.6, not 0.6000000000000001.
    return [float(f"{index * step:.10g}") for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _labels(marks: Sequence[tuple[float, str]]) -> list[str]:
    row = HEIGHT - _BOTTOM + 16
    return [f'<text x="{at:.1f}" y="{row}" class="m">{text(name, 14)}</text>' for at, name in marks]


def _lines(chart: Chart, y: Scale) -> tuple[list[str], list[str]]:
    edges = [float(x) for series in chart.series for x in series.x]
    low, high = min(edges), max(edges)
    x = _scale(low, high if high > low else low + 1, _LEFT, WIDTH - _RIGHT)
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


def _legend(chart: Chart) -> str:
    if len(chart.series) < 2:
        return ""
    pairs = zip(tones(chart.series), chart.series, strict=True)
    items = (f'<span class="k c{index}"></span>{text(one.name)} ' for index, one in pairs)
    return f'<p class="legend">{"".join(items)}</p>'
