"""What the machine itself must offer: room on the disk and for the checkpoints, and memory that processes share."""

import shutil
from pathlib import Path

from ci_kit.parts import Check

GIB = 2**30
SHM = Path("/dev/shm")  # noqa: S108 - the kernel's own, nothing is written there
SHARED = 1.0
"""GiB that must be free in `/dev/shm`: a DataLoader's workers hand batches over there; Docker gives 64 MiB."""


def disk(root: Path, least: float) -> Check:
    """Check that `least` GiB are free where the workspace lies; a full disk kills the run."""
    free = shutil.disk_usage(root).free / GIB
    status, limit = "pass" if free >= least else "fail", f"at least {least:g} GiB"
    return Check(id="preflight/disk", title="Free disk space", status=status, observed=f"{free:.1f} GiB", limit=limit)


def checkpoints(folder: Path, size: int) -> tuple[Check, ...]:
    """Check that two more checkpoints of `size` bytes fit beside those in the folder; nothing to say of size 0.

    A new one is written whole before an old one goes, so with less than one size free the next save must fail. What a
    save that was killed left behind counts as free: the next save removes it.
    """
    left = sum(path.stat().st_size for path in folder.glob(".new-*/*") if path.is_file())
    free = shutil.disk_usage(folder).free + left
    if free >= 2 * size:
        return ()
    detail = (
        f"A new checkpoint is written before an old one is removed. Free some space in {folder},"
        " or set `train.checkpoints` to a folder on a larger disk."
    )
    title, status = "Disk space for checkpoints", "fail" if free < size else "warn"
    observed, limit = f"{amount(free)} free, the last one has {amount(size)}", f"at least {amount(2 * size)}"
    check = Check(id="preflight/checkpoints", title=title, status=status, observed=observed, limit=limit, detail=detail)
    return (check,)


def shared(place: Path | None = None) -> tuple[Check, ...]:
    """Warn where little memory can be shared between processes; nothing to say without `/dev/shm`, as on macOS."""
    place = place or SHM
    if not place.is_dir():
        return ()
    usage = shutil.disk_usage(place)
    if usage.free >= SHARED * GIB:
        return ()
    detail = (
        "Workers of a PyTorch DataLoader die there of a bus error. Start the container with `--shm-size=8g` or"
        " `--ipc=host` (in a job: `container.options`), or train with `num_workers=0`."
    )
    if usage.total >= SHARED * GIB:
        detail = f"Workers of a PyTorch DataLoader die there of a bus error. See what fills it: ls -l {place}"
    observed = f"{amount(usage.free)} of {amount(usage.total)} free in {place}"
    limit = f"at least {SHARED:g} GiB"
    title = "Memory that processes share"
    return (
        Check(id="preflight/shared-memory", title=title, status="warn", observed=observed, limit=limit, detail=detail),
    )


def amount(count: float) -> str:
    """Return a number of bytes as people read it, such as `1.5 GiB`."""
    for unit, size in (("GiB", GIB), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} bytes"
