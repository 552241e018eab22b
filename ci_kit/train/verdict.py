"""What the end of a command means, as checks, metrics and sentences."""

import os
import re
import signal
from pathlib import Path

from ci_kit.parts import Check, Metric
from ci_kit.train import dvc
from ci_kit.train.supervise import Outcome

_DETAIL, _LINE = 3500, 400
_FULL = re.compile(r"No space left on device|ENOSPC|\[Errno 28\]")
_NOT_ENTERED = frozenset({".git", ".dvc", ".venv", "venv", "node_modules", "__pycache__", ".ci-kit"})
_MOST_ENTRIES = 20_000


def telemetry(outcome: Outcome) -> dict[str, Metric]:
    """Return what the command took: seconds, CPU seconds of the whole tree, and the peak of its resident bytes."""
    measured = {
        "wall_time": Metric(value=outcome.seconds, unit="s", direction="down"),
        "cpu_time": Metric(value=outcome.cpu, unit="s", direction="down"),
    }
    if outcome.memory:
        measured["peak_memory"] = Metric(value=outcome.memory, unit="bytes", direction="down")
    return measured


def success(outcome: Outcome, *, ran: bool, changed: bool) -> Check:
    """Return the check of a command that ended well; `ran` is false when DVC found no stage to run."""
    if ran:
        return Check(id="command", title="Training", status="pass", observed=f"{outcome.seconds:.1f} s")
    if changed:
        title = "Restored from DVC's run cache, not trained again"
        return Check(id="command", title=title, status="pass", observed=f"{outcome.seconds:.1f} s")
    return Check(id="command", title="Nothing changed, training skipped", status="skip", observed="dvc.lock is current")


def failure(outcome: Outcome, by_dvc: bool, word: str = "command", title: str = "Training") -> Check:
    """Return the failed check, with the exit code, what it is known to mean, and the last lines of the output."""
    code = dvc.exit_code(outcome.code, outcome.tail) if by_dvc else outcome.code
    lines: list[str] = []
    split = 2 if outcome.tail[1:2] == ("…",) else 0  # an exception that the last lines are part of
    for line in reversed(outcome.tail[split:]):
        lines.insert(0, line[:_LINE])
        if sum(map(len, lines)) + len(lines) > _DETAIL:
            lines.pop(0)
            break
    lines = [line[:_LINE] for line in outcome.tail[:split]] + lines
    observed = meaning(code, outcome.tail)
    return Check(id=word, title=title, status="fail", observed=observed, detail="\n".join(lines) or None)


def meaning(code: int, tail: tuple[str, ...]) -> str:
    """Say what an exit code means; a shell adds 128 to the number of the signal that ended its command."""
    number = -code if code < 0 else code - 128
    known = {item.value: item.name for item in signal.Signals}
    if any(_FULL.search(line) for line in tail):
        return f"exit {code}: no space left on the disk"
    if number == signal.SIGKILL:
        return f"exit {code}: killed by SIGKILL, probably out of memory"
    if number == signal.SIGTERM:
        return f"exit {code}: ended by SIGTERM, which ci-kit did not send: something else stopped it"
    if number in known:
        return f"exit {code}: ended by {known[number]}"
    if code in (126, 127):
        return f"exit {code}: " + ("the command is not executable" if code == 126 else "no such command")
    return f"exit {code}"


def left(outcome: Outcome) -> tuple[Check, ...]:
    """Return a warning that names the background processes that had to be killed."""
    if not outcome.left or outcome.stopped:
        return ()
    title = "The command left processes running; they were ended"
    detail = "\n".join(outcome.left)
    return (Check(id="processes", title=title, status="warn", observed=str(len(outcome.left)), detail=detail),)


def absent(word: str, output: Check) -> Check:
    """Turn the verdict on a file into that on what should have been read from it."""
    title = output.title.replace("Output", word.capitalize(), 1)
    return output.model_copy(update={"id": word, "title": title})


def written(root: Path, since: float) -> list[str]:
    """Return up to 10 files changed at or after the time `since`, newest first: the checkpoints of a stopped command.

    At most 20,000 entries are looked at, and none in git's, DVC's and environments' folders.
    """
    found: list[tuple[float, str]] = []
    looked = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _NOT_ENTERED]
        for name in names:
            path = Path(folder) / name
            changed = path.lstat().st_mtime if path.exists() else 0.0
            if changed >= since:
                found.append((changed, path.relative_to(root).as_posix()))
        looked += len(names)
        if looked > _MOST_ENTRIES:
            break
    return [name for _, name in sorted(found, reverse=True)[:10]]
