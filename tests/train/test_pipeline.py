"""Set-ups of DVC that bring back old or damaged results are named."""

import os
from pathlib import Path

import pytest

from ci_kit.train import pipeline

STAGE = "stages: {{train: {{cmd: python train.py, deps: [data.csv{deps}], outs: [model.onnx]{more}}}}}\n"
LOOSE = ", metrics: [metrics.json: {cache: false}]"


def warned(root: Path, *, shared: bool = False, made: tuple[str, ...] = ("model.onnx",)) -> list[str]:
    checks = pipeline.warnings(root, made, shared=shared)
    assert {check.status for check in checks} <= {"warn"}
    return [check.id for check in checks]


@pytest.mark.parametrize(
    ("deps", "more", "shared", "expected"),
    [
        (", uv.lock", "", True, []),
        (", sub/requirements.txt", "", True, []),
        ("", "", False, ["dvc/lock/train"]),
        (", uv.lock", LOOSE, False, []),
        (", uv.lock", LOOSE, True, ["dvc/cached/train"]),
        ("", LOOSE, True, ["dvc/lock/train", "dvc/cached/train"]),
    ],
)
def test_stages(tmp_path: Path, deps: str, more: str, shared: bool, expected: list[str]) -> None:
    (tmp_path / "dvc.yaml").write_text(STAGE.format(deps=deps, more=more))
    assert warned(tmp_path, shared=shared) == expected


def test_stages_that_make_something_else_are_nobodys_concern(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(STAGE.format(deps="", more=""))
    assert warned(tmp_path, made=("other.onnx",)) == []
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: x, wdir: sub, deps: [a], outs: [model.onnx]}}")
    assert warned(tmp_path, made=("sub/model.onnx",)) == ["dvc/lock/train"]


@pytest.mark.parametrize(
    ("user", "kind", "expected"), [(0, "hardlink,copy", 1), (0, "reflink,copy", 0), (9, "symlink", 0)]
)
@pytest.mark.parametrize("where", ["repository", "machine"])
def test_links_into_the_cache_are_dangerous_under_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, kind: str, expected: int, where: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    if where == "machine":
        monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    (tmp_path / ("config" if where == "machine" else ".dvc/config")).write_text(f"[cache]\n    type = {kind}\n")
    assert warned(tmp_path) == ["dvc/links"] * expected


def test_the_hardware_is_the_same_bytes_on_the_same_machine(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {train: {cmd: x, deps: [.ci-kit/hardware.json]}}")
    assert pipeline.wants_hardware(tmp_path)
    pipeline.write_hardware(tmp_path, "2 × NVIDIA A100")
    first = (tmp_path / ".ci-kit/hardware.json").read_bytes()
    pipeline.write_hardware(tmp_path, "2 × NVIDIA A100")
    assert (tmp_path / ".ci-kit/hardware.json").read_bytes() == first
    pipeline.write_hardware(tmp_path, None)
    assert (tmp_path / ".ci-kit/hardware.json").read_bytes() != first
    (tmp_path / "dvc.yaml").write_text("stages: {}")
    assert not pipeline.wants_hardware(tmp_path)
