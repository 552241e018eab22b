"""What the drift check left behind, read as what it may be where it comes from another job: hostile data."""

import re
import stat
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.result import FOLDER, MAX_BYTES, RESULT_NAME, Result, parse, result_path

WINDOWS, MOST = "windows", 400  # the folder below .ci-kit, and how many of them one run may record
# What, if it has only begun to move, is neither an alarm nor quiet.
MOVING = ("data/", "prediction/", "nulls/")


def read(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Return the bytes of a regular file of at most `limit` bytes; raise UserError for anything else."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path.name} is no regular file")
        if found.st_size > limit:
            raise UserError(f"{path.name} has {found.st_size:,} bytes", why=f"at most {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} can't be read", why=error.strerror or "") from error


def judged(job: Job) -> Result:
    """Return the drift check's Result of this very commit; raise UserError where there is none."""
    path = result_path(job.root, "drift")
    if not path.exists():
        raise UserError("nothing to retrain for", why=f"no {FOLDER}/{path.name}", hint="Run ci-kit drift first")
    found = parse(read(path), path.name)
    _own(found, job, path, name=None)
    if not broken(found):
        window(found)
    return found


def windows(job: Job) -> tuple[list[Result], list[str]]:
    """Return the windows that this run has judged, by name, and why any other file there is not one."""
    found, damaged = [], []
    for path in sorted((job.folder / WINDOWS).glob("*.json"))[:MOST]:
        try:
            one = parse(read(path), path.name)
            _own(one, job, path, name=path.stem)
        except UserError as error:
            damaged.append(str(error))
        else:
            found.append(one)
    return found, damaged


def beside(job: Job, step: str, name: str | None = None) -> Result | None:
    """Return another Result of this run, None where there is none, or none that can be used."""
    path = result_path(job.root, step, name)
    try:
        found = parse(read(path), path.name)
    except UserError:
        return None
    return found if (found.step, found.name) == (step, name) else None


def compared(job: Job) -> tuple[str, ...]:
    """Return the data sets that both models are scored on; none where no evaluation is configured."""
    names = job.config.retrain.compare or (job.config.evaluate.data,)
    return tuple(name for name in dict.fromkeys(names) if name in job.config.data)


def window(drift: Result) -> str:
    """Return the id of the window that the Result speaks of; raise UserError where it names none."""
    check = next((check for check in drift.checks if check.id == "window"), None)
    found = (check.observed or "") if check else ""
    if not re.fullmatch(RESULT_NAME, found) or ".." in found:
        raise UserError("drift.json names no window", hint="Run ci-kit drift again")
    return found


def broken(drift: Result) -> bool:
    """Say whether the drift check could not judge at all, which says nothing about drift."""
    return any(check.id == "error" for check in drift.checks)


def quiet(drift: Result) -> bool:
    """Say whether nothing drifts in that window: not alarmed, not open, and nothing has begun to move."""
    return drift.status != "skip" and not any(_stirs(check, drift) for check in drift.checks)


def _stirs(check: Check, drift: Result) -> bool:
    if check.status == "unsure" and check.id == "performance":
        # A few hundred labels can hardly ever rule a fall out: it stays open only where there surely was some fall.
        return any(_fell(drift.metrics.get(f"{name}@change")) for name in ("accuracy", "mae"))
    return check.status in ("fail", "unsure") or (check.status == "warn" and check.id.startswith(MOVING))


def _fell(change: Metric | None) -> bool:
    if change is None or change.low is None or change.high is None:
        return False
    return change.high < 0 if change.direction == "up" else change.low > 0


def _own(found: Result, job: Job, path: Path, name: str | None) -> None:
    if found.step != "drift" or found.name != name:
        raise UserError(f"{path.name} is no result of drift")
    if ".." in (name or ""):
        raise UserError(f"{path.name} is named by no window")
    if job.source.sha is None:
        first = "" if Git(job.root).is_repository() else "git init && "
        raise UserError(
            "there is no commit to retrain from",
            hint=f"Try: {first}git add . && git commit -m start",
            code="git/repository",
        )
    if found.source.sha != job.source.sha:
        why = f"it is of commit {str(found.source.sha)[:12]}, and {job.source.sha[:12]} is checked out"
        raise UserError(f"{path.name} is of another commit", why=why, hint="Run ci-kit drift again")
