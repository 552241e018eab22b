"""A confusion matrix: a row for what is true, a column for what was answered, a count in each cell.

The right answers have one hue and the wrong ones another, each shaded by its share of the row, so that rare classes
count like frequent ones. Few wrong answers would be lost in one scale with the right ones: theirs grows by the root.
"""

import math

from ci_kit.parts import Chart
from ci_kit.render import numbers
from ci_kit.render.marks import FAR, Drawing, label, text, wide

MOST = 24  # rows, and columns, that are drawn
_NAME = 18  # characters of a label
_RIGHT, _LEAST_WRONG, _WRONG = 0.35, 0.22, 0.65  # shades; a number is read on the strongest with 4.6:1
_ROOM, _LEAST, _WIDE, _TALL = 600, 29, 64, 40  # px: of all columns, and of a cell
_KEY = "wrong, by its share of the row"
_SLOPE = math.sqrt(0.5)  # labels that do not fit above their columns stand at 45°


def matrix(chart: Chart) -> Drawing | None:
    """Return the drawing, as wide as its labels need; None without a number that can be drawn."""
    rows, columns = [one.name for one in chart.series][:MOST], names(chart)[:MOST]
    values = [value for one in chart.series for value in one.y]
    if not columns or not values or max(map(abs, values)) > FAR:
        return None
    side = max(_LEAST, min(_WIDE, _ROOM // len(columns)))
    tall, heads = min(side, _TALL), [_name(name) for name in columns]
    left = 14 + math.ceil(max(wide(_name(name)) for name in (*rows, f"{chart.y} ↓")))
    longest = max(map(wide, heads))
    slanted = longest > side - 6
    top = 26 + math.ceil(_SLOPE * longest if slanted else 12)
    right, bottom = left + side * len(columns), top + tall * len(rows)
    parts = [f'<rect x="{left}" y="{top}" width="{right - left}" height="{bottom - top}" class="ground"/>']
    for place, one in enumerate(chart.series[:MOST]):
        at = top + place * tall
        name = text(_name(one.name))
        parts.append(f'<text x="{left - 8}" y="{at + tall // 2 + 4}" class="e">{name}</text>')
        parts += _row(one.y[: len(columns)], [name == one.name for name in columns], (left, at), (side, tall))
    parts += _frame(rows, columns, (left, top), (side, tall))
    parts += _heads(heads, (left, top), side, slanted=slanted)
    parts.append(f'<text x="{left}" y="12">{text(label(chart.x, 30))} →</text>')
    parts.append(f'<text x="{left - 8}" y="{top - 8}" class="e">{text(label(chart.y, _NAME))} ↓</text>')
    more = _left_out(chart)
    parts += _key(left, bottom + 14, more)
    ends = right + math.ceil(_SLOPE * wide(heads[-1])) * slanted, left + 71 + math.ceil(wide(_KEY + more))
    width = max(ends) + 8
    return Drawing(width=width, height=bottom + 32, label=_words(chart), parts=parts, own=True)


def _name(value: str) -> str:
    """Cut a label in its middle: those of one family begin alike."""
    found = label(value, 200)
    return found if len(found) <= _NAME else f"{found[: _NAME - 9]}…{found[-8:]}"


def names(chart: Chart) -> list[str]:
    """Return what the columns are called."""
    longest = max(chart.series, key=lambda one: len(one.x))
    return [x if isinstance(x, str) else numbers.plain(x) for x in longest.x]


def confusions(chart: Chart) -> list[tuple[str, str, float]]:
    """Return the wrong answers as (true, answered, how many), the most frequent first."""
    cells = ((one.name, name, value) for one in chart.series for name, value in zip(names(chart), one.y, strict=False))
    return sorted((cell for cell in cells if cell[0] != cell[1] and cell[2] > 0), key=lambda cell: -cell[2])


def short(value: float) -> str:
    """Return a count in at most four characters as far as that can be: 999, 1.2k, 34k, 5.6M."""
    if abs(value) < 999.5:
        return numbers.plain(value, 2)
    for size, unit in ((1e3, "k"), (1e6, "M"), (1e9, "G")):
        found = value / size
        if abs(found) < 999.5:
            return f"{found:.1f}{unit}" if abs(found) < 9.95 else f"{found:.0f}{unit}"
    return f"{value:.0e}".replace("+", "")


def _row(values: tuple[float, ...], right: list[bool], at: tuple[int, int], size: tuple[int, int]) -> list[str]:
    parts, total = list[str](), sum(max(0.0, value) for value in values)
    for column, value in enumerate(values):
        x, y = at[0] + column * size[0], at[1]
        if value > 0:
            share = value / total
            shade = _RIGHT * share if right[column] else _LEAST_WRONG + (_WRONG - _LEAST_WRONG) * math.sqrt(share)
            style = f'class="{"right" if right[column] else "wrong"}" fill-opacity="{shade:.2f}"'
            parts.append(f'<rect x="{x}" y="{y}" width="{size[0]}" height="{size[1]}" {style}/>')
        if value:
            place = f'x="{x + size[0] // 2}" y="{y + size[1] // 2 + 4}"'
            parts.append(f'<text {place} class="m h">{text(short(value))}</text>')
    return parts


def _frame(rows: list[str], columns: list[str], corner: tuple[int, int], size: tuple[int, int]) -> list[str]:
    (left, top), (side, tall) = corner, size
    lines = [f"M{left} {top + index * tall}h{side * len(columns)}" for index in range(len(rows) + 1)]
    lines += [f"M{left + index * side} {top}v{tall * len(rows)}" for index in range(len(columns) + 1)]
    same = [
        f"M{left + columns.index(name) * side + 1} {top + index * tall + 1}h{side - 2}v{tall - 2}h{2 - side}z"
        for index, name in enumerate(rows)
        if name in columns
    ]
    return [f'<path d="{"".join(lines)}" class="g"/>', f'<path d="{"".join(same)}" class="same"/>']


def _heads(heads: list[str], corner: tuple[int, int], side: int, *, slanted: bool) -> list[str]:
    parts = []
    for index, name in enumerate(heads):
        x, y = corner[0] + index * side + side // 2, corner[1] - 8
        turn, anchor = (-45, "start") if slanted else (0, "middle")
        place = f'x="{x}" y="{y}" text-anchor="{anchor}" transform="rotate({turn} {x} {y})"'
        parts.append(f"<text {place}>{text(name)}</text>")
    return parts


def _key(left: int, top: int, more: str) -> list[str]:
    words = ((0, "right", _RIGHT, "right"), (56, "wrong", _WRONG, f"{_KEY}{more}"))
    return [
        f'<rect x="{left + at}" y="{top}" width="10" height="10" class="{style}" fill-opacity="{shade}"/>'
        f'<text x="{left + at + 15}" y="{top + 9}">{word}</text>'
        for at, style, shade, word in words
    ]


def _left_out(chart: Chart) -> str:
    more = max(len(names(chart)) - MOST, 0)
    return f"; {more:,} more columns" if more else ""


def _words(chart: Chart) -> str:
    right = sum(
        value
        for one in chart.series
        for name, value in zip(names(chart), one.y, strict=False)
        if name == one.name and value > 0
    )
    wrong = confusions(chart)
    most = (f"{label(true, 30)} as {label(said, 30)} ({numbers.plain(count)})" for true, said, count in wrong[:3])
    said = f"{numbers.plain(right)} right, {numbers.plain(sum(count for _, _, count in wrong))} wrong"
    often = f", most often {', '.join(most)}" if wrong else ""
    return f"{label(chart.title, 120)}: rows are {label(chart.y, 30)}, columns {label(chart.x, 30)}: {said}{often}"
