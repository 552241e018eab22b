import os
from pathlib import Path

import pytest

from ci_kit.report import artifact
from ci_kit.report.artifact import take
from ci_kit.result import MAX_BYTES


def test_only_the_results_of_a_check_are_taken_in_its_order(tmp_path: Path) -> None:
    for name in ("evaluate-large", "evaluate", "train", "validate", "report", "drift", "package-build", "deploy"):
        (tmp_path / f"{name}.json").write_text(name)
    for name in ("ci-kit.yaml", "report.html", "train.json.sh", "TRAIN.json", "train-a b.json", "train-$(id).json"):
        (tmp_path / name).write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "train.json").write_text("x")
    taken = take(tmp_path)
    assert list(taken.files) == ["validate", "train", "evaluate-large", "evaluate"]
    assert taken.refused == {}


def test_no_link_pipe_or_folder_is_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    folder = tmp_path / "fork"
    folder.mkdir()
    (folder / "validate.json").symlink_to(secret)
    (folder / "train.json").symlink_to("/proc/self/environ")
    (folder / "train-gone.json").symlink_to(folder / "nothing")
    (folder / "evaluate.json").hardlink_to(secret)
    (folder / "evaluate-dir.json").mkdir()
    os.mkfifo(folder / "evaluate-pipe.json")
    taken = take(folder)
    assert taken.files == {}
    assert set(taken.refused) == {
        "validate",
        "train",
        "train-gone",
        "evaluate",
        "evaluate-dir",
        "evaluate-pipe",
    }
    assert "hunter2" not in str(taken)


def test_a_folder_that_is_missing_or_a_link_holds_nothing(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "train.json").write_text("x")
    (tmp_path / "fork").symlink_to(real)
    assert take(tmp_path / "fork").files == {}
    assert take(tmp_path / "nowhere").files == take(Path(os.devnull) / "fork").files == {}


def test_a_huge_file_is_named_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "train.json").open("wb") as file:
        file.truncate(2**40)  # a hole: what a zip of a few bytes makes
    with (tmp_path / "evaluate.json").open("wb") as file:
        file.truncate(MAX_BYTES)
    taken = take(tmp_path)
    assert list(taken.files) == ["evaluate"]
    assert "1,099,511,627,776 bytes" in taken.refused["train"]


def test_all_files_together_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact, "ALL_BYTES", 25)
    for number in range(4):
        (tmp_path / f"train-{number}.json").write_text("0123456789")
    taken = take(tmp_path)
    assert list(taken.files) == ["train-0", "train-1"]
    assert "where at most 5 are read" in taken.refused["train-2"]


def test_of_ten_thousand_files_fifty_are_taken(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"train-{number:05}.json").write_bytes(b"")
    (tmp_path / "validate.json").write_bytes(b"")
    taken = take(tmp_path)
    assert len(taken.files) + len(taken.refused) == 50
    assert next(iter(taken.files)) == "validate"
