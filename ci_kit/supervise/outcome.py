"""When a command is to be ended, and how it ended."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class End:
    """An end that is known beforehand: `left` seconds from now, of which the last `saving` are for a checkpoint."""

    left: float
    saving: float
    why: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a command may not do: nothing for `stall` seconds, unless a GPU is `busy`; run beyond its `end`.

    `end` is asked several times a second, and may become known, or come nearer, at any time.
    """

    stall: float | None = None
    busy: Callable[[], bool] = lambda: False
    end: Callable[[], End | None] = lambda: None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a command ended: `code` is negative for a signal, times are seconds, memory is bytes.

    `stopped` names the signal that we got and `stopping` is the time from then to the end; `left` are the background
    processes that had to be killed. `stalled` are the seconds that it had done nothing before it was ended for that;
    `late` says why its time was up, where it was; `oom` that the kernel killed something for memory.
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
    late: str | None = None
    oom: bool = False
