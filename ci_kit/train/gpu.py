"""The GPUs of this machine: their names, and how hard they worked while the command ran."""

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from ci_kit.parts import Metric
from ci_kit.train.sensors import Nvidia, Sensors, amd, text


class Gpus:
    """The GPUs that the command may use, sampled once a second in a thread; energy in joules, memory in bytes.

    Utilisation is the mean over GPUs and samples, memory the peak of the sum over GPUs (other users of the same
    device included). Energy is the difference of the driver's counter (Volta and later), else the integral of power.
    """

    def __init__(self, sensors: Sensors, period: float = 1.0) -> None:
        self.sensors, self._period = sensors, period
        self._done, self._thread = threading.Event(), threading.Thread(target=self._sample, daemon=True)
        self._use: list[float] = []
        self._memory = self._joules = 0.0
        self.memory, self.pids = 0.0, frozenset[int]()
        self._counter = self._energy()

    @property
    def use(self) -> float | None:
        """How busy they were when they were last asked, in per cent; `memory` (bytes) and `pids` are of that time."""
        return self._use[-1] if self._use else None

    @property
    def busy(self) -> bool:
        """Whether they did any work when they were last asked."""
        return bool(self._use and self._use[-1] > 1)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.sensors.names)

    @property
    def name(self) -> str:
        """Which GPUs there are, such as `2 × NVIDIA H100 80GB HBM3`."""
        names = self.sensors.names
        counted = {name: names.count(name) for name in names}
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in counted.items())

    def start(self) -> None:
        """Begin to sample."""
        self._counter = self._energy()
        self._thread.start()

    def stop(self) -> dict[str, Metric]:
        """End sampling and return what was measured; what the device can't tell is left out."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        metrics = {}
        if self._use:
            mean = sum(self._use) / len(self._use)
            metrics["gpu_utilisation"] = Metric(value=mean, unit="%", n=len(self._use))
            metrics["gpu_utilisation_max"] = Metric(value=max(self._use), unit="%")
        if self._memory:
            metrics["gpu_memory"] = Metric(value=self._memory, unit="bytes", direction="down")
        after = self._energy()
        joules = after - self._counter if after is not None and self._counter is not None else self._joules
        if joules > 0:
            metrics["gpu_energy"] = Metric(value=joules, unit="J", direction="down")
        return metrics

    def _sample(self) -> None:
        last = time.monotonic()
        while True:
            use, memory, power = self.sensors.use(), self.sensors.memory(), self.sensors.watts()
            now = time.monotonic()
            if use:
                self._use.append(sum(use) / len(use))
            self.memory, self.pids = sum(memory), self.sensors.pids()
            self._memory = max(self._memory, self.memory)
            self._joules += sum(power) * (now - last)
            last = now
            if self._done.wait(self._period):
                return

    def _energy(self) -> float | None:
        read = self.sensors.joules()
        return sum(read) if len(read) == self.count else None


@contextlib.contextmanager
def gpus(nvml: Any = None) -> Iterator[Gpus | None]:
    """Give the GPUs that the environment leaves visible, or None where there is no GPU or no driver."""
    with _nvidia(nvml) as sensors:
        seen = sensors or amd()
        found = Gpus(seen) if seen else None
        try:
            yield found
        finally:
            if found:
                found.stop()


@contextlib.contextmanager
def _nvidia(nvml: Any) -> Iterator[Nvidia | None]:
    try:
        nvml = nvml or importlib.import_module("pynvml")
    except ImportError:
        yield None
        return
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        yield None
        return
    try:
        handles = _visible(nvml)
        yield Nvidia(nvml, handles) if handles else None
    finally:
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()


def _visible(nvml: Any) -> list[Any]:
    try:
        handles = [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]
        wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
        if wanted is None:
            return handles
        names = {str(index): handle for index, handle in enumerate(handles)}
        names |= {text(nvml.nvmlDeviceGetUUID(handle)): handle for handle in handles}
    except nvml.NVMLError:
        return []
    # As CUDA does, nothing after the first entry that names no device counts.
    return [names[part] for part in takewhile(names.__contains__, map(str.strip, wanted.split(",")))]
