"""Memory and clock of this machine."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding
from ci_kit.parts import Check

MEMORY = 1.0
"""GiB that should be free: a check of 10 million rows of 20 columns took as much, the drift report half of it."""
SKEW = timedelta(minutes=5)
"""Clocks that differ by more are refused by Kerberos and, with OAuth's usual leeway, by clouds."""
PROC, GROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")
GIB = 2**30


def machine(context: Context) -> Iterator[Check]:
    """Yield what is short, and a clock that is wrong."""
    free = memory()
    if free is not None and free < MEMORY * GIB:
        why = "A step that runs out of memory is killed without a word."
        hint = "End what else runs here, or take a larger runner"
        observed = f"{free / GIB:.1f} GiB free"
        yield finding("memory", "Little memory is free", observed=observed, why=why, hint=hint, status="warn")
    newest = context.git.read("log", "-1", "--format=%ct") if context.top else None
    if newest and datetime.fromtimestamp(int(newest), UTC) > context.now + SKEW:
        ahead = datetime.fromtimestamp(int(newest), UTC)
        why = "Servers refuse tokens and certificates whose time has not come, and windows of drift get wrong dates."
        hint = "Type: timedatectl status, or see to the clock that made the commit"
        observed = f"it is {context.now:%Y-%m-%d %H:%M} here, and HEAD is of {ahead:%Y-%m-%d %H:%M} (UTC)"
        yield finding("clock", "A clock is wrong", observed=observed, why=why, hint=hint, status="warn")


def memory(proc: Path = PROC, group: Path = GROUP) -> int | None:
    """Return the bytes that are free for us, by the kernel and by our control group; None where neither tells."""
    known = []
    if match := re.search(r"^MemAvailable:\s+(\d+) kB", _text(proc), re.MULTILINE):
        known.append(int(match[1]) * 1024)
    most, used = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if most.isdecimal() and used.isdecimal():
        # What files have in the cache is given back first.
        cached = re.search(r"^inactive_file (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
        known.append(int(most) - int(used) + (int(cached[1]) if cached else 0))
    return min(known, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return ""
