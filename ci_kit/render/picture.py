"""A chart as a file of its own, for where no page gives it a style: SVG that follows the reader's light or dark theme.

An `<img>` of it takes the theme of the page around it (`color-scheme`) in current browsers, and that of the system in
older ones: no `<picture>` with a file for each theme is needed, as even the other theme's grey can be read on a ground
(2.9:1), and a cell brings its own.
"""

import re
from collections.abc import Iterator

from ci_kit.parts import Chart
from ci_kit.render.charts import mermaid, safe
from ci_kit.render.marks import Drawing, label, text, wide
from ci_kit.render.style import CHARTS, COLOURS
from ci_kit.render.svg import draw

MOST_BYTES = 100_000
_FONT = 'text{font-family:system-ui,-apple-system,"Segoe UI",sans-serif}svg .t{font-size:14px;font-weight:600}'
_HEAD, _ROW, _LEFT = 24, 20, 8
_UNFIT = re.compile("[\ufffe\uffff]")  # in no XML document


def picture(chart: Chart) -> bytes:
    """Return a whole SVG document with title and legend, the same bytes for the same chart: no script, no reference.

    It is empty where there is nothing to draw, or where the document would have more than `MOST_BYTES`.
    """
    drawn = draw(chart)
    if drawn is None:
        return b""
    width = max(drawn.width, 400)
    top, legend = _HEAD, list(_legend(drawn, width))
    height = top + drawn.height + (_ROW * (legend[-1][0] + 1) if legend else 0)
    title = label(chart.title, max(10, int((width - 2 * _LEFT) / 8.6)))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' role="img"><title>{text(drawn.label)}</title><style>{COLOURS}{CHARTS}{_FONT}</style>',
        f'<text x="{_LEFT}" y="16" class="t">{text(title)}</text>',
        *(part for row, part in legend),
        f'<g transform="translate(0 {height - drawn.height})">{"".join(drawn.parts)}</g></svg>\n',
    ]
    document = _UNFIT.sub("?", "".join(parts)).encode()
    return document if len(document) <= MOST_BYTES else b""


def words(chart: Chart) -> str:
    """Return what the picture shows, for where it can't be seen; harmless in Markdown as it is."""
    drawn = draw(chart)
    return safe(drawn.label if drawn else chart.title, 300)


def wanted(chart: Chart) -> bool:
    """Tell whether Mermaid has no picture of a chart, or takes it apart into more than two."""
    return chart.kind in ("matrix", "points") or len(mermaid(chart)) > 2


def _legend(drawn: Drawing, width: int) -> Iterator[tuple[int, str]]:
    """Yield the entries with the row that each stands in."""
    row, at = 0, float(_LEFT)
    for tone, name in drawn.legend:
        shown = label(name, 40)
        room = 17 + wide(shown) + 16
        if at > _LEFT and at + room > width:
            row, at = row + 1, float(_LEFT)
        y = _HEAD + row * _ROW
        yield (
            row,
            f'<rect x="{at:.0f}" y="{y + 2}" width="11" height="11" rx="2" class="b c{tone}"/>'
            f'<text x="{at + 17:.0f}" y="{y + 12}">{text(shown)}</text>',
        )
        at += room
