"""How much time is left for a last checkpoint when SIGTERM has come."""

import contextlib
import os
import time
from pathlib import Path

from ci_kit.resume import ANNOUNCED, DEADLINE, GRACE

NEAR = 65.0
"""Seconds before a known end within which SIGTERM means that end: it comes a minute before. Else it is a cancel."""


def left(folder: Path | None) -> float:
    """Return the seconds from now until everything is ended; infinite without `ci-kit train`."""
    now, grace = time.time(), float(os.environ.get(GRACE) or "inf")
    announced = 0.0
    if folder:
        with contextlib.suppress(OSError, ValueError):
            announced = float((folder / ANNOUNCED).read_text("utf-8"))
    known = float(os.environ.get(DEADLINE) or 0)
    ends = [announced - now, known - now if known - now <= NEAR else 0.0]
    return max(grace, *ends)
