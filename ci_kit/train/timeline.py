"""Measurements over time, in bounded room however long the run."""

from collections.abc import Mapping

from ci_kit.parts import Chart, Series
from ci_kit.train.curves import POINTS

CPU = "CPU (100 % is one core)"
LEAST = 10  # stretches of a second below which there is nothing to see


class Timeline:
    """Means of what is measured, in at most 200 stretches of equal length: twice as long whenever they are too many."""

    def __init__(self) -> None:
        self._width = 1.0
        self._stretches: dict[int, dict[str, tuple[float, int]]] = {}

    def add(self, at: float, values: Mapping[str, float]) -> None:
        """Take what was measured `at` so many seconds after the start."""
        while int(at / self._width) >= POINTS:
            self._halve()
        stretch = self._stretches.setdefault(int(at / self._width), {})
        for name, value in values.items():
            total, count = stretch.get(name, (0.0, 0))
            stretch[name] = (total + value, count + 1)

    def charts(self) -> tuple[Chart, ...]:
        """Draw work and memory; nothing of a run of less than ten seconds."""
        if len(self._stretches) < LEAST:
            return ()
        drawn = (self._draw("At work", "percent", ("GPU", CPU)), self._draw("Memory", "GiB", ("GPU memory", "memory")))
        return tuple(chart for chart in drawn if chart)

    def _draw(self, title: str, unit: str, names: tuple[str, ...]) -> Chart | None:
        seconds = self._width * max(self._stretches)
        axis, scale = ("hours", 3600) if seconds > 7200 else ("minutes", 60) if seconds > 120 else ("seconds", 1)
        series = []
        for name in names:
            points = [
                ((at + 0.5) * self._width / scale, total / count)
                for at, stretch in sorted(self._stretches.items())
                for total, count in [stretch.get(name, (0.0, 0))]
                if count
            ]
            if points:
                series.append(Series(name=name, x=tuple(x for x, _ in points), y=tuple(y for _, y in points)))
        return Chart(kind="line", title=f"{title} ({unit})", x=axis, y=unit, series=tuple(series)) if series else None

    def _halve(self) -> None:
        merged: dict[int, dict[str, tuple[float, int]]] = {}
        for at, stretch in self._stretches.items():
            into = merged.setdefault(at // 2, {})
            for name, (total, count) in stretch.items():
                before, many = into.get(name, (0.0, 0))
                into[name] = (before + total, many + count)
        self._stretches, self._width = merged, 2 * self._width
