"""A stand-in for `pynvml` on one healthy GPU, whose answers a test changes, and one for torch in a folder."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

GIB = 2**30
NAME, DRIVER = "NVIDIA H100 80GB HBM3", "580.95.05"
HEALTHY: dict[str, Any] = {
    "nvmlSystemGetCudaDriverVersion_v2": 13000,
    "nvmlSystemGetDriverVersion": DRIVER,
    "nvmlDeviceGetName": NAME,
    "nvmlDeviceGetIndex": 0,
    "nvmlDeviceGetUUID": "GPU-00000000-0000-0000-0000-000000000001",
    "nvmlDeviceGetCudaComputeCapability": (9, 0),
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=80 * GIB, used=GIB, free=79 * GIB),
    "nvmlDeviceGetComputeRunningProcesses": [],
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetTotalEccErrors": 0,
    "nvmlDeviceGetRemappedRows": (0, 0, 0, 0),
    "nvmlDeviceGetRetiredPagesPendingStatus": 0,
    "nvmlDeviceGetCurrentClocksEventReasons": 0x1,  # idle
    "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=50),
    "nvmlDeviceGetPowerUsage": 100_000,
    "nvmlDeviceGetTotalEnergyConsumption": 5_000_000,
    "nvmlDeviceGetCount": 1,
    "nvmlDeviceGetHandleByIndex": 0,
    "nvmlInit": None,
    "nvmlShutdown": None,
}


class Machine:
    """Answers each question as it is told; an answer that is an exception is raised, one that is a list is copied."""

    class NVMLError(Exception):
        pass

    def __init__(self, **answers: Any) -> None:
        self.answers = HEALTHY | answers

    def __getattr__(self, question: str) -> Callable[..., Any]:
        if question not in self.answers:
            raise AttributeError(question)

        def answer(*about: object) -> Any:
            found = self.answers[question]
            if isinstance(found, Exception):
                raise found
            return found

        return answer


# Enough of torch for matrix products: a number stands for a matrix, `GPUS` are the devices and what becomes of each.
TORCH = """
import os, signal, time
{broken}
ARCHS, GPUS, START = {archs!r}, {gpus!r}, {start!r}
class Matrix:
    def __init__(self, value=3, device="cpu"):
        self.value, self.device = value, device
    def same(self, *_):
        return self
    __mod__ = __sub__ = float = reshape = same
    def to(self, device):
        return Matrix(self.value, device)
    def cpu(self):
        return Matrix(self.value)
    def __matmul__(self, other):
        state = GPUS[int(self.device[5:])] if self.device != "cpu" else "works"
        if state == "hangs":
            time.sleep(99)
        if state == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        if state == "wrong":
            return Matrix(self.value * other.value + 1, self.device)
        if state != "works":
            raise RuntimeError(state + "\\nSearch for it in the manual.")
        return Matrix(self.value * other.value, self.device)
def arange(count):
    return Matrix()
def equal(one, other):
    return one.value == other.value
class cuda:
    def init():
        if START:
            raise RuntimeError(START)
    def device_count():
        return len(GPUS)
    def get_arch_list():
        return ARCHS
"""


def torch(
    folder: Path,
    *gpus: str,
    version: str = "2.13.0+cu130",
    cuda: str | None = "13.0",
    archs: tuple[str, ...] = ("sm_80", "sm_90", "sm_120"),
    start: str = "",
    broken: str = "",
) -> Path:
    """Write a torch into the folder: `start` is what CUDA's start raises, `broken` a line that the import runs."""
    package = folder / "torch"
    package.mkdir(parents=True)
    text = TORCH.format(broken=broken, archs=list(archs), gpus=gpus, start=start)
    (package / "__init__.py").write_text(text)
    known = f"__version__ = {version!r}\ncuda: Optional[str] = {cuda!r}\nhip: Optional[str] = None\n"
    (package / "version.py").write_text(f"from typing import Optional\n{known}")
    return folder
