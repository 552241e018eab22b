"""Matrix products by a stand-in for torch, in a real process of another Python; and by the real one, on the CPU."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ci_kit.errors import Cancelled
from ci_kit.parts import Check
from ci_kit.train import smoke
from ci_kit.train.product import product, whole
from ci_kit.train.smoke import Driver, runs
from ci_kit.train.torch_build import find
from tests.train.machine import NAME, torch

pytestmark = pytest.mark.e2e

DRIVER = Driver(version="580.95.05", cuda=(13, 0), capabilities=((NAME, (9, 0)),))
NO_KERNEL = "CUDA error: no kernel image is available for execution on the device"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "SECONDS", 0.05)


def judged(folder: Path, monkeypatch: pytest.MonkeyPatch, driver: Driver = DRIVER, *, required: bool = False) -> Check:
    monkeypatch.setenv("PYTHONPATH", str(folder))
    found = find(sys.executable, folder)
    assert found is not None
    return smoke.judge(sys.executable, found, driver, folder, required=required)


def test_every_gpu_that_works_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = judged(torch(tmp_path, "works", "works"), monkeypatch)
    assert (check.status, check.observed) == ("pass", "torch 2.13.0+cu130, CUDA 13.0")


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("settings", "driver", "observed", "remedy"),
    [
        (
            {"start": "The NVIDIA driver on your system is too old (found version 12040)."},
            Driver(version="550.54", cuda=(12, 4)),
            "torch 2.13.0+cu130 is built for CUDA 13.0, the driver 550.54 supports 12.4",
            "Install a torch for CUDA 12 (pytorch.org/get-started), or a newer driver: 580 or later. RuntimeError: The",
        ),
        (
            {"gpus": [NO_KERNEL], "archs": ("sm_80", "sm_90", "compute_120")},
            Driver(version="580.95.05", cuda=(13, 0), capabilities=((NAME, (9, 0)), ("NVIDIA GB300", (10, 3)))),
            "torch 2.13.0+cu130 has no code for NVIDIA GB300 (sm_103), only sm_80 sm_90 compute_120",
            "Install a torch that was built for sm_103: pytorch.org/get-started. RuntimeError: CUDA error: no kernel",
        ),
        (
            {"version": "2.13.0+cpu", "cuda": None},
            DRIVER,
            "torch 2.13.0+cpu",
            "This build of torch can't use the GPU of this machine. Install one with CUDA",
        ),
        ({"version": "2.13.0", "cuda": None}, DRIVER, "torch 2.13.0 (CPU only)", "Install one with CUDA"),
        (
            {"start": "CUDA unknown error - this may be due to an incorrectly set up environment"},
            DRIVER,
            "RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment",
            "RuntimeError: CUDA unknown error",
        ),
        ({"start": "No CUDA GPUs are available"}, Driver(), "RuntimeError: No CUDA GPUs are available", "RuntimeError"),
        ({}, DRIVER, "torch sees none of the GPUs that NVML shows", ""),
        (
            {"broken": "raise ImportError('libcudart.so.13: cannot open shared object file')"},
            DRIVER,
            "ImportError: libcudart.so.13: cannot open shared object file",
            "ImportError",
        ),
        (
            {"gpus": ["works", "CUDA error: out of memory"]},
            DRIVER,
            "RuntimeError: CUDA error: out of memory",
            "RuntimeError: CUDA error: out of memory",
        ),
        (
            {"gpus": ["works", "crashes"]},
            DRIVER,
            "exit -11: ended by SIGSEGV, doing: a matrix product on its GPU 1",
            "exit -11",
        ),
    ],
    ids=["old driver", "arch", "cpu build", "cpu only", "start", "none", "unseen", "import", "full", "crash"],
)  # fmt: skip
def test_a_torch_that_can_not_use_the_gpu_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    driver: Driver,
    observed: str,
    remedy: str,
    required: bool,
) -> None:
    rest = {name: value for name, value in settings.items() if name != "gpus"}
    folder = torch(tmp_path, *settings.get("gpus", ()), **rest)
    check = judged(folder, monkeypatch, driver, required=required)
    assert (check.status, check.observed) == ("fail" if required else "warn", observed)
    assert remedy in (check.detail or "")


def test_a_gpu_that_calculates_wrongly_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check = judged(torch(tmp_path, "works", "wrong", NO_KERNEL), monkeypatch)
    assert (check.status, str(check)) == (
        "fail",
        "The GPU calculates wrongly: GPU 1: a product differs from the CPU's",
    )


@pytest.mark.parametrize(
    ("settings", "doing", "status"),
    [
        ({"gpus": ("works", "hangs")}, "a matrix product on its GPU 1", "fail"),
        # A slow disk is no broken GPU.
        ({"broken": "time.sleep(99)"}, "importing torch", "warn"),
    ],
)
def test_what_hangs_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], doing: str, status: str
) -> None:
    monkeypatch.setattr(smoke, "LONGEST", 6.0)
    monkeypatch.setattr(smoke, "ENDING", 1.0)
    folder = torch(tmp_path, *settings.get("gpus", ()), broken=settings.get("broken", ""))
    started = time.monotonic()
    check = judged(folder, monkeypatch, required=True)
    assert time.monotonic() - started < 15
    assert (check.status, check.observed) == (status, f"no answer for 6 s, doing: {doing}")


def test_a_signal_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = torch(tmp_path, "hangs", broken=f"open({str(tmp_path / 'started')!r}, 'w')")

    def stop() -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (tmp_path / "started").exists():
                return os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.02)
        return None

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Cancelled, match="SIGTERM came before the command was started"):
        judged(folder, monkeypatch)
    thread.join()


def test_the_products_are_exact_with_the_real_torch() -> None:
    import torch

    assert product(torch, "cpu", 0.01) is None
    small = whole(torch, 64)
    assert torch.equal((small @ small).double(), small.double() @ small.double())
    assert sorted({int(one) for one in small.flatten()}) == list(range(-8, 9))


@pytest.mark.parametrize(
    ("archs", "capability", "expected"),
    [
        ("sm_80 sm_90", (9, 0), True),
        ("sm_80", (8, 6), True),
        ("sm_86", (8, 0), False),
        ("sm_80 sm_90", (12, 0), False),
        ("sm_80 compute_90", (12, 0), True),
        ("compute_90", (8, 0), False),
        ("sm_90a", (9, 0), True),
        ("sm_100a", (10, 3), False),
        ("sm_100f", (10, 3), True),
        ("sm_120", (12, 1), True),
        ("gfx90a", (9, 0), False),
        ("sm_75", (7, 0), False),
    ],
)
def test_which_code_runs_on_which_gpu(archs: str, capability: tuple[int, int], expected: bool) -> None:
    assert runs(archs.split(), capability) == expected
