"""Reference against current in one small SVG, which stays readable on a phone: grey area and blue line, or bars."""

from collections.abc import Sequence

from ci_kit.parts import Chart, Series
from ci_kit.render import numbers
from ci_kit.render.svg import svg, text, ticks

WIDTH, HEIGHT = 360, 180
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 24
_NAME, _ROW, _BAR, _MOST, _SHARE = 96, 30, 11, 12, 92


def picture(chart: Chart) -> str:
    """Return a chart of two series on the same bins or categories as one `<svg>`; any other as `svg` draws it."""
    series = chart.series
    if len(series) != 2 or series[0].x != series[1].x or not series[0].x or chart.kind == "line":
        return svg(chart)
    names = [one.name for one in series]
    title = f"<title>{text(chart.title)}: {text(' and '.join(names))}</title>"
    if any(isinstance(x, str) for x in series[0].x):
        return _bars(series, title)
    return _steps(series, title)


def _steps(series: Sequence[Series], title: str) -> str:
    edges = [float(x) for x in series[0].x]
    edges.append(edges[-1] + ((edges[-1] - edges[-2]) if len(edges) > 1 else 1.0))
    span = (edges[-1] - edges[0]) or 1.0
    top = max(max(one.y) for one in series) or 1.0

    def x(value: float) -> float:
        return _LEFT + (value - edges[0]) / span * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)

    grid = [
        f'<path d="M{_LEFT} {y(tick):.1f}H{WIDTH - _RIGHT}" class="g"/>'
        f'<text x="{_LEFT - 4}" y="{y(tick) + 4:.1f}" class="e">{_percent(tick)}</text>'
        for tick in _few(ticks(0.0, top))
    ]
    marks = [tick for tick in _few(ticks(edges[0], edges[-1])) if edges[0] <= tick <= edges[-1]]
    axis = [f'<text x="{x(tick):.1f}" y="{HEIGHT - 6}" class="m">{text(numbers.plain(tick))}</text>' for tick in marks]
    drawn = []
    for one, style in zip(series, ("a c1", "l c0"), strict=True):
        path = "".join(f"V{y(value):.1f}H{x(edge):.1f}" for value, edge in zip(one.y, edges[1:], strict=True))
        drawn.append(f'<path d="M{x(edges[0]):.1f} {y(0):.1f}{path}V{y(0):.1f}" class="{style}"/>')
    return _svg(HEIGHT, title, [*grid, *drawn, *axis])


def _bars(series: Sequence[Series], title: str) -> str:
    first, second = series
    rows = list(zip(first.x, first.y, second.y, strict=True))[:_MOST]
    top = max(max(before, after) for _, before, after in rows) or 1.0
    room = WIDTH - _NAME - _SHARE
    drawn = []
    for place, (name, before, after) in enumerate(rows):
        at = place * _ROW + 2
        drawn.append(f'<text x="{_NAME - 6}" y="{at + 15}" class="e">{text(str(name), 13)}</text>')
        for index, value in enumerate((before, after)):
            box = f'x="{_NAME}" y="{at + index * _BAR}" width="{max(0.0, value) / top * room:.1f}" height="{_BAR - 1}"'
            drawn.append(f'<rect {box} class="b c{1 - index}"/>')
        texts = numbers.pair(before, after, "share")
        drawn.append(
            f'<text x="{WIDTH}" y="{at + 15}" class="e">{text(texts[0].removesuffix(" %"))} → {text(texts[1])}</text>'
        )
    more = len(first.x) - len(rows)
    if more:
        drawn.append(f'<text x="{_NAME}" y="{len(rows) * _ROW + 14}">and {more:,} more</text>')
    return _svg(len(rows) * _ROW + (20 if more else 0), title, drawn)


def _svg(height: int, title: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{title}{"".join(parts)}</svg>'


def _few(marks: list[float]) -> list[float]:
    return marks[:: 1 + len(marks) // 6]


def _percent(share: float) -> str:
    return "0" if share == 0 else text(numbers.number(share, "share").replace(".0 %", " %"))
