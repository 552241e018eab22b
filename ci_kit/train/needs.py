"""What the last run of a training took: a small file that outlives the workspace, which this run is compared with."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ci_kit.files import atomic_write
from ci_kit.job import Job
from ci_kit.parts import Metric
from ci_kit.train.device import Devices
from ci_kit.train.place import Place

FILE = "needs.json"
MOST = 100  # trainings that are remembered


@dataclass(frozen=True, kw_only=True)
class Need:
    """Bytes: of all GPUs together at the peak, beyond what was in use before, and of the last checkpoint; 0: unknown.

    The first holds what a framework keeps in reserve, too.
    """

    gpu: int = 0
    checkpoint: int = 0


class Past:
    """What the last run of a training took, known by its command: whatever its code and data are."""

    def __init__(self, base: Path, job: Job, devices: Devices | None) -> None:
        train, self._base, self._devices, self._used, self._saved = job.config.train, base, devices, 0, 0
        known = (job.repository, job.source.directory, train.command, train.launcher, train.processes)
        self._key = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]

    @property
    def need(self) -> Need:
        """What is known; a file that is absent or damaged knows nothing."""
        with contextlib.suppress(TypeError, ValueError):
            found = Need(**self._all().get(self._key, {}))
            if all(type(value) is int and value >= 0 for value in asdict(found).values()):
                return found
        return Need()

    def before(self, place: Place) -> Need:
        """Return what the run is going to need, and note what is in use without it."""
        self._used = self._devices.used() if self._devices else 0
        return replace(self.need, checkpoint=place.last() or self.need.checkpoint)

    def after(self, place: Place) -> None:
        """Note the checkpoint that an attempt has left: one that ended well removes it."""
        self._saved = place.last() or self._saved

    def keep(self, measured: Mapping[str, Metric]) -> None:
        """Remember what a run took; what is not known of it changes nothing. A full disk is no matter here."""
        before, peak = self.need, measured.get("gpu_memory")
        taken = max(int(peak.value) - self._used, 0) if peak else 0
        need = Need(gpu=taken or before.gpu, checkpoint=self._saved or before.checkpoint)
        if need != before:
            known = {name: value for name, value in self._all().items() if name != self._key}
            known[self._key] = asdict(need)
            with contextlib.suppress(OSError):
                atomic_write(self._base / FILE, json.dumps(dict(list(known.items())[-MOST:]), indent=1).encode())

    def _all(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads((self._base / FILE).read_bytes())
            if isinstance(found, dict):
                return found
        return {}
