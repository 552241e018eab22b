"""Tell how a training is doing while it runs, and what it did with the machine afterwards."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ci_kit.parts import Chart, Check, Metric
from ci_kit.sections import Price
from ci_kit.supervise import Usage
from ci_kit.train.gpu import Gpus
from ci_kit.train.progress import Progress
from ci_kit.train.timeline import CPU, Timeline
from ci_kit.train.waiting import Waiting

EVERY, LATER, AFTER = 10.0, 30.0, 300.0  # seconds between two lines, those after a while, and that while
LOOK = 4.0  # seconds between two looks at what it writes: two before the first line, for a rate
GIB = 2**30


class Teller:
    """What is known of all attempts of one training; `spent` is what the runs before this one have cost.

    A training that does not run `here` is on a cluster: what its processes use is not known.

    `say` gets a line every ten seconds, after five minutes every thirty; `show` gets its parts.
    """

    def __init__(
        self,
        *,
        files: tuple[Path, ...],
        gpus: Gpus | None,
        here: bool = True,
        price: Price | None,
        spent: float = 0.0,
        say: Callable[[str], None],
        show: Callable[[Sequence[str]], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._here, self._gpus, self._price, self._spent, self._say, self._show = here, gpus, price, spent, say, show
        self._progress, self._timeline, self._waiting, self._clock = Progress(files), Timeline(), Waiting(), clock
        self._start = self._told = self._looked = self._last = clock()
        self._cpu: dict[int, float] = {}
        self._rates: list[tuple[str, float]] = []

    def hear(self, text: str) -> None:
        """Take what the training printed."""
        self._progress.hear(self._clock(), text)

    def note(self, usage: Sequence[Usage]) -> None:
        """Take what its processes use, and say how it is doing when it is time."""
        now = self._clock()
        seconds, self._last = max(now - self._last, 1e-3), now
        cores = sum(max(0.0, one.cpu - self._cpu.get(one.pid, 0.0)) for one in usage) / seconds
        self._cpu = {one.pid: one.cpu for one in usage}
        memory = sum(one.memory for one in usage)
        measured = {CPU: 100 * cores, "memory": memory / GIB}
        parts = [f"{cores:.1f} cores", f"{memory / GIB:.1f} GiB"] if self._here else []
        if self._gpus and (use := self._gpus.use) is not None:
            measured |= {"GPU": use, "GPU memory": self._gpus.memory / GIB}
            parts.append(f"GPU {use:.0f} %, {self._gpus.memory / GIB:.1f} GiB")
            self._waiting.note(usage, self._gpus.pids, use, seconds)
        if self._here:
            self._timeline.add(now - self._start, measured)
        if now - self._looked >= LOOK:
            self._looked = now
            self._progress.look(now)
        if now - self._told >= (EVERY if now - self._start < AFTER else LATER):
            self._told = now
            self._tell(now, parts)

    def _tell(self, now: float, parts: list[str]) -> None:
        name, rate = self._progress.rate()
        self._rates += [(name, rate)] if rate else []
        left = self._progress.left(now)
        line = [
            *self._progress.parts(),
            *([f"{rate:.3g} {name}s/s"] if rate else []),
            *([f"{_clock(left)} left"] if left is not None else []),
            *parts,
            *([self._money(now)] if self._price else []),
        ]
        self._show([f"{_clock(now - self._start)} so far", *line])
        self._say(f"train: {_clock(now - self._start)}: {', '.join(line)}")

    def _money(self, now: float) -> str:
        price = self._price
        return f"{self._spent + (now - self._start) / 3600 * price.per_hour:,.2f} {price.currency}" if price else ""

    def metrics(self) -> dict[str, Metric]:
        """Return the median of the throughput, where steps or epochs could be counted."""
        named = [rate for name, rate in self._rates if name == self._rates[-1][0]]
        if not named:
            return {}
        middle = sorted(named)[len(named) // 2]
        return {"throughput": Metric(value=middle, unit=f"{self._rates[-1][0]}s/s", direction="up", n=len(named))}

    def charts(self) -> tuple[Chart, ...]:
        """Return the work and the memory of GPU and CPU over time."""
        return self._timeline.charts()

    def checks(self) -> tuple[Check, ...]:
        """Return what the GPU waited for."""
        return self._waiting.checks()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
