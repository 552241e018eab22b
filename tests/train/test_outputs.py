from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.train.outputs import describe, judge, stamp, within


def test_an_output_must_be_there_and_of_this_run(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    assert judge("model.onnx", path, {}).observed == "missing"
    path.write_text("one")
    before = stamp(path)
    assert judge("model.onnx", path, {}).status == "pass"
    assert judge("model.onnx", path, before).observed == "not new"
    assert judge("model.onnx", path, None).status == "pass"
    path.unlink()
    path.write_text("one")
    assert judge("model.onnx", path, before).status == "pass"


def test_a_folder_is_new_when_one_file_in_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    assert judge("models", folder, {}).detail == "it is an empty folder"
    (folder / "a").write_text("1")
    before = stamp(folder)
    assert judge("models", folder, before).status == "fail"
    (folder / "b").write_text("22")
    assert judge("models", folder, before).observed == "3 bytes, 2 files"
    assert [file.path for file in describe(folder, tmp_path, "output")] == ["models/a", "models/b"]


def test_a_link_to_a_cache_outside_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("bytes")
    root = tmp_path / "repository"
    root.mkdir()
    (root / "model.onnx").symlink_to(tmp_path / "cache")
    assert describe(root / "model.onnx", root, "model")[0].path == "model.onnx"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "."])
def test_a_path_outside_the_repository_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="outside the repository"):
        within(tmp_path, name)
