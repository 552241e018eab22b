"""A checkpoint of Lightning's is written whole or not at all."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

pytestmark = pytest.mark.e2e


@pytest.fixture
def files() -> Any:
    from ci_kit.resume.lightning import WholeFiles  # takes seconds, which a run without this test need not wait for

    return WholeFiles()


def test_a_save_that_fails_leaves_the_one_before(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.ckpt"
    files.save_checkpoint({"step": 1, "weights": torch.ones(2)}, path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.save_checkpoint({"step": 2, "weights": torch.ones(2)}, path)
    assert files.load_checkpoint(path, weights_only=True)["step"] == 1
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_kill_has_left_goes_with_the_next_save(files: Any, tmp_path: Path) -> None:
    (tmp_path / ".last.ckpt.a1b2c3").write_text("half")
    (tmp_path / "other.ckpt").write_text("kept")
    files.save_checkpoint({"step": 1}, str(tmp_path / "last.ckpt"), None)
    assert {one.name for one in tmp_path.iterdir()} == {"last.ckpt", "other.ckpt"}
