"""Whether the kernel has killed something of ours for memory: it tells the control group, and nobody else."""

import contextlib
import re
from pathlib import Path

ROOT, MINE = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_KILLS = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def kills(root: Path = ROOT, mine: Path = MINE) -> int:
    """Return how many processes of our memory control group the kernel has killed so far; 0 where it does not tell."""
    with contextlib.suppress(OSError, ValueError):
        for line in mine.read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            inside = path.lstrip("/")
            if controllers == "":  # version 2, whose root may be our own group's
                found = [root / inside / "memory.events", root / "memory.events"]
            elif "memory" in controllers.split(","):
                found = [root / "memory" / inside / "memory.oom_control", root / "memory" / "memory.oom_control"]
            else:
                continue
            for file in found:
                if file.is_file() and (match := _KILLS.search(file.read_text("utf-8"))):
                    return int(match[1])
    return 0
