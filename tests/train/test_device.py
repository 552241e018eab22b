import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from ci_kit.parts import Check
from ci_kit.train import holders
from ci_kit.train.device import Devices
from tests.train.machine import GIB, NAME, Machine

NOBODY = 2**22 + 1  # above the largest number that Linux gives
ELSEWHERE = f"{NOBODY} in another container, or gone (70.0 GiB)"


def process(pid: int, memory: int | None = 70 * GIB) -> SimpleNamespace:
    return SimpleNamespace(pid=pid, usedGpuMemory=memory)


def found(machine: Machine, need: int = 0, count: int = 1) -> list[Check]:
    devices = Devices(machine, list(range(count)))
    return [*devices.others(need), *devices.health()]


REPLACE = "a damaged row could not be remapped: the card must be replaced"
HOT, COLD = "too hot (hardware thermal slowdown)", "too hot (software thermal slowdown)"
EVENT, THROTTLE = "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"
FULL = SimpleNamespace(total=80 * GIB, used=76 * GIB, free=4 * GIB)


@pytest.mark.parametrize(
    ("answers", "need", "word", "observed"),
    [
        ({"nvmlDeviceGetTotalEccErrors": 3}, 0, "health", "3 uncorrected memory errors since the driver was loaded"),
        ({"nvmlDeviceGetRemappedRows": (1, 1, 1, 0)}, 0, "health", "a damaged row is remapped at the next reset"),
        ({"nvmlDeviceGetRemappedRows": (1, 1, 0, 1)}, 0, "health", REPLACE),
        ({"nvmlDeviceGetRetiredPagesPendingStatus": 1}, 0, "health", "damaged pages are retired at the next reset"),
        ({EVENT: 0x20}, 0, "clocks", COLD),
        ({EVENT: 0x48}, 0, "clocks", HOT),
        ({EVENT: 0x89}, 0, "clocks", "braked by its power supply"),
        ({EVENT: 0x08}, 0, "clocks", "slowed down by the hardware"),
        ({EVENT: Machine.NVMLError("Function Not Found"), THROTTLE: 0x40}, 0, "clocks", HOT),
        ({"nvmlDeviceGetMemoryInfo": FULL}, 30 * GIB, "memory", "4.0 GiB free, the last run needed 30.0 GiB"),
    ],
)  # fmt: skip
def test_a_sick_gpu_is_one_warning(answers: dict[str, Any], need: int, word: str, observed: str) -> None:
    (check,) = found(Machine(**answers, nvmlDeviceGetIndex=3), need)
    assert (check.id, check.status, check.observed) == (f"preflight/gpu-{word}", "warn", f"GPU 3: {observed}")
    assert check.detail
    assert "GPU 3" not in check.detail  # the only finding


@pytest.mark.parametrize(
    ("answers", "need"),
    [
        ({}, 0),
        ({}, 79 * GIB),
        ({EVENT: 0}, 0),
        ({EVENT: 0x1 | 0x2 | 0x4 | 0x10 | 0x100}, 0),  # idle, application clocks, power cap, sync boost, display clocks
        ({"nvmlDeviceGetRemappedRows": (5, 2, 0, 0)}, 0),
        ({"nvmlDeviceGetMemoryInfo": FULL}, 0),
        ({"nvmlDeviceGetMemoryInfo": FULL}, 4 * GIB),
        ({"nvmlDeviceGetMemoryInfo": FULL, "nvmlDeviceGetMigMode": [1, 1]}, 30 * GIB),
    ],
)
def test_a_healthy_gpu_is_no_finding(answers: dict[str, Any], need: int) -> None:
    assert found(Machine(**answers), need) == []


@pytest.mark.parametrize("error", [Machine.NVMLError("Not Supported"), AttributeError("older binding"), None])
def test_what_nvml_can_not_tell_is_left_out(error: Exception | None) -> None:
    mute = Machine()
    mute.answers = {} if error is None else dict.fromkeys(mute.answers, error)
    assert found(mute, need=GIB) == []
    devices = Devices(mute, [0])
    assert devices.used() == 0
    driver = devices.driver()
    assert (driver.version, driver.cuda, driver.capabilities) == (None, None, ())


