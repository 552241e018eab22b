"""A stand-in for the module `pynvml` that plays back `nvml.json`."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

DEVICES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("nvml.json").read_text())["devices"]


class Recorded:
    """Answers as the recording says; questions in `mute` are not supported by the device, as on older GPUs."""

    class NVMLError(Exception):
        pass

    def __init__(self, devices: int = 2, mute: tuple[str, ...] = (), driver: bool = True) -> None:
        self.devices, self.mute, self.driver, self.open = DEVICES[:devices], mute, driver, 0
        self.pids: list[int] = []
        self._asked: dict[tuple[str, int], int] = {}

    def nvmlInit(self) -> None:
        if not self.driver:
            raise self.NVMLError("NVML Shared Library Not Found")
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return str(self.devices[handle]["name"]).encode()

    def nvmlDeviceGetUUID(self, handle: int) -> str:
        return str(self.devices[handle]["uuid"])

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=self._next("gpu", handle))

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=self._next("used", handle))

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in self.pids]

    def nvmlDeviceGetPowerUsage(self, handle: int) -> int:
        return self._next("milliwatts", handle)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        return self._next("millijoules", handle)

    def _next(self, question: str, handle: int) -> int:
        if question in self.mute:
            raise self.NVMLError("Not Supported")
        index = self._asked.get((question, handle), 0)
        self._asked[question, handle] = index + 1
        answers: list[int] = self.devices[handle][question]
        return answers[min(index, len(answers) - 1)]
