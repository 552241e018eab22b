import shutil
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from ci_kit.sections import Train
from ci_kit.train import preflight
from ci_kit.train.preflight import cpu_torch

GPU = "NVIDIA A100-SXM4-40GB"


@pytest.mark.parametrize(
    ("train", "gpu", "torch", "expected"),
    [
        ({"gpu": "none"}, None, None, {"disk": "pass"}),
        ({"gpu": "none"}, GPU, "torch 2+cpu", {"disk": "pass"}),
        ({"gpu": "auto"}, None, None, {"disk": "pass", "gpu": "skip"}),
        ({"gpu": "auto"}, GPU, None, {"disk": "pass", "gpu": "pass"}),
        ({"gpu": "auto"}, GPU, "torch 2+cpu", {"disk": "pass", "gpu": "pass", "torch": "warn"}),
        ({"gpu": "auto"}, None, "torch 2+cpu", {"disk": "pass", "gpu": "skip"}),
        ({"gpu": "required"}, None, None, {"disk": "pass", "gpu": "fail"}),
        ({"gpu": "required"}, GPU, None, {"disk": "pass", "gpu": "pass"}),
        ({"gpu": "required"}, GPU, "torch 2+cpu", {"disk": "pass", "gpu": "pass", "torch": "fail"}),
        ({"gpu": "none", "disk": 1e9}, None, None, {"disk": "fail"}),
        ({"gpu": "none", "disk": 0}, None, None, {"disk": "pass"}),
    ],
)
def test_the_machine_is_judged_as_configured(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    train: dict[str, object],
    gpu: str | None,
    torch: str | None,
    expected: dict[str, str],
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5 * 2**30))
    monkeypatch.setattr(preflight, "cpu_torch", lambda: torch)
    checks = preflight.preflight(Train.model_validate(train), tmp_path, gpu)
    assert {check.id.removeprefix("preflight/"): check.status for check in checks} == expected


CPU_BUILD = "cuda: Optional[str] = None\nhip: Optional[str] = None\nrocm: Optional[str] = None\n"


@pytest.mark.parametrize(
    ("version", "text", "expected"),
    [
        ("2.13.0+cpu", "", "torch 2.13.0+cpu"),
        ("2.13.0", CPU_BUILD, "torch 2.13.0 (CPU only)"),
        ("2.13.0", CPU_BUILD.replace("None", "'13.0'", 1), None),
        ("2.13.0+rocm7", CPU_BUILD.replace("hip: Optional[str] = None", "hip: Optional[str] = '7.0'"), None),
        ("2.13.0", "", None),
    ],
)
def test_a_cpu_build_of_torch_is_known_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, text: str, expected: str | None
) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch/__init__.py").write_text("raise AssertionError('torch was imported')")
    (tmp_path / "torch/version.py").write_text(text)
    monkeypatch.setattr(metadata, "version", lambda name: version)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: SimpleNamespace(origin=str(tmp_path / "torch/__init__.py"))
    )
    assert cpu_torch() == expected


def test_without_torch_there_is_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert cpu_torch() is None
