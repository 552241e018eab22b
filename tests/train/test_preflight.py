import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ci_kit.result import load
from ci_kit.sections import Train
from ci_kit.train import smoke
from ci_kit.train.device import Devices
from ci_kit.train.needs import Need
from ci_kit.train.preflight import preflight, ready
from tests.train.machine import GIB, Machine, torch

GPU = "NVIDIA H100 80GB HBM3"


def words(checks: tuple[Any, ...]) -> dict[str, str]:
    return {check.id.removeprefix("preflight/"): check.status for check in checks}


@pytest.mark.parametrize(
    ("train", "gpu", "expected"),
    [
        ({"gpu": "none"}, None, {"disk": "pass"}),
        ({"gpu": "none"}, GPU, {"disk": "pass"}),
        ({"gpu": "auto"}, None, {"disk": "pass", "gpu": "skip"}),
        ({"gpu": "auto"}, GPU, {"disk": "pass", "gpu": "pass"}),
        ({"gpu": "required"}, None, {"disk": "pass", "gpu": "fail"}),
        ({"gpu": "required"}, GPU, {"disk": "pass", "gpu": "pass"}),
        ({"gpu": "none", "disk": 1e9}, None, {"disk": "fail"}),
        ({"gpu": "none", "disk": 0}, None, {"disk": "pass"}),
    ],
)
def test_the_machine_is_judged_as_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: dict[str, object], gpu: str | None, expected: dict[str, str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5 * GIB, total=9 * GIB))
    assert words(preflight(Train.model_validate(train), tmp_path, gpu)) == expected


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container with Docker's 64 MiB of shared memory."""
    monkeypatch.setattr("ci_kit.train.machine.SHM", tmp_path)
    (tmp_path / "repo").mkdir()

    def usage(path: Path) -> SimpleNamespace:
        size = 64 * 2**20 if path == tmp_path else 9 * GIB
        return SimpleNamespace(free=size, total=size)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "with_torch", "expected"),
    [
        (f"{sys.executable} train.py", True, {"shared-memory": "warn"}),
        (f"{sys.executable} train.py", False, {}),
        ("uv run train.py", False, {"shared-memory": "warn"}),  # which Python that is can't be told
    ],
)
def test_little_shared_memory_matters_to_torch(
    small: Path, monkeypatch: pytest.MonkeyPatch, command: str, with_torch: bool, expected: dict[str, str]
) -> None:
    # One without a `version.py` hides that of the environment which the tests run in.
    (small / "without/torch").mkdir(parents=True)
    (small / "without/torch/__init__.py").touch()
    folder = torch(small / "with") if with_torch else small / "without"
    monkeypatch.setenv("PYTHONPATH", str(folder))
    train = Train.model_validate({"command": command, "gpu": "none"})
    assert words(preflight(train, small / "repo", None)) == {"disk": "pass"} | expected


@pytest.mark.e2e
@pytest.mark.parametrize("required", ["auto", "required"])
@pytest.mark.parametrize(
    ("answers", "build", "expected"),
    [
        ({}, {}, {"torch": "pass"}),
        ({}, None, {}),
        ({}, {"gpus": ["wrong"]}, {"torch": "fail"}),
        ({}, {"gpus": ["no kernel image"], "archs": ("sm_120",)}, {"torch": "required"}),
        ({"nvmlSystemGetCudaDriverVersion_v2": 12040}, {"start": "driver too old"}, {"torch": "required"}),
        # Compatibility libraries in a container can make it work: what counts is the product.
        ({"nvmlSystemGetCudaDriverVersion_v2": 12040}, {}, {"torch": "pass"}),
        ({"nvmlDeviceGetTotalEccErrors": 1}, {}, {"gpu-health": "warn", "torch": "pass"}),
        ({"nvmlDeviceGetMemoryInfo": SimpleNamespace(free=GIB, used=0)}, {}, {"gpu-memory": "warn", "torch": "pass"}),
    ],
    ids=["healthy", "no torch", "wrong", "arch", "old driver", "compatible", "ecc", "full"],
)
def test_a_gpu_is_judged_as_configured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answers: dict[str, Any],
    build: dict[str, Any] | None,
    expected: dict[str, str],
    required: str,
) -> None:
    monkeypatch.setattr(smoke, "SECONDS", 0.02)
    (tmp_path / "lib/torch").mkdir(parents=True)
    (tmp_path / "lib/torch/__init__.py").touch()
    if build is not None:
        shutil.rmtree(tmp_path / "lib")
        rest = {name: value for name, value in build.items() if name != "gpus"}
        torch(tmp_path / "lib", *build.get("gpus", ["works"]), **rest)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    train = Train.model_validate({"command": f"{sys.executable} train.py", "gpu": required})
    found = words(ready(train, tmp_path, tmp_path, Need(gpu=2 * GIB), Devices(Machine(**answers), [0])))
    forced = {"auto": "warn", "required": "fail"}[required]
    assert found == {word: forced if status == "required" else status for word, status in expected.items()}


def test_without_a_gpu_only_the_room_for_checkpoints_is_asked_for(tmp_path: Path) -> None:
    train = Train.model_validate({"command": "python train.py"})
    assert ready(train, tmp_path, tmp_path, Need(), None) == ()
    assert words(ready(train, tmp_path, tmp_path, Need(checkpoint=2**60), None)) == {"checkpoints": "fail"}


@pytest.mark.e2e
def test_a_real_run_passes_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "ci-kit.yaml").write_text("train: {command: 'touch trained', disk: 0.001}")
    command = [sys.executable, "-m", "ci_kit", "train"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "trained").exists()
    (result,) = (tmp_path / ".ci-kit").rglob("*.json")
    found = words(load(result).checks)
    assert found["disk"] == "pass"
    assert found["gpu"] in ("pass", "skip")
    assert "fail" not in found.values()
