"""Points that are not joined, with a line at zero where zero lies inside: what errors look like over what was said."""

import math
from collections.abc import Sequence

from ci_kit.parts import Chart, Series
from ci_kit.render import numbers
from ci_kit.render.charts import limits, tones
from ci_kit.render.marks import FAR, Drawing, label, scale, text, ticks

WIDTH, HEIGHT = 720, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 26, 42


def points(chart: Chart) -> Drawing | None:
    """Return the drawing; None without a number that can be drawn. Names on x are put side by side."""
    places = list(dict.fromkeys(x for series in chart.series for x in series.x if isinstance(x, str)))
    index = {name: float(place) for place, name in enumerate(places)}
    sets = [
        [(index[x] if isinstance(x, str) else x, y) for x, y in zip(_xs(one), one.y, strict=True)]
        for one in chart.series
    ]
    xs, ys = [x for one in sets for x, _ in one], [y for one in sets for _, y in one]
    if not xs or max(map(abs, [*xs, *ys])) > FAR:
        return None
    left, right = (-0.5, len(places) - 0.5) if places else limits(xs, zero=False)
    low, high = limits(ys, zero=False)
    x, y = scale(left, right, _LEFT, WIDTH - _RIGHT), scale(low, high, HEIGHT - _BOTTOM, _TOP)
    parts = []
    for tick in ticks(low, high):
        at = y(tick)
        line = "z" if tick == 0 and low < 0 < high else "g"
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" class="{line}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" class="e">{text(numbers.plain(tick))}</text>')
    every = max(1, math.ceil(len(places) / 8))
    marks = [(index[name], name) for name in places[::every]]
    for value, name in marks or [(tick, numbers.plain(tick)) for tick in ticks(left, right)]:
        shown = text(label(name, 14))
        parts.append(f'<text x="{x(value):.1f}" y="{HEIGHT - _BOTTOM + 17}" class="m">{shown}</text>')
    for tone, one in zip(tones(chart.series), sets, strict=True):
        # A line of no length with round ends is a point, in a fifth of a circle's bytes.
        path = "".join(f"M{x(value):.1f} {y(height):.1f}h0" for value, height in one)
        parts.append(f'<path d="{path}" class="p c{tone}"/>')
    parts.append(f'<text x="{_LEFT}" y="12">{text(label(chart.y, 60))} ↑</text>')
    middle = (_LEFT + WIDTH - _RIGHT) // 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" class="m">{text(label(chart.x, 60))} →</text>')
    count = f"{len(xs):,} points" if len(xs) != 1 else "1 point"
    names = [(tone, one.name) for tone, one in zip(tones(chart.series), chart.series, strict=True)]
    said = f"{chart.title}: {count} of {', '.join(name for _, name in names)}"
    return Drawing(width=WIDTH, height=HEIGHT, label=said, parts=parts, legend=names if len(names) > 1 else ())


def _xs(series: Series) -> Sequence[float | str]:
    return series.x
