"""The stages of a DVC pipeline: how long each took that was run, and which were not run again."""

import re
import time
from collections.abc import Callable, Iterable

from ci_kit.parts import Metric
from ci_kit.render.took import STAGE

MOST = 500  # stages beyond which nobody reads on
# As DVC 3 says it: run; or not, as it is unchanged, or as the run cache has what it would write.
_SAID = re.compile(r"(Running s|S)tage '([^']{1,150})'(?::| didn't change| is cached)")


class Stages:
    """What DVC says while it reproduces a pipeline: which stages it `ran`; one that is not run takes no time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._seconds = clock, dict[str, float]()
        self._runs, self._since = "", 0.0
        self.ran = set[str]()

    def hear(self, line: str) -> None:
        """Take a line of DVC's output: a stage takes until DVC comes to the next one."""
        if said := _SAID.search(line):
            self.end()
            self._seconds.setdefault(said[2], 0.0)
            if said[1] != "S":
                self._runs, self._since = said[2], self._clock()
                self.ran.add(said[2])

    def end(self) -> None:
        """End the stage that runs: DVC has come to its end, or to another stage."""
        if self._runs:
            self._seconds[self._runs] += max(self._clock() - self._since, 1e-3)
        self._runs = ""

    def metrics(self) -> dict[str, Metric]:
        """Return what each took, in seconds: 0 for one that was not run, as nothing had changed or it was restored."""
        return {f"{STAGE}{name}": Metric(value=value, unit="s") for name, value in [*self._seconds.items()][:MOST]}


def reused(names: Iterable[str]) -> dict[str, Metric]:
    """Return the same for stages of which none was run."""
    return {f"{STAGE}{name}": Metric(value=0, unit="s") for name in [*names][:MOST]}
