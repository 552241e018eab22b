"""Processes that hold a GPU: of another container, left over from a run that was killed, or somebody's at work."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import psutil

from ci_kit.supervise.tree import title
from ci_kit.train.machine import amount

PROC, DEVICES = Path("/proc"), ("/dev/nvidia", "/dev/dxg")
# Who takes over the children of a process that has died, besides process 1.
ADOPTERS = frozenset({"systemd", "init"})


@dataclass(frozen=True, kw_only=True)
class Holder:
    """One process on a GPU; `memory` are its bytes there, 0 where NVML does not say."""

    pid: int
    kind: Literal["elsewhere", "leftover", "at work"]
    title: str
    memory: int

    @classmethod
    def of(cls, pid: int, memory: int) -> Self:
        """Look the process up.

        NVML may give the number that a process has outside this container. Here that is nobody's number, or that of a
        process that has no GPU open.
        """
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            if _open(pid) is not False:
                kind: Literal["leftover", "at work"] = "leftover" if _left(process) else "at work"
                words = title(process)
                return cls(pid=pid, kind=kind, title=words, memory=memory)
        return cls(pid=pid, kind="elsewhere", title=f"{pid} in another container, or gone", memory=memory)

    def __str__(self) -> str:
        """Return number, command line, memory, and what to type against a leftover."""
        held = f" ({amount(self.memory)})" if self.memory else ""
        remedy = f": if it is left over from a run that was killed, type: kill {self.pid}"
        return f"{self.title}{held}{remedy if self.kind == 'leftover' else ''}"


def _open(pid: int) -> bool | None:
    """Return whether the process has a GPU open, None where that can't be seen."""
    try:
        links = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None
    for link in links:
        with contextlib.suppress(OSError):
            if str(link.readlink()).startswith(DEVICES):
                return True
    return False


def _left(process: psutil.Process) -> bool:
    """Whether it is ours and has lost its parent; a daemon of the driver, such as that of MPS, never had one."""
    parent = process.parent()
    lost = parent is None or parent.pid == 1 or parent.name() in ADOPTERS
    return lost and process.uids().real == os.getuid() and not process.name().startswith("nvidia-")
