"""The machine that trains: what `train` asks before it starts, asked now, by the same code."""

from collections.abc import Iterator
from pathlib import Path

from ci_kit.doctor.context import Context
from ci_kit.doctor.finding import finding, untold
from ci_kit.files import state_folder
from ci_kit.parts import Check


def hardware(context: Context) -> Iterator[Check]:
    """Yield what the preflight of `train` says of disk, shared memory, GPUs and torch, but for what is well.

    Needs the main thread: the product on the GPU runs supervised. The ids are those of `train`.
    """
    try:
        from ci_kit.train.device import Devices
        from ci_kit.train.gpu import gpus
        from ci_kit.train.needs import Past
        from ci_kit.train.preflight import preflight, ready
        from ci_kit.train.sensors import Nvidia
    except ModuleNotFoundError as error:
        yield untold("gpu", "The GPU was not looked at", f"{error.name} is missing: pip install 'ci-kit[train]'")
        yield from _disk(context)
        return
    job = context.job()
    train = job.config.train
    with gpus() as found:
        name = found.name if found and train.gpu != "none" and train.launcher != "ray" else None
        checks = [*preflight(train, job.root, name)]
        sensors = found.sensors if found and name else None
        devices = Devices(sensors.nvml, sensors.handles) if isinstance(sensors, Nvidia) else None
        need = Past(state_folder(job.repository), job, devices).need
        checks += ready(train, job.root, _checkpoints(context), need, devices)
        yield from (check for check in checks if check.status in ("fail", "warn"))
        yield from _torch(context) if found is None and train.launcher != "ray" else ()


def _checkpoints(context: Context) -> Path:
    """Return the folder where checkpoints lie, or will: the nearest one above it that is there."""
    train = context.settings.train
    job = context.job()
    folder = Path(train.checkpoints).expanduser() if train.checkpoints else state_folder(job.repository) / "checkpoints"
    return next(one for one in (folder.absolute(), *folder.absolute().parents) if one.is_dir())


def _disk(context: Context) -> Iterator[Check]:
    from ci_kit.train import machine

    checks = (machine.disk(context.root, context.settings.train.disk), *machine.shared())
    yield from (check for check in checks if check.status in ("fail", "warn"))


def _torch(context: Context) -> Iterator[Check]:
    """Yield a warning for a torch with CUDA where there is no GPU: the other way round is the preflight's."""
    from ci_kit.train import torch_build

    train = context.settings.train
    found = torch_build.find(torch_build.python(train, context.root), context.root)
    if found and found.cuda and train.gpu != "required":
        why = "It takes gigabytes of CUDA libraries, in every install and cache, and uses none of them here."
        hint = "Type: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        observed = f"{found}, built for CUDA {found.cuda}"
        what = "This torch is built for a GPU, and there is none"
        yield finding("torch", what, observed=observed, why=why, hint=hint, status="warn")
