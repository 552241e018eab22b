"""The command as it is started: in a shell, by torchrun for several processes, or on a Ray cluster."""

import importlib.util
import os
import re
import shlex
import shutil
import sys
from pathlib import PurePosixPath

from ci_kit.errors import UserError
from ci_kit.sections import Train, duration
from ci_kit.train.cluster.order import Order

_STRICT = ("--noprofile", "--norc", "-eo", "pipefail", "-c")
_SHELL = re.compile(r"[;|&<>`$\n]")


def command(train: Train, gpus: int, outputs: tuple[str, ...] = ()) -> list[str]:
    """Return the words of the command; raise UserError for one that its launcher can't start.

    The shell stops at the first line that fails, as GitHub's does. `outputs` are what a cluster sends back.
    """
    if train.launcher != "local" and train.command is None:
        raise UserError("train.launcher needs train.command", why="the stages of DVC start their own commands")
    if train.launcher == "torchrun":
        # `--` keeps torchrun from taking the options of the script for its own.
        return [*torchrun(train, gpus), "--", *_script(str(train.command))]
    if train.launcher == "ray":
        return _ray(train, outputs)
    bash = shutil.which("bash")
    return [bash, *_STRICT, str(train.command)] if bash else ["sh", "-e", "-c", str(train.command)]


def _ray(train: Train, outputs: tuple[str, ...]) -> list[str]:
    """Return the process that stands here for the job on the cluster."""
    if importlib.util.find_spec("ray") is None:
        raise UserError("train.launcher: ray needs Ray", hint="Type: pip install 'ray[default]'", code="config/install")
    if train.gpu == "required" and not train.ray.gpus:
        why = "train.gpu is about this machine"
        raise UserError("no GPU is asked of the Ray cluster", why=why, hint="Set `train.ray.gpus`, such as to 1")
    paths = [PurePosixPath(name) for name in outputs]
    order = Order(
        command=("bash", *_STRICT, str(train.command)),
        outputs=tuple(str(path) for path in paths if not set(path.parents) & set(paths)),
        exclude=train.ray.exclude,
        address=train.ray.address,
        gpus=train.ray.gpus,
        cpus=train.ray.cpus,
        wait=duration(train.ray.wait).total_seconds(),
    )
    return [sys.executable, "-P", "-m", "ci_kit.train.cluster", order.text()]


def node(train: Train) -> int:
    """Return which of the machines that train together this is; raise UserError for one that is none of them."""
    found = train.node if train.node is not None else int(os.environ.get("SLURM_NODEID", "0") or 0)
    if train.nodes == 1:
        return 0
    if found >= train.nodes or train.launcher != "torchrun" or not (train.rendezvous and train.checkpoints):
        hint = "Set `launcher: torchrun`, `rendezvous`, `checkpoints` (a folder that all share) and `node` (from 0)"
        raise UserError(f"machine {found} of {train.nodes} can't train with the others", hint=hint)
    return found


def torchrun(train: Train, gpus: int) -> list[str]:
    """Return torchrun without its script.

    Without restarts of its own: a worker that it started again hung in 4 of 10 runs, waiting for the one before; the
    whole command is started again instead. Machine 0 holds what the others meet at.
    """
    python = shutil.which("python") or shutil.which("python3") or "python3"
    options = [f"--nproc-per-node={train.processes or gpus or 1}", "--max-restarts=0"]
    if train.nodes == 1:
        return [python, "-m", "torch.distributed.run", "--standalone", *options]
    host, _, port = str(train.rendezvous).rpartition(":")
    # Not by an elastic rendezvous: it would give rank 0, which writes, to whichever machine it likes.
    meeting = [f"--nnodes={train.nodes}", f"--node-rank={node(train)}"]
    meeting += [f"--master-addr={host}", f"--master-port={port}"]
    return [python, "-m", "torch.distributed.run", *meeting, *options]


def _script(text: str) -> list[str]:
    """Return the script and its arguments, which torchrun starts without a shell."""
    words = shlex.split(text) if not _SHELL.search(text) and text.count("'") % 2 == text.count('"') % 2 == 0 else []
    if words[:1] in (["python"], ["python3"]):
        words = words[1:]
    if not words or not words[0] or words[0].startswith("-"):
        why = "`train.launcher: torchrun` starts it itself, without a shell"
        raise UserError(
            "train.command must be a script and its arguments", why=why, hint="Such as: train.py --epochs 5"
        )
    return words
