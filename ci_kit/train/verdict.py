"""What the end of a command means, as checks, metrics and sentences."""

import os
from dataclasses import replace
from pathlib import Path

from ci_kit.parts import Check, Metric
from ci_kit.supervise import Outcome, exhausted, last_words, meaning
from ci_kit.train import dvc

SKIPPED = Check(id="command", title="Nothing changed, training skipped", status="skip", observed="dvc.lock is current")
_NOT_ENTERED = frozenset({".git", ".dvc", ".venv", "venv", "node_modules", "__pycache__", ".ci-kit"})
_MOST_ENTRIES = 20_000


def telemetry(outcome: Outcome, gpus: int = 0, *, here: bool = True) -> dict[str, Metric]:
    """Return what the command took: seconds, CPU seconds of the whole tree, and the peak of its resident bytes.

    It holds all `gpus` that it may use from its start to its end, busy or not. Of one that did not run `here` only the
    seconds are known.
    """
    measured = {"wall_time": Metric(value=outcome.seconds, unit="s", direction="down")}
    if gpus:
        measured["gpu_time"] = Metric(value=outcome.seconds * gpus, unit="s", direction="down")
    if here:
        measured["cpu_time"] = Metric(value=outcome.cpu, unit="s", direction="down")
    if here and outcome.memory:
        measured["peak_memory"] = Metric(value=outcome.memory, unit="bytes", direction="down")
    return measured


def success(outcome: Outcome, *, ran: bool, changed: bool) -> Check:
    """Return the check of a command that ended well; `ran` is false when DVC found no stage to run."""
    if ran:
        return Check(id="command", title="Training", status="pass", observed=f"{outcome.seconds:.1f} s")
    if changed:
        title = "Restored from DVC's run cache, not trained again"
        return Check(id="command", title=title, status="pass", observed=f"{outcome.seconds:.1f} s")
    return SKIPPED


def failure(outcome: Outcome, by_dvc: bool, word: str = "command", title: str = "Training") -> Check:
    """Return the failed check, with the exit code, what it is known to mean, and the last lines of the output."""
    code = dvc.exit_code(outcome.code, outcome.tail) if by_dvc else outcome.code
    observed = meaning(replace(outcome, code=code))
    return Check(id=word, title=title, status="fail", observed=observed, detail=last_words(outcome.tail) or None)


def used_up(outcome: Outcome, saved: bool) -> tuple[Check, ...]:
    """Return a failed check that names what was used up; `saved` says whether there is a checkpoint to go on from."""
    what = exhausted(outcome)
    if what is None or outcome.late or outcome.stalled:
        return ()
    help_ = "Free some, or take a larger one" if what == "the disk" else "Take smaller batches, or a larger machine"
    state = "The last checkpoint is intact: the same training goes on from it." if saved else ""
    title = f"{what.capitalize()} was used up".replace("gpu", "GPU")
    return (Check(id="exhausted", title=title, status="fail", detail=f"{help_}. {state}".strip()),)


def unfinished(outcome: Outcome) -> Check:
    """Return the check of a training whose time was up, and that has a checkpoint."""
    title = "The time is up: the next run goes on from the checkpoint"
    return Check(id="unfinished", title=title, status="fail", observed=f"{outcome.seconds:,.1f} s", limit=outcome.late)


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
