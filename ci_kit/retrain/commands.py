"""What an update runs: the user's shell commands, ci-kit itself, DVC; each under supervision and without our token."""

import shutil
import sys
from collections.abc import Sequence

from ci_kit import actions
from ci_kit.errors import Cancelled
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.progress import busy
from ci_kit.retrain.scratch import STOPPED
from ci_kit.supervise import Outcome, last_words, meaning, supervise


def shell(job: Job, number: int, command: str) -> Check:
    """Run one of the user's commands in a shell that stops at the first line that fails, as GitHub's does."""
    bash = shutil.which("bash")
    program = [bash, "--noprofile", "--norc", "-eo", "pipefail"] if bash else ["sh", "-e"]
    done = run(job, [*program, "-c", command], f"Update: {command}")
    title = f"Update: {command}"
    if done.code:
        observed, words = meaning(done), last_words(done.tail) or None
        return Check(id=f"update/{number}", title=title, status="fail", observed=observed, detail=words)
    return Check(id=f"update/{number}", title=title, status="pass", observed=f"{done.seconds:,.1f} s")


def kit(job: Job, *arguments: str) -> Outcome:
    """Run a step of this very ci-kit, whatever is first on the PATH and lies in the work tree."""
    command = [sys.executable, "-P", "-m", "ci_kit", *arguments, "--directory", str(job.root)]
    return run(job, command, f"ci-kit {' '.join(arguments)}")


def run(job: Job, command: Sequence[str], title: str) -> Outcome:
    """Run a command with its output folded; raise Cancelled when we were stopped meanwhile."""
    busy("")  # what it writes has the terminal
    with actions.group(title):
        done = supervise(command, root=job.root, say=job.say)
    if done.stopped:
        raise Cancelled(STOPPED, why=f"{done.stopped} came", hint="Nothing was proposed")
    return done
