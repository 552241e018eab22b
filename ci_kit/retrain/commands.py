"""What an update runs: the user's shell commands, ci-kit itself, DVC; each under supervision and without our token."""

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ci_kit import actions
from ci_kit.data import dvc
from ci_kit.errors import Cancelled, UserError
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.retrain.scratch import deaf
from ci_kit.supervise import Outcome, environment, last_words, meaning, supervise


def shell(job: Job, number: int, command: str) -> Check:
    """Run one of the user's commands in a shell that stops at the first line that fails, as GitHub's does."""
    bash = shutil.which("bash")
    program = [bash, "--noprofile", "--norc", "-eo", "pipefail"] if bash else ["sh", "-e"]
    done = run(job, [*program, "-c", command], f"Update: {command}")
    title = f"Update: {command}"
    if done.code:
        observed, words = meaning(done.code, done.tail), last_words(done.tail) or None
        return Check(id=f"update/{number}", title=title, status="fail", observed=observed, detail=words)
    return Check(id=f"update/{number}", title=title, status="pass", observed=f"{done.seconds:,.1f} s")


def kit(job: Job, *arguments: str) -> Outcome:
    """Run a step of this very ci-kit, whatever is first on the PATH and lies in the work tree."""
    command = [sys.executable, "-P", "-m", "ci_kit", *arguments, "--directory", str(job.root)]
    return run(job, command, f"ci-kit {' '.join(arguments)}")


def push(job: Job) -> Check | None:
    """Bring the bytes to DVC's remote, which must be before anybody sees the pointers; None without DVC.

    Raises UserError, with DVC's own words, when that fails.
    """
    if not _uses_dvc(job.root):
        return None
    program = dvc.command()
    if program is None:
        raise UserError("DVC is not installed", why="the repository uses it", hint="Type: pip install dvc")
    listed = subprocess.run([*program, "remote", "list"], cwd=job.root, env=environment(), capture_output=True)
    if not listed.stdout.strip():
        detail = "The new data and model stay on this machine: whoever checks the pull request can't have them."
        return Check(id="push", title="DVC has no remote", status="warn", detail=detail)
    done = run(job, [*program, "push", "--run-cache"], "dvc push --run-cache")
    if done.code:
        words = next((line for line in done.tail if line.startswith("ERROR")), (done.tail or ("",))[-1])
        hint = "Nothing was proposed: check the remote with `dvc push`, then run ci-kit retrain again"
        raise UserError("DVC can't push", why=words.removeprefix("ERROR: ")[:300], hint=hint)
    return Check(id="push", title="The bytes are in DVC's remote", status="pass")


@contextlib.contextmanager
def restored(job: Job) -> Iterator[None]:
    """Bring back, at the end, the files that DVC keeps for what is then checked out."""
    try:
        yield
    finally:
        program = dvc.command() if _uses_dvc(job.root) else None
        if program:
            with deaf():
                command = [*program, "checkout", "--quiet"]
                done = subprocess.run(command, cwd=job.root, env=environment(), capture_output=True, check=False)
            if done.returncode:
                job.say("retrain: DVC could not bring back all files that were here before. Type: dvc checkout")


def run(job: Job, command: Sequence[str], title: str) -> Outcome:
    """Run a command with its output folded; raise Cancelled when we were stopped meanwhile."""
    with actions.group(title):
        done = supervise(command, root=job.root, say=job.say)
    if done.stopped:
        raise Cancelled("the retraining was stopped", why=f"{done.stopped} came", hint="Nothing was proposed")
    return done


def _uses_dvc(root: Path) -> bool:
    top = root.resolve()
    for folder in (top, *top.parents):
        if (folder / ".dvc").is_dir():
            return True
        if (folder / ".git").exists():
            break
    return False
