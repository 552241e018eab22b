"""What the checks of a column say. Raw text: a renderer escapes it."""

import hashlib

import numpy as np
import numpy.typing as npt

from ci_kit.drift.decide import OTHERS, Moved, counted
from ci_kit.drift.side import Column, Side, running
from ci_kit.render import numbers

LONGEST = 120
ALL_OTHERS = "(all others)"
SMALLEST_P = 1e-9
APART = 0.9
"""From this KS distance on two ranges hardly overlap: ids and clocks go on where the reference ends."""
_MARKED = ("@baseline", "@change")  # what would make a column's metric look like that of another one


def label(column: str) -> str:
    """Return the name of a column as part of the ids of checks and metrics: itself where that can't be mistaken.

    A name that is too long, empty, not printable, or ends like the metric of a baseline is cut and gets a digest, so
    that no two columns share one.
    """
    if column.isprintable() and column.strip() and len(column) <= LONGEST and not column.endswith(_MARKED):
        return column
    shown = "".join(letter if letter.isprintable() else "�" for letter in column[:LONGEST])
    return f"{shown}…{hashlib.sha256(column.encode()).hexdigest()[:8]}"


def seen(test: Moved, reference: Side, current: Side, *, quiet: bool) -> str:
    """Return what a test saw: `KS 0.21, p < 1e-9; mean 41.2 → 47.9`; `quiet` shows no value of the data."""
    found, old, new = test.comparison, reference.columns[test.column], current.columns[test.column]
    if test.subject == "nulls":
        shares = numbers.pair(old.nulls / max(reference.rows, 1), new.nulls / max(current.rows, 1), "share")
        return f"{shares[0]} → {shares[1]}, {_chance(found.p)}"
    name = "KS" if found.test == "ks" else "TV"
    text = f"{name} {numbers.plain(found.effect, 2)}, {_chance(found.p)}"
    told = "" if quiet else _means(test.column, reference, current) if found.test == "ks" else _most_moved(old, new)
    if test.moved and found.test == "ks" and found.effect >= APART and running(test.column, reference, current):
        told = f"{told}, " * bool(told) + "which looks like an id or a clock: name it as `key`, or list `drift.columns`"
    return f"{text}; {told}" if told else text


def finite(column: str, side: Side) -> npt.NDArray[np.float64]:
    """Return the sample's finite values of a number."""
    values: npt.NDArray[np.float64] = side.sample[column].to_numpy().astype(np.float64)
    return values[np.isfinite(values)]


def mean(column: str, side: Side) -> float | None:
    """Return the mean of the sample's finite values, None where there is none."""
    values = finite(column, side)
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(values.mean()) if values.size else float("nan")
    return found if np.isfinite(found) else None


def shares(column: Column) -> dict[str, float]:
    """Return the share of each level among the values."""
    levels = counted(column)
    total = sum(levels.values())
    return {level: count / total for level, count in levels.items()} if total else {}


def listed(levels: list[str], most: int = 5) -> str:
    """Return the first few levels, quoted."""
    shown = ", ".join(_quoted(level) for level in levels[:most])
    return f"{shown} and {len(levels) - most:,} more" if len(levels) > most else shown


def _quoted(level: str) -> str:
    return ALL_OTHERS if level == OTHERS else repr(level if len(level) <= 40 else f"{level[:39]}…")


def _chance(p: float) -> str:
    return f"p < {SMALLEST_P:.0e}".replace("e-0", "e-") if p < SMALLEST_P else f"p = {numbers.plain(p, 2)}"


def _means(column: str, reference: Side, current: Side) -> str:
    old, new = mean(column, reference), mean(column, current)
    return "" if old is None or new is None else f"mean {' → '.join(numbers.pair(old, new))}"


def _most_moved(reference: Column, current: Column) -> str:
    old, new = shares(reference), shares(current)
    apart = {level: new.get(level, 0) - old.get(level, 0) for level in {**old, **new}}
    level = max(apart, key=lambda level: (round(abs(apart[level]), 9), apart[level]), default=None)
    if level is None:
        return ""
    return f"{listed([level])} {' → '.join(numbers.pair(old.get(level, 0), new.get(level, 0), 'share'))}"
