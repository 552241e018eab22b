"""When a command is to be ended, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a command may not do: nothing for `stall` seconds, unless a GPU is `busy`; run beyond the time `until`.

    `until` is `time.monotonic()`'s; `saving` seconds before it the command is asked to save and end.
    """

    stall: float | None = None
    busy: Callable[[], bool] = lambda: False
    until: float = float("inf")
    saving: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended: `code` is negative for a signal, times are seconds, memory is bytes.

    `stopped` names the signal that we got and `stopping` is the time from then to the end; `left` are the background
    processes that had to be killed. `stalled` are the seconds that it had done nothing before it was ended for that;
    `late` says that its time was up, `oom` that the kernel killed something for memory.
    """

    code: int
    seconds: float
    cpu: float
    memory: int
    tail: tuple[str, ...]
    stopped: str | None = None
    stopping: float = 0.0
    left: tuple[str, ...] = ()
    stalled: float = 0.0
    late: bool = False
    oom: bool = False
