"""What is there while a training runs and ends with it: its checkpoints, their copy, its limits, and who is told."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ci_kit.files import state_folder
from ci_kit.job import Job
from ci_kit.sections import Train, duration
from ci_kit.supervise import Limits
from ci_kit.train.carry import carried
from ci_kit.train.device import Devices
from ci_kit.train.gpu import Gpus
from ci_kit.train.horizon import Horizon
from ci_kit.train.identity import identity
from ci_kit.train.launch import node
from ci_kit.train.live import Live, live
from ci_kit.train.made import LIVE_METRICS, Made
from ci_kit.train.needs import Need, Past
from ci_kit.train.notice import Notice
from ci_kit.train.place import Place, place
from ci_kit.train.sensors import Nvidia
from ci_kit.train.store import store
from ci_kit.train.teller import Teller


@dataclass(kw_only=True)
class Around:
    """Set `well` when the training has ended well."""

    place: Place
    teller: Teller
    horizon: Horizon
    limits: Limits
    devices: Devices | None
    past: Past
    need: Need
    well: bool = False


@contextlib.contextmanager
def around(job: Job, made: Made, gpus: Gpus | None, spent: float) -> Iterator[Around]:
    """Hold all of it; `spent` is what the runs before this one have cost."""
    train, number = job.config.train, node(job.config.train)
    base = Path(train.checkpoints).expanduser() if train.checkpoints else state_folder(job.repository) / "checkpoints"
    with contextlib.ExitStack() as stack:
        kept = stack.enter_context(place(base, identity(job, made.names), number, train.nodes))
        carry = train.carry if not number else None
        where = store(carry, kept.folder.name, job.root.resolve()) if carry else None
        stack.enter_context(carried(where, kept, job.say))
        notice = Notice(train.spot, job.say) if train.spot else None
        if notice:
            stack.callback(notice.close)
        horizon = Horizon(train, notice, kept)
        limits = Limits(
            stall=stall(train),
            busy=lambda: bool(gpus and gpus.busy),
            end=horizon.end,
        )
        shown = live(job)
        sensors = gpus.sensors if gpus else None
        devices = Devices(sensors.nvml, sensors.handles) if isinstance(sensors, Nvidia) else None
        past = Past(state_folder(job.repository), job, devices)
        found = Around(
            place=kept,
            teller=_teller(job, made, gpus, spent, shown),
            horizon=horizon,
            limits=limits,
            devices=devices,
            past=past,
            need=past.before(kept),
        )
        if shown:
            stack.callback(lambda: shown.end(found.well))
        yield found


def stall(train: Train) -> float | None:
    """Return the seconds; on a cluster, whose work can't be seen from here, only those that were asked for."""
    seen = train.launcher != "ray" or "stall" in train.model_fields_set
    return duration(train.stall).total_seconds() if train.stall and seen else None


def _teller(job: Job, made: Made, gpus: Gpus | None, spent: float, shown: Live | None) -> Teller:
    train = job.config.train
    return Teller(
        files=tuple(made.paths[name] for name in (train.curves, LIVE_METRICS) if name),
        gpus=gpus,
        here=train.launcher != "ray",
        price=train.price,
        spent=spent,
        say=job.say,
        show=shown.show if shown else lambda _: None,
    )
