import os
import time
from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.train.outputs import Stamp, declared, describe, judge, stamp, within


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


def seen(path: Path, root: Path, before: Stamp | None, *, since: float = 0.0, cached: bool = False) -> str:
    check = declared("x", path, before, root=root, since=since, cached=lambda: cached)
    return check.observed or ""


def test_what_holds_nothing_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "model").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a").touch()
    assert seen(tmp_path / "model", tmp_path, {}) == seen(tmp_path / "folder", tmp_path, None) == "is empty"
    (tmp_path / "folder/b").write_text("b")
    assert seen(tmp_path / "folder", tmp_path, {}) == "1 bytes, 2 files"


@pytest.mark.parametrize("shape", ["file", "folder", "parent", "inside", "nested"])
def test_a_link_out_of_the_repository_is_no_result_unless_it_is_dvcs(tmp_path: Path, shape: str) -> None:
    root, away = tmp_path / "repository", tmp_path / "away"
    (root / "models").mkdir(parents=True)
    away.mkdir()
    (away / "a").write_text("weights")
    output = root / "output"
    if shape == "file":
        output.symlink_to(away / "a")
    elif shape == "folder":
        output.symlink_to("../away")
    elif shape == "parent":
        (root / "link").symlink_to(away)
        output = root / "link/a"
    else:
        output = root / "models"
        (output / "own").write_text("own")
        (output / "link").symlink_to(away / "a" if shape == "inside" else away)
    assert seen(output, root, {}) == seen(output, root, None) == "leads outside"
    assert "bytes" in seen(output, root, None, cached=True)
    assert "bytes" in seen(output, root, {}, since=time.time() + 9, cached=True)


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("weights")
    (tmp_path / "model").symlink_to("old")
    later = time.time() + 9
    assert seen(tmp_path / "model", tmp_path, {}) == "7 bytes"
    assert seen(tmp_path / "model", tmp_path, {}, since=later) == "not new"
    assert seen(tmp_path / "model", tmp_path, None, since=later) == "7 bytes"
    assert seen(tmp_path / "old", tmp_path, {}, since=later) == "7 bytes"


def test_it_says_why_there_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    assert judge("pipe", tmp_path / "pipe", {}).detail == "it is not a file"
    assert judge("link", tmp_path / "link", {}).detail == "it is a link to nowhere, which was not written"
