"""How far a training is: from what it prints, and from the curves that it writes as it goes."""

import json
import re
from collections import deque
from pathlib import Path
from typing import Any

from ci_kit.train.curves import STEPS
from ci_kit.train.metrics import Members, leaves, named, number

TAIL = 2**16  # bytes of a growing file that are looked at
WINDOW = 60.0  # seconds over which the rate is taken
_OF = re.compile(r"\b(epoch|step|iter(?:ation)?|batch)\b\s*[:=#]?\s*(\d{1,12})\s*(?:/|of)\s*(\d{1,12})", re.IGNORECASE)
_TQDM = re.compile(r"\d{1,3}%\|[^|]*\|\s*(\d{1,12})/(\d{1,12}) \[")
_LOSS = re.compile(r"\b((?:[A-Za-z]+[_/ ])?loss)\b\s*[:=]?\s*(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\b", re.IGNORECASE)


class Counter:
    """Where one count stands, and how fast it grows: `at` and `of` (None where the end is not known).

    `done` is how many are done: of epochs, most programs name the one that begins.
    """

    def __init__(self) -> None:
        self.at = self.done = 0.0
        self.of: float | None = None
        self._past: deque[tuple[float, float]] = deque()

    def move(self, now: float, at: float, of: float | None, done: float) -> None:
        """Take a new state; a count that has gone back has begun anew."""
        if at < self.at:
            self._past.clear()
        self.at, self.of, self.done = at, of or self.of, done
        if not self._past or self._past[-1][1] != at:
            self._past.append((now, at))
        while len(self._past) > 2 and self._past[1][0] < now - WINDOW:
            self._past.popleft()

    def rate(self) -> float:
        """Return the growth per second over the last minute, 0 while it is not known."""
        if len(self._past) < 2:
            return 0.0
        return (self._past[-1][1] - self._past[0][1]) / max(self._past[-1][0] - self._past[0][0], 1e-9)

    def left(self, now: float) -> float | None:
        """Return the seconds until all are done, None where that is not known."""
        rate = self.rate()
        return max(0.0, (self.of - self.done) / rate - (now - self._past[-1][0])) if self.of and rate else None


class Progress:
    """Counts (`epoch`, `step`, …) and the last loss; `files` are looked at in turn, the first one there counts.

    A file is JSON Lines, whose last line counts, or DVCLive's `metrics.json`.
    """

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files, self._counters, self.loss = files, dict[str, Counter](), ""

    def hear(self, now: float, text: str) -> None:
        """Take what the training printed."""
        # Most output has none of it, and to look for a word is much cheaper than a pattern.
        losses = [*_LOSS.finditer(text)] if "oss" in text or "OSS" in text else []
        counts = "/" in text or " of " in text
        if counts and (found := [*_OF.finditer(text)]):
            name, at, of = found[-1][1].lower(), float(found[-1][2]), float(found[-1][3])
            begins = name == "epoch" and not losses
            self._move(now, name, at, of, at - 1 if begins else at)
        elif "%|" in text and (bars := [*_TQDM.finditer(text)]):
            self._move(now, "step", float(bars[-1][1]), float(bars[-1][2]), float(bars[-1][1]))
        if losses:
            self.loss = f"{losses[-1][1].lower()} {float(losses[-1][2]):.4g}"

    def look(self, now: float) -> None:
        """Take what it wrote."""
        record = next((found for path in self._files if (found := _last(path))), {})
        for name in STEPS:
            if name in record:
                key = "epoch" if name == "epoch" else "step"
                of = next((record[one] for one in (f"total_{name}s", f"max_{name}s") if one in record), None)
                self._move(now, key, record[name], of, record[name])
        if loss := next((name for name in record if name.rpartition("/")[2].endswith("loss")), None):
            self.loss = f"{loss} {record[loss]:.4g}"

    def rate(self) -> tuple[str, float]:
        """Return what is counted, and how many of it are done in a second: steps before epochs."""
        names = sorted(self._counters, key=lambda name: name == "epoch")
        return next(((name, rate) for name in names if (rate := self._counters[name].rate())), ("step", 0.0))

    def left(self, now: float) -> float | None:
        """Return the seconds until the last count whose end is known is there."""
        return max((left for one in self._counters.values() if (left := one.left(now)) is not None), default=None)

    def parts(self) -> list[str]:
        """Return where it stands, as words."""
        counts = [
            f"{name} {one.at:,.0f}" + (f" of {one.of:,.0f}" if one.of else "") for name, one in self._counters.items()
        ]
        return [*counts, *([self.loss] if self.loss else [])]

    def _move(self, now: float, name: str, at: float, of: float | None, done: float) -> None:
        name = "step" if name.startswith("iter") else name
        self._counters.setdefault(name, Counter()).move(now, at, of, done)


def _last(path: Path) -> dict[str, float]:
    """Return the numbers of the last whole record of a file that grows, or is written anew."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            text = file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return {}
    whole = [text] if path.suffix == ".json" else text.rpartition("\n")[0].splitlines()[-1:]
    try:
        record: Any = json.loads(whole[0], object_pairs_hook=Members) if whole else Members()
    except (ValueError, RecursionError):
        return {}
    pairs = leaves(record) if isinstance(record, Members) else ()
    found = ((named(one), number(raw)) for one, raw in pairs)
    return {name: value for name, value in found if value is not None and abs(value) < 1e15}
