"""Charts as Mermaid's xychart, which GitHub draws inside a comment.

Mermaid knows no escaping, no legend and no exponents: texts are reduced to harmless characters, the title names the
series with their colours, and big or tiny values are scaled. It spaces points evenly, so uneven ones are interpolated.
"""

import math
from collections.abc import Sequence
from typing import cast

from ci_kit.parts import Chart, Series

COLOURS = {
    "blue": "#2f81f7",
    "grey": "#8c959f",
    "orange": "#d4772c",
    "green": "#1a7f37",
    "purple": "#8250df",
    "red": "#cf222e",
}
POINTS = 200
_BEFORE = {"reference", "baseline", "champion"}


def mermaid(chart: Chart) -> list[str]:
    """Return the chart as one or more Mermaid sources, without fences; none where there is nothing to draw.

    Lines that do not span the same range of x, and the series of a bar chart, are drawn apart. Only a reference and
    what is compared with it share one picture: as lines, or as bars and a line, since Mermaid draws bars over bars.
    It has no picture of a matrix, nor of points.
    """
    if chart.kind not in ("line", "bar", "histogram"):
        return []
    shown = [series for series in chart.series if len(series.y) > (1 if chart.kind == "line" else 0) and _near(series)]
    groups: dict[object, list[Series]] = {}
    both = len(shown) == 2 and shown[0].x == shown[1].x and shown[0].name in _BEFORE
    for series in shown[: len(COLOURS)]:
        numeric = chart.kind == "line" and not isinstance(series.x[0], str)
        key = (min(series.x), max(series.x)) if numeric else series.x if chart.kind == "line" or both else series.name
        groups.setdefault(key, []).append(series)
    return [_draw(chart, group) for group in list(groups.values())[:4]]


def _near(series: Series) -> bool:
    return all(isinstance(x, str) or abs(x) < 1e12 for x in series.x)


def _draw(chart: Chart, group: list[Series]) -> str:
    points = min(POINTS, max(len(series.y) for series in group))
    categories = isinstance(group[0].x[0], str)
    lines = [list(series.y) if categories else even(series, points, chart.kind) for series in group]
    power = _power(value for line in lines for value in line)
    lines = [[value / 10.0**power for value in line] for line in lines]
    low, high = limits([value for line in lines for value in line], zero=chart.kind != "line")
    every = dict(zip((one.name for one in chart.series), tones(chart.series), strict=True))
    colours = [list(COLOURS)[every[one.name]] for one in group]
    # Bars of a histogram would overlap each other, so there only lines can share a picture.
    bars = chart.kind == "bar" or (chart.kind == "histogram" and len(group) == 1)
    words = ["line" if place or not bars else "bar" for place in range(len(group))]
    overlaid = len(set(words)) > 1
    looks = zip(colours, (" bars", " line") if overlaid else ("",) * len(group), strict=True)
    names = ", ".join(f"{safe(one.name, 30)} {''.join(look)}" for one, look in zip(group, looks, strict=True))
    title = safe(chart.title, 60) + (f": {names}" if len(chart.series) > 1 else "")
    scale = f" (×10^{power})" if power else ""
    if categories:
        axis = "[" + ", ".join(f'"{safe(str(name), 20)}"' for name in group[0].x) + "]"
    else:
        edges = cast("Sequence[float]", group[0].x)
        axis = f"{_decimal(min(edges))} --> {_decimal(max(edges) if max(edges) > min(edges) else min(edges) + 1)}"
    # Half transparent, bars leave the line its contrast on a light and on a dark page.
    palette = ", ".join(COLOURS[one] + ("80" if overlaid and not at else "") for at, one in enumerate(_order(colours)))
    return "\n".join(
        [
            "---",
            "config:",
            "  xyChart: {height: 300, width: 720}",
            f'  themeVariables: {{xyChart: {{backgroundColor: "transparent", plotColorPalette: "{palette}"}}}}',
            "---",
            "xychart-beta",
            f'  title "{title}"',
            f'  x-axis "{safe(chart.x, 40)}" {axis}',
            f'  y-axis "{safe(chart.y, 40)}{scale}" {_decimal(low)} --> {_decimal(high)}',
            *(
                f"  {word} [{', '.join(_decimal(value) for value in line)}]"
                for word, line in zip(words, lines, strict=True)
            ),
        ]
    )


def tones(series: Sequence[Series]) -> list[int]:
    """Return the number of each one's colour: what is now is blue and what was before is grey, in any order."""
    if len(series) == 2 and series[0].name in _BEFORE:
        return [1, 0]
    return [index % len(COLOURS) for index in range(len(series))]


def _order(colours: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*colours, *COLOURS]))


def safe(text: str, limit: int) -> str:
    """Reduce a text to letters, digits and a few signs that mean nothing to Mermaid, YAML or Markdown."""
    kept = "".join(char if char.isalnum() or char in " .,:()_/+-" else " " for char in text[: 4 * limit])
    words = " ".join(kept.split()).replace("--", "-")
    return (words if len(words) <= limit else words[: limit - 1].rstrip() + "…") or "unnamed"


def even(series: Series, points: int, kind: str) -> list[float]:
    """Return y at evenly spaced x, which is what Mermaid draws; interpolated only where x is uneven or too long."""
    if kind != "line":
        return list(series.y)[:points]
    known = sorted(dict(zip(cast("Sequence[float]", series.x), series.y, strict=True)).items())
    if len(known) == 1:
        return [known[0][1]] * points
    start, width = known[0][0], (known[-1][0] - known[0][0]) / (points - 1)
    found, at = [], 0
    for index in range(points):
        x = start + index * width
        while at < len(known) - 2 and known[at + 1][0] <= x:
            at += 1
        (x0, y0), (x1, y1) = known[at], known[at + 1]
        share = min(1.0, max(0.0, (x - x0) / (x1 - x0)))
        found.append(y0 * (1 - share) + y1 * share)
    return found


def limits(values: Sequence[float], *, zero: bool) -> tuple[float, float]:
    """Return the ends of an axis: a little beyond the data, and from zero where that is close or bars need it."""
    low, high = min(values), max(values)
    if zero or 0 <= low < high / 2:
        low, high = min(low, 0.0), max(high, 0.0)
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - room), (high if high == 0 else high + room)


def _power(values: object) -> int:
    top = max((abs(value) for value in values), default=0.0)  # type: ignore[attr-defined]
    return 0 if top == 0 or 1e-3 <= top < 1e6 else max(-300, math.floor(math.log10(top)))


def _decimal(value: float) -> str:
    text = f"{float(f'{value:.5g}'):.7f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text
