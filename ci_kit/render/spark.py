"""A row of small bars: the last values of a metric, in the room of one word."""

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float]) -> str:
    """Return a bar a value, the lowest and the highest of them at the ends of the scale; equal ones in its middle."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known), max(known)
    room = high / 2 - low / 2  # halves, as the ends may be the largest numbers that there are
    if not room:
        return BARS[3] * len(known)
    return "".join(BARS[min(7, int(8 * ((value / 2 - low / 2) / room)))] for value in known)
