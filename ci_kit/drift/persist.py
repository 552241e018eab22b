"""Persistence: a column alarms when it moved in k of the last n windows, the newest one among them.

Only windows that could be judged count. One that had too few rows, was empty or was never looked at says nothing: it
neither confirms nor resets, so that a quiet weekend can't silence an alarm. Evidence against another reference, such as
the one before a retraining, or from windows of another length is left out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ci_kit.result import Result
from ci_kit.sections import Alarm

_COUNTED = re.compile(r"(data|prediction|nulls)/")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """In how many of the last windows a column moved, `since` which one without a break, and whether that alarms.

    `needs` is how many of how many windows an alarm takes.
    """

    windows: int
    of: int
    since: str
    alarm: bool
    needs: str

    @property
    def words(self) -> str:
        """Say it: `in 2 of the last 2 windows, since 2026-11-18`; and what an alarm takes where it is none."""
        often = f"in {self.windows} of the last {self.of} windows" if self.of > 1 else "in this window"
        said = f"{often}, since {self.since}"
        return said if self.alarm else f"{said}; an alarm needs {self.needs}"


def standing(check: str, began: str, past: Sequence[Result], alarm: Alarm) -> Standing:
    """Return how long the check of that id has moved, if it did in the window that `began` then.

    `past` are the windows before it, as `evidence` returns them.
    """
    history = [check in movements(result) for result in past]
    recent = [*history[max(0, len(history) - alarm.of + 1) :], True] if alarm.of > 1 else [True]
    run = next((back for back, has_moved in enumerate(reversed(history)) if not has_moved), len(history))
    first = past[len(past) - run] if run else None
    since = since_when(str(first.name), _start(first), first.run.started) if first else began
    needs, enough = f"{alarm.windows} of {alarm.of} windows", sum(recent) >= alarm.windows
    return Standing(windows=sum(recent), of=len(recent), since=since, alarm=enough, needs=needs)


def evidence(past: Sequence[Result], window: str, start: float, reference: str) -> list[Result]:
    """Return the conclusive windows before this one, oldest first, that were judged against the same reference."""
    return [
        result
        for result in past
        if result.name
        and result.name != window
        and kindred(result.name) == kindred(window)
        and _start(result) <= start
        and result.source.data.get("reference") == reference
        and conclusive(result)
    ]


def conclusive(result: Result) -> bool:
    """Say whether the window had enough rows for a verdict."""
    checks = {check.id: check.status for check in result.checks}
    return "window" in checks and checks.get("rows") == "pass"


def movements(result: Result) -> frozenset[str]:
    """Return the ids of the checks that moved in a window, whether they alarmed or not yet."""
    found = (check.id for check in result.checks if check.status in {"warn", "fail"})
    return frozenset(name for name in found if _COUNTED.match(name))


def kindred(window: str) -> str:
    """Return what windows that can follow one another have in common: their length."""
    first, _, length = window.partition("-")
    return first if first == "all" else length


def since_when(window: str, start: float, started: str) -> str:
    """Return when a window began: `2026-11-18`, `2026-11-18 06:00`, `row 451`, or the day on which it was judged."""
    if re.match(r"\d{8}t\d{6}z-", window):
        moment = datetime.fromtimestamp(start, UTC)
        return f"{moment:%Y-%m-%d}" if moment.timestamp() % 86400 == 0 else f"{moment:%Y-%m-%d %H:%M}"
    return started[:10] if kindred(window) == "all" else f"row {start + 1:,.0f}"


def _start(result: Result) -> float:
    metric = result.metrics.get("window_start")
    return metric.value if metric else 0.0