def test_the_driver_and_the_capabilities_are_read() -> None:
    driver = Devices(Machine(nvmlSystemGetCudaDriverVersion_v2=12040, nvmlDeviceGetName=NAME.encode()), [0, 1]).driver()
    assert (driver.version, driver.cuda) == ("580.95.05", (12, 4))
    assert driver.capabilities == ((NAME, (9, 0)), (NAME, (9, 0)))


def test_every_sick_gpu_is_named() -> None:
    (check,) = found(Machine(nvmlDeviceGetTotalEccErrors=1, nvmlDeviceGetIndex=Machine.NVMLError()), count=2)
    assert (check.observed or "").startswith("GPU 0: 1 uncorrected")
    assert (check.detail or "").startswith("GPU 1: 1 uncorrected")


def test_the_need_is_taken_as_spread_evenly() -> None:
    full = Machine(nvmlDeviceGetMemoryInfo=FULL)
    assert found(full, need=8 * GIB, count=2) == []
    (check,) = found(full, need=8 * GIB + 2, count=2)
    assert check.id == "preflight/gpu-memory"


def test_a_process_of_another_container_is_named() -> None:
    others, memory = found(
        Machine(nvmlDeviceGetComputeRunningProcesses=[process(NOBODY)], nvmlDeviceGetMemoryInfo=FULL), need=5 * GIB
    )
    assert (others.id, others.observed) == ("preflight/gpu-processes", ELSEWHERE)
    assert ELSEWHERE in (memory.detail or "")


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that stands for the device that a process has open when it uses a GPU."""
    device = tmp_path / "nvidia0"
    device.touch()
    monkeypatch.setattr(holders, "DEVICES", (str(device),))
    return device


@pytest.fixture
def orphan(gpu: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """A process with the device open, whose parent is gone."""
    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    command = f"{sys.executable} -c '{code}' --token s3cr3t-of-orphan < {gpu} & exit"
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        assert parent.stdout is not None
        process = psutil.Process(int(parent.stdout.readline()))
        parent.wait()
    # Whoever adopts orphans where this test runs.
    adopter = process.parent()
    monkeypatch.setattr(holders, "ADOPTERS", holders.ADOPTERS | ({adopter.name()} if adopter else set()))
    yield process
    process.kill()


def test_a_leftover_of_a_killed_run_is_named_with_what_to_type(
    orphan: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORPHAN_TOKEN", "s3cr3t-of-orphan")
    (check,) = found(Machine(nvmlDeviceGetComputeRunningProcesses=[process(orphan.pid)]))
    observed = check.observed or ""
    assert observed.startswith(f"{orphan.pid} {sys.executable}"[:60])
    assert "(70.0 GiB)" in observed
    assert observed.endswith(f"type: kill {orphan.pid}")
    assert "s3cr3t" not in observed


def test_a_process_at_work_is_named_only_where_memory_is_short(gpu: Path) -> None:
    with gpu.open() as device, subprocess.Popen(["sleep", "60"], stdin=device) as child:
        try:
            while not Path(f"/proc/{child.pid}/cmdline").read_bytes():
                pass  # the kernel tells it a moment after the program has begun
            shared = Machine(
                nvmlDeviceGetComputeRunningProcesses=[process(child.pid, None)], nvmlDeviceGetMemoryInfo=FULL
            )
            assert found(shared) == []
            (check,) = found(shared, need=5 * GIB)
            assert check.detail == f"Held by {child.pid} sleep 60"
        finally:
            child.kill()


def test_a_number_that_means_another_process_here_is_not_one_to_kill(gpu: Path) -> None:
    (check,) = found(Machine(nvmlDeviceGetComputeRunningProcesses=[process(os.getpid())]))
    assert check.observed == f"{os.getpid()} in another container, or gone (70.0 GiB)"
