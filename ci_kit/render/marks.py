"""What all pictures are made of: texts that make no element, scales, ticks, and drawings that are no document yet."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from ci_kit.characters import visible

FAR = 1e300  # beyond it the arithmetic of an axis overflows
Scale = Callable[[float], float]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Elements of SVG on `width` × `height` px, what they show in words, and the legend as (colour, name).

    `own` is whether it is as wide as what it holds; any other is stretched to the page.
    """

    width: int
    height: int
    label: str
    parts: Sequence[str]
    legend: Sequence[tuple[int, str]] = ()
    own: bool = False


def text(value: str, limit: int = 500) -> str:
    """Return a text for HTML: escaped, with hidden characters made visible, cut at `limit`."""
    return escape(visible(value if len(value) <= limit else value[: limit - 1] + "…"))


def label(value: str, limit: int) -> str:
    """Return a text of one line and at most `limit` characters, hidden ones made visible; not escaped."""
    found = visible(" ".join(value[: 2 * limit].split()))
    return found if len(found) <= limit and len(value) <= 2 * limit else found[: limit - 1] + "…"


def wide(value: str) -> float:
    """Return about how many px a text of 12 px takes."""
    return sum(12.5 if ord(char) > 0x1100 else 8.2 if char.isupper() or char in "mw—→" else 6.6 for char in value)


def scale(low: float, high: float, start: float, end: float) -> Scale:
    """Return what puts a value between the ends of an axis, in px."""
    # Halves keep the range finite where the ends are the largest numbers that there are.
    half = (high / 2 - low / 2) or 0.5
    return lambda value: start + (end - start) * (value / 2 - low / 2) / half


def ticks(low: float, high: float) -> list[float]:
    """Return four to nine round numbers between the ends."""
    width = high / 8 - low / 8
    if not math.isfinite(width) or width <= 0 or width < 1e-300:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(width))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= width)
    # 3 × 0.2 is 0.6, not 0.6000000000000001.
    return [float(f"{index * step:.10g}") for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
