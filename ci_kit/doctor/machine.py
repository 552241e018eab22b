"""The machine, by the checks that a training starts with: disk, shared memory, GPUs, the build of torch."""

from collections.abc import Iterator
from importlib.util import find_spec

from ci_kit.doctor.finding import Finding, Patient, broken, warning
from ci_kit.parts import Check
from ci_kit.sections import Train


def look(patient: Patient) -> Iterator[Finding]:
    """Yield what would keep a training from starting, or slow it down; without psutil nothing is known."""
    train = patient.config.train if patient.config else Train()
    if find_spec("psutil") is None:
        return
    from ci_kit.train import preflight
    from ci_kit.train.device import Devices
    from ci_kit.train.gpu import gpus
    from ci_kit.train.needs import Need
    from ci_kit.train.sensors import Nvidia

    with gpus() as found:
        checks = list(preflight.preflight(train, patient.root, found.name if found else None))
        sensors = found.sensors if found else None
        devices = Devices(sensors.nvml, sensors.handles) if isinstance(sensors, Nvidia) else None
        checks += preflight.ready(train, patient.root, patient.root, Need(), devices)
    yield from (one for check in checks if (one := finding(check)))


def finding(check: Check) -> Finding | None:
    """Return what a check of the preflight says, None where it found nothing."""
    if check.status not in ("fail", "warn"):
        return None
    make = broken if check.status == "fail" else warning
    what = f"{check.title}: {check.observed}" if check.observed else check.title
    what += f", at least {check.limit} needed" if check.limit else ""
    code = f"machine/{check.id.removeprefix('preflight/')}"
    why, hint = "a training would not start, or be slow", check.detail or "free some, or use another machine"
    return make(code, what, why, hint)
