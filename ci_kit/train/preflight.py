"""What must hold before the command starts: of the machine, of the GPUs where one is used, and of torch."""

from pathlib import Path

from ci_kit.parts import Check
from ci_kit.sections import Train
from ci_kit.train import machine, smoke, torch_build
from ci_kit.train.device import Devices
from ci_kit.train.needs import Need


def preflight(train: Train, root: Path, gpu: str | None) -> tuple[Check, ...]:
    """Judge what can be known before anything is held; `gpu` names the GPUs that NVML found.

    With a failed check, here or of `ready`, the command must not start.
    """
    checks = [machine.disk(root, train.disk), *shared(train, root)]
    if train.gpu == "none" or train.launcher == "ray":
        return tuple(checks)
    if gpu:
        return (*checks, Check(id="preflight/gpu", title="GPU", status="pass", observed=gpu))
    detail = "No NVIDIA GPU is shown by NVML and no AMD GPU by the kernel: no driver, no device, or none visible here."
    if train.gpu == "required":
        detail += " Run on a GPU runner, or set `train.gpu: auto`."
    status = "fail" if train.gpu == "required" else "skip"
    return (*checks, Check(id="preflight/gpu", title="GPU", status=status, observed="none found", detail=detail))


def shared(train: Train, root: Path) -> tuple[Check, ...]:
    """Judge the memory that processes share, unless the training's Python is known and has no torch."""
    found = machine.shared()
    python = torch_build.python(train, root) if found else None
    return () if python and torch_build.find(python, root) is None else found


def ready(train: Train, root: Path, folder: Path, need: Need, devices: Devices | None) -> tuple[Check, ...]:
    """Judge what the run will take: the room for its checkpoints in `folder`, and the GPUs, where it has any.

    Comes when the leftovers of the same training have been ended. Raises Cancelled when we were stopped meanwhile.
    """
    checks = [*machine.checkpoints(folder, need.checkpoint)]
    if devices is None:
        return tuple(checks)
    checks += [*devices.others(need.gpu), *devices.health()]
    python = torch_build.python(train, root)
    torch = torch_build.find(python, root)
    if python and torch:
        checks.append(smoke.judge(python, torch, devices.driver(), root, required=train.gpu == "required"))
    return tuple(checks)
