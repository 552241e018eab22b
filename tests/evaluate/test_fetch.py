import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ci_kit.data import dvc, pulled
from ci_kit.errors import UserError
from ci_kit.evaluate.fetch import fetch
from ci_kit.forge.git import Git
from tests.forge.repository import git, linear

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e

BYTES = b"the model of old"
MD5 = hashlib.md5(BYTES, usedforsecurity=False).hexdigest()
LOCK = f"stages: {{train: {{outs: [{{md5: {'0' * 32}, path: other}}, {{md5: {MD5}, path: out/model.onnx}}]}}}}"


def repository(tmp_path: Path, files: dict[str, bytes], folder: str = "") -> tuple[Git, str]:
    root = tmp_path / "repo"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    configuration = {"ci-kit.yaml": b"evaluate: {model: out/model.onnx}"}
    (sha,) = linear(root, 1, {f"{folder}{name}": content for name, content in (configuration | files).items()})
    (root / folder).mkdir(exist_ok=True)
    return Git(root / folder), sha


def cache(root: Path, content: bytes = BYTES) -> None:
    path = root / ".dvc" / "cache" / "files" / "md5" / MD5[:2] / MD5[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.mark.parametrize("folder", ["", "sub/"])
def test_a_model_in_git_is_read_at_that_revision(tmp_path: Path, folder: str) -> None:
    repo, sha = repository(tmp_path, {"out/model.onnx": BYTES}, folder)
    fetch(repo, sha, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == BYTES


@pytest.mark.parametrize(
    "files",
    [{"dvc.lock": LOCK.encode()}, {"out/model.onnx.dvc": f"outs: [{{md5: {MD5}, path: model.onnx}}]".encode()}],
)
@pytest.mark.parametrize("folder", ["", "sub/"])
def test_a_model_in_dvc_comes_from_the_local_cache(tmp_path: Path, files: dict[str, bytes], folder: str) -> None:
    repo, sha = repository(tmp_path, files, folder)
    cache(tmp_path / "repo")
    fetch(repo, sha, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == BYTES


def test_a_damaged_or_absent_cache_is_not_trusted(tmp_path: Path) -> None:
    repo, sha = repository(tmp_path, {"dvc.lock": LOCK.encode()})
    cache(tmp_path / "repo", b"something else")
    with pytest.raises(UserError, match="not in DVC's local cache"):
        fetch(repo, sha, tmp_path / "got", remote=False)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "out/model.onnx at {sha} is neither in git nor in DVC"),
        ({"dvc.lock": b"]["}, "is neither in git nor in DVC"),
        ({"dvc.lock": b"stages: [1]"}, "is neither in git nor in DVC"),
        ({"dvc.lock": b"stages: {a: {outs: [{path: out/model.onnx, md5: ../../x}]}}"}, "is neither in git nor in DVC"),
        ({"ci-kit.yaml": b"evaluate: {model: 'm.py:f'}"}, "m.py:f is code"),
        ({"ci-kit.yaml": b"evaluate: {model: ../m.onnx}"}, "../m.onnx lies outside the repository"),
        ({"ci-kit.yaml": b"]["}, "ci-kit.yaml at {sha}:1 is not valid YAML"),
    ],
)
def test_a_model_that_can_not_be_had_is_told_in_one_line(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    repo, sha = repository(tmp_path, files)
    with pytest.raises(UserError) as error:
        fetch(repo, sha, tmp_path / "got")
    assert says.format(sha=sha[:7]) in str(error.value)
    assert not (tmp_path / "got").exists()


def test_a_model_in_dvcs_remote_is_fetched_and_its_bytes_are_counted(tmp_path: Path) -> None:
    root, program = tmp_path / "repo", dvc.command()
    assert program is not None
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "out").mkdir()
    (root / "out/model.onnx").write_bytes(BYTES)
    for words in (
        ("init", "-q"),
        ("remote", "add", "-q", "-d", "here", str(tmp_path / "remote")),
        ("add", "-q", "out/model.onnx"),
        ("push", "-q"),
    ):
        subprocess.run((*program, *words), cwd=root, check=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    (root / "ci-kit.yaml").write_text("evaluate: {model: out/model.onnx}")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "model")
    sha = Git(root).sha()
    before = pulled.total()
    fetch(Git(root), sha, tmp_path / "cached")
    assert pulled.total() == before
    shutil.rmtree(root / ".dvc/cache")
    fetch(Git(root), sha, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == (tmp_path / "cached").read_bytes() == BYTES
    assert pulled.total() - before == len(BYTES)
