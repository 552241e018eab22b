"""What NVML tells of the state of the GPUs: driver, damage, throttling, memory; what it can't is left out."""

from collections.abc import Iterator, Sequence
from typing import Any

from ci_kit.parts import Check
from ci_kit.train.holders import Holder
from ci_kit.train.machine import amount
from ci_kit.train.sensors import text
from ci_kit.train.smoke import Driver

_UNCORRECTED, _SINCE_LOADED = 1, 0
# Bits of nvmlClocksEventReasons that mean harm; idle, application clocks and the power cap are a GPU's daily life.
_SLOWED = {
    0x20: "too hot (software thermal slowdown)",
    0x40: "too hot (hardware thermal slowdown)",
    0x80: "braked by its power supply",
    0x08: "slowed down by the hardware",
}
_CAUSES = 0x40 | 0x80  # for which the hardware sets 0x08, too


class Devices:
    """The GPUs that the command may use, asked through the module `nvml`."""

    def __init__(self, nvml: Any, handles: Sequence[Any]) -> None:
        self._nvml, self._handles = nvml, handles

    def driver(self) -> Driver:
        """Return what decides which builds of torch can use them."""
        cuda, version = self._ask("nvmlSystemGetCudaDriverVersion_v2"), self._ask("nvmlSystemGetDriverVersion")
        names = [self._ask("nvmlDeviceGetName", handle) for handle in self._handles]
        capabilities = [self._ask("nvmlDeviceGetCudaComputeCapability", handle) for handle in self._handles]
        return Driver(
            version=text(version) if version else None,
            cuda=(cuda // 1000, cuda % 1000 // 10) if cuda else None,
            capabilities=tuple(
                (text(name or "the GPU"), (one[0], one[1]))
                for name, one in zip(names, capabilities, strict=True)
                if one
            ),
        )

    def used(self) -> int:
        """Return the bytes in use on all of them together."""
        read = [self._ask("nvmlDeviceGetMemoryInfo", handle) for handle in self._handles]
        return sum(memory.used for memory in read if memory)

    def health(self) -> Iterator[Check]:
        """Yield a warning for memory that is damaged, and one for clocks that are slowed down."""
        if damaged := [f"{name}: {fault}" for name, handle in self._named() for fault in self._faults(handle)]:
            detail = (
                "Results can be wrong and runs can be killed. Reset it while nothing uses it (nvidia-smi --gpu-reset)"
            )
            yield _warning("health", "The memory of the GPU is damaged", damaged, f"{detail}, or restart the machine.")
        if slowed := [f"{name}: {reason}" for name, handle in self._named() for reason in self._slowed(handle)]:
            detail = "The training takes longer than it should. See to cooling and power: nvidia-smi -q -d PERFORMANCE"
            yield _warning("clocks", "The GPU is slowed down", slowed, detail)

    def others(self, need: int) -> Iterator[Check]:
        """Yield a warning for processes that should not be there, and one for less free memory than `need` bytes.

        What the last run needed is taken as spread evenly over the GPUs. Under MIG nothing is said of memory: NVML
        tells that of the whole card.
        """
        holders, each = self._holders(), need / len(self._handles)
        if strange := [str(holder) for holder in holders if holder.kind != "at work"]:
            yield _warning("processes", "Others hold the GPU", strange, "They take memory and time from the training.")
        short = []
        for name, handle in self._named():
            memory, mig = self._ask("nvmlDeviceGetMemoryInfo", handle), self._ask("nvmlDeviceGetMigMode", handle)
            free = getattr(memory, "free", each)
            if free < each and not (mig and mig[0]):
                short.append(f"{name}: {amount(free)} free, the last run needed {amount(each)}")
        if short:
            detail = "Held by " + "; ".join(map(str, holders)) if holders else "NVML names no process that holds it."
            yield _warning("memory", "Free memory of the GPU", short, detail)

    def _holders(self) -> list[Holder]:
        found: dict[int, int] = {}
        for handle in self._handles:
            for one in self._ask("nvmlDeviceGetComputeRunningProcesses", handle) or ():
                found[one.pid] = found.get(one.pid, 0) + (one.usedGpuMemory or 0)
        return [Holder.of(pid, memory) for pid, memory in found.items()]

    def _faults(self, handle: Any) -> Iterator[str]:
        if count := self._ask("nvmlDeviceGetTotalEccErrors", handle, _UNCORRECTED, _SINCE_LOADED):
            yield f"{count:,} uncorrected memory errors since the driver was loaded"
        _, _, pending, failed = self._ask("nvmlDeviceGetRemappedRows", handle) or (0, 0, 0, 0)
        if failed:
            yield "a damaged row could not be remapped: the card must be replaced"
        elif pending:
            yield "a damaged row is remapped at the next reset"
        if self._ask("nvmlDeviceGetRetiredPagesPendingStatus", handle):
            yield "damaged pages are retired at the next reset"

    def _slowed(self, handle: Any) -> list[str]:
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if reasons is None:  # the name before driver 535
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
        if reasons & _CAUSES:
            reasons &= ~0x08
        return [reason for bit, reason in _SLOWED.items() if reasons & bit]

    def _named(self) -> Iterator[tuple[str, Any]]:
        for place, handle in enumerate(self._handles):
            index = self._ask("nvmlDeviceGetIndex", handle)
            yield f"GPU {place if index is None else index}", handle

    def _ask(self, question: str, *about: Any) -> Any:
        """Return NVML's answer, None where it has none: not every driver, card and binding knows every question."""
        try:
            return getattr(self._nvml, question)(*about)
        except Exception:  # noqa: BLE001 - a binding that does not match the driver raises much more than NVMLError
            return None


def _warning(word: str, title: str, found: Sequence[str], detail: str) -> Check:
    detail = "\n".join([*found[1:], detail])
    return Check(id=f"preflight/gpu-{word}", title=title, status="warn", observed=found[0], detail=detail)
