"""The command as it is started: in a shell, or by torchrun for several processes."""

import re
import shlex
import shutil

from ci_kit.errors import UserError
from ci_kit.sections import Train

_SHELL = re.compile(r"[;|&<>`$\n]")


def command(train: Train, gpus: int) -> list[str]:
    """Return the words of the command; raise UserError for one that its launcher can't start.

    The shell stops at the first line that fails, as GitHub's does.
    """
    if train.launcher == "torchrun" and train.command is None:
        raise UserError("train.launcher needs train.command", why="the stages of DVC start their own commands")
    if train.launcher == "torchrun":
        return _torchrun(str(train.command), train.processes or gpus or 1)
    bash = shutil.which("bash")
    shell = [bash, "--noprofile", "--norc", "-eo", "pipefail"] if bash else ["sh", "-e"]
    return [*shell, "-c", str(train.command)]


def _torchrun(text: str, processes: int) -> list[str]:
    """Return torchrun on this machine.

    Without restarts of its own: a worker that it started again hung in 4 of 10 runs, waiting for the one before; the
    whole command is started again instead. `--` keeps it from taking the script's options for its own.
    """
    words = shlex.split(text) if not _SHELL.search(text) and text.count("'") % 2 == text.count('"') % 2 == 0 else []
    if words[:1] in (["python"], ["python3"]):
        words = words[1:]
    if not words or not words[0] or words[0].startswith("-"):
        why = "`train.launcher: torchrun` starts it itself, without a shell"
        raise UserError(
            "train.command must be a script and its arguments", why=why, hint="Such as: train.py --epochs 5"
        )
    python = shutil.which("python") or shutil.which("python3") or "python3"
    options = ["--standalone", f"--nproc-per-node={processes}", "--max-restarts=0"]
    return [python, "-m", "torch.distributed.run", *options, "--", *words]
