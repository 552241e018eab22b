"""Bytes that DVC brought into its cache are counted: what stages made here, and what nobody here asked for, is not."""

import os
from pathlib import Path

import pytest

from ci_kit.data import pulled

ADDED, INSIDE, MADE, OTHER, OLD = (letter * 32 for letter in "abcde")
FOLDER = f"{'f' * 32}.dir"
LOCK = f"""
schema: '2.0'
stages:
  train:
    outs: [{{path: model.onnx, md5: {MADE}, size: 1000}}]
  restored:
    outs: [{{path: table.csv, md5: {OLD}, size: 10000}}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/data.csv.dvc").write_text(f"outs: [{{path: data.csv, md5: {ADDED}}}]")
    (tmp_path / "images.dvc").write_text(f"outs: [{{path: images, md5: {FOLDER}}}]")
    (tmp_path / "dvc.lock").write_text(LOCK)
    return tmp_path


def put(root: Path, md5: str, content: bytes, cache: str = ".dvc/cache") -> Path:
    path = root / cache / "files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def came(root: Path, *objects: tuple[str, bytes], ran: tuple[str, ...] = (), cache: str = ".dvc/cache") -> int:
    """Return the bytes that are counted when these objects come into the cache."""
    before = pulled.total()
    with pulled.by_dvc(root, lambda: set(ran)):
        for md5, content in objects:
            put(root, md5, content, cache)
    return pulled.total() - before


def test_what_the_repository_names_is_counted_with_what_is_in_its_folders(root: Path) -> None:
    listed = f'[{{"md5": "{INSIDE}", "relpath": "1.png"}}]'.encode()
    assert came(root, (ADDED, b"1"), (FOLDER, listed), (INSIDE, b"333"), (OTHER, b"55555")) == 1 + len(listed) + 3


@pytest.mark.parametrize(("ran", "expected"), [((), 7 + 11), (("train",), 11), (("train", "restored", "gone"), 0)])
def test_what_a_stage_made_here_is_not_counted(root: Path, ran: tuple[str, ...], expected: int) -> None:
    assert came(root, (MADE, 7 * b"x"), (OLD, 11 * b"x"), ran=ran) == expected


def test_a_stage_of_another_folder_has_its_own_lock(root: Path) -> None:
    (root / "sub/dvc.lock").write_text((root / "dvc.lock").read_text().replace(MADE, OTHER))
    assert came(root, (OTHER, b"12"), (MADE, b"123"), ran=("sub/dvc.yaml:train",)) == 3


def test_what_was_there_before_is_not_counted(root: Path) -> None:
    path = put(root, ADDED, b"from before")
    os.utime(path, (1, 1))
    assert came(root) == 0
    assert came(root, (ADDED[:2] + 30 * "9", b"beside it, and nobody's")) == 0


@pytest.mark.parametrize("file", [".dvc/config", ".dvc/config.local"])
def test_a_cache_elsewhere_is_found(root: Path, file: str) -> None:
    (root / file).write_text("[cache]\n    dir = ../shared\n")
    assert came(root, (ADDED, b"123")) == 0
    assert came(root, (ADDED, b"123"), cache="shared") == 3


@pytest.mark.parametrize("lock", ["", "]", "stages: [train]", "stages: {train: 1}", "stages: {train: {}}"])
def test_a_damaged_lock_hides_nothing(root: Path, lock: str) -> None:
    (root / "dvc.lock").write_text(lock)
    assert came(root, (ADDED, b"12"), ran=("train",)) == 2


def test_without_dvc_there_is_nothing(tmp_path: Path) -> None:
    assert came(tmp_path, (ADDED, b"12"), cache="cache") == 0
    assert pulled.cache(tmp_path) is None


def test_what_came_before_an_error_is_counted(root: Path) -> None:
    def cut() -> None:
        with pulled.by_dvc(root):
            put(root, ADDED, b"1234")
            raise OSError("gone")

    before = pulled.total()
    with pytest.raises(OSError, match="gone"):
        cut()
    assert pulled.total() - before == 4
