"""What can be asked of the GPUs of a vendor: NVIDIA's by NVML, AMD's by what the Linux kernel shows of them."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

CARDS = Path("/sys/class/drm")
_AMD = "0x1002"  # the vendor's number on the PCI bus
_LEAST = 4 * 2**30  # bytes of memory below which it is the picture's part of a processor


class Sensors(Protocol):
    """One number a GPU in each answer; a GPU that can't tell is left out."""

    @property
    def names(self) -> list[str]:
        """What they are called."""

    def use(self) -> list[float]:
        """Return how busy they are, in per cent."""

    def memory(self) -> list[float]:
        """Return the bytes in use."""

    def watts(self) -> list[float]:
        """Return the power that they draw."""

    def joules(self) -> list[float]:
        """Return what they have drawn so far, by a counter of their own."""

    def pids(self) -> frozenset[int]:
        """Return the processes that compute on them, as far as they can be seen from here."""


class Nvidia:
    """NVIDIA's GPUs; `handles` are NVML's."""

    def __init__(self, nvml: Any, handles: list[Any]) -> None:
        self.nvml, self.handles = nvml, handles

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [text(self.nvml.nvmlDeviceGetName(handle)) for handle in self.handles]

    def use(self) -> list[float]:
        """Return how busy they are, in per cent."""
        return self._read(lambda handle: self.nvml.nvmlDeviceGetUtilizationRates(handle).gpu)

    def memory(self) -> list[float]:
        """Return the bytes in use."""
        return self._read(lambda handle: self.nvml.nvmlDeviceGetMemoryInfo(handle).used)

    def watts(self) -> list[float]:
        """Return the power that they draw."""
        return self._read(lambda handle: self.nvml.nvmlDeviceGetPowerUsage(handle) / 1000)

    def joules(self) -> list[float]:
        """Return what they have drawn since the driver was loaded (Volta and later)."""
        return self._read(lambda handle: self.nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000)

    def pids(self) -> frozenset[int]:
        """Return the processes that compute on them; from inside a container others' numbers, or none."""
        return frozenset(self._pids())

    def _pids(self) -> Iterator[int]:
        for handle in self.handles:
            with contextlib.suppress(self.nvml.NVMLError):
                yield from (one.pid for one in self.nvml.nvmlDeviceGetComputeRunningProcesses(handle))

    def _read(self, question: Any) -> list[float]:
        answers = []
        for handle in self.handles:
            with contextlib.suppress(self.nvml.NVMLError):
                answers.append(float(question(handle)))
        return answers


class Amd:
    """AMD's GPUs; `devices` are their folders in sysfs, by the names that the driver `amdgpu` gives its files."""

    def __init__(self, devices: list[Path]) -> None:
        self._devices = devices

    @property
    def names(self) -> list[str]:
        """What they are called, where the kernel knows."""
        return [_line(device / "product_name") or "AMD GPU" for device in self._devices]

    def use(self) -> list[float]:
        """Return how busy they are, in per cent."""
        return self._read("gpu_busy_percent")

    def memory(self) -> list[float]:
        """Return the bytes in use."""
        return self._read("mem_info_vram_used")

    def watts(self) -> list[float]:
        """Return the power that they draw; the kernel tells millionths."""
        return [value / 1e6 for value in self._read("hwmon/hwmon*/power1_average", "hwmon/hwmon*/power1_input")]

    def joules(self) -> list[float]:
        """Return nothing: the driver has no counter."""
        return []

    def pids(self) -> frozenset[int]:
        """Return none: the kernel tells root alone."""
        return frozenset()

    def _read(self, *patterns: str) -> list[float]:
        found = []
        for device in self._devices:
            lines = (_line(path) for pattern in patterns for path in sorted(device.glob(pattern)))
            if (line := next(filter(None, lines), "")).isdecimal():
                found.append(float(line))
        return found


def amd(folder: Path = CARDS) -> Amd | None:
    """Return the AMD GPUs that ROCR_VISIBLE_DEVICES or HIP_VISIBLE_DEVICES leaves visible, None where there is none."""
    cards = sorted(folder.glob("card[0-9]*"), key=lambda card: (len(card.name), card.name))
    devices = [card / "device" for card in cards if "-" not in card.name]
    devices = [one for one in devices if _line(one / "vendor") == _AMD and _large(one)]
    for name in ("ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        if (wanted := os.environ.get(name)) is not None:
            numbers = [int(part) for part in wanted.split(",") if part.strip().isdecimal()]
            devices = [devices[number] for number in numbers if number < len(devices)]
    return Amd(devices) if devices else None


def text(value: str | bytes) -> str:
    """Return what NVML gives as bytes in its older versions."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _large(device: Path) -> bool:
    size = _line(device / "mem_info_vram_total")
    return size.isdecimal() and int(size) >= _LEAST


def _line(path: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text("utf-8").strip()
    return ""
