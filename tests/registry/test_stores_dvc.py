"""The DVC store: from any folder of the repository, with whatever else DVC is set up for, and what it needs."""

import hashlib
import sys
from pathlib import Path

import pytest

from ci_kit.data import dvc
from ci_kit.errors import CiKitError, UserError
from ci_kit.registry.dvc import DVC
from ci_kit.registry.stores import open_store
from tests.registry.shelves import command, run

DIGEST, MD5 = "0123456789abcdef" * 4, hashlib.md5(b"a bento").hexdigest()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made.bento"
    path.write_bytes(b"a bento")
    return path


@pytest.mark.e2e
def test_from_a_subfolder_named_as_the_shell_does(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = tmp_path / "repo"
    (repo / "model").mkdir(parents=True)
    run(repo, "git", "init", "--quiet")
    command(repo, "init", "--quiet")
    command(repo, "remote", "add", "--quiet", "--default", "store", "../remote")
    monkeypatch.chdir(repo)
    place = open_store("dvc", Path("model")).put(archive, "digits", DIGEST)
    assert place == f"md5:{MD5}"
    assert run(repo, "git", "status", "--porcelain", "model") == ""
    assert list((repo / "model" / ".ci-kit").iterdir()) == []
    # A target need not be able to read the workspace's own DVC files.
    (repo / "dvc.yaml").write_text("stages: [")
    open_store("dvc", Path("model")).get(place, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"a bento"
    with pytest.raises(UserError, match="DVC can't add the bento") as caught:
        open_store("dvc", Path("model")).put(archive, "digits", DIGEST)
    assert "\n" not in str(caught.value)
    assert list((repo / "model" / ".ci-kit").iterdir()) == []


@pytest.mark.e2e
@pytest.mark.parametrize("kind", ["none", "no default", "plain folder"])
def test_without_a_remote_it_says_what_to_type(tmp_path: Path, archive: Path, kind: str) -> None:
    if kind != "plain folder":
        command(tmp_path, "init", "--quiet", "--no-scm")
    if kind == "no default":
        command(tmp_path, "remote", "add", "--quiet", "store", str(tmp_path / "remote"))
    with pytest.raises(UserError, match="Type: dvc remote add --default NAME URL") as caught:
        DVC(tmp_path).put(archive, "digits", DIGEST)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / ".ci-kit").exists()


def test_without_dvc_it_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dvc, "command", lambda: None)
    with pytest.raises(UserError, match="Type: pip install dvc"):
        open_store("dvc", tmp_path)


FAKE = """
import pathlib, sys
if sys.argv[1] == "config":
    print("store")
if sys.argv[1] == "push":
    pathlib.Path(sys.argv[-1]).write_text("outs: [%s]")
"""


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("out", "kept"),
    [
        ("{md5: MD5, hash: md5, path: x}", True),
        ("{md5: MD5, path: x}", False),
        ("{md5: MD5, hash: md5, path: x, cloud: {store: {version_id: v}}}", False),
        ("{md5: MD5, hash: md5, path: x, version_id: v}", False),
        ("{md5: 00000000000000000000000000000001, hash: md5, path: x}", False),
        ("", False),
    ],
)
def test_a_remote_that_does_not_go_by_digest_is_refused_at_once(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, out: str, kept: bool
) -> None:
    (tmp_path / "dvc.py").write_text(FAKE % out.replace("MD5", MD5))
    monkeypatch.setattr(dvc, "command", lambda: [sys.executable, str(tmp_path / "dvc.py")])
    if kept:
        assert DVC(tmp_path).put(archive, "digits", DIGEST) == f"md5:{MD5}"
        return
    with pytest.raises(UserError, match="does not keep the bento by its digest"):
        DVC(tmp_path).put(archive, "digits", DIGEST)


@pytest.mark.e2e
@pytest.mark.parametrize("told", ["ERROR: it is\n broken", "", "\x1b[31mno\x1b[0m", "a\n" * 999])
def test_whatever_dvc_says_is_one_line(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    (tmp_path / "dvc.py").write_text(f"import sys\nsys.exit({told!r} or 7)\n")
    monkeypatch.setattr(dvc, "command", lambda: [sys.executable, str(tmp_path / "dvc.py")])
    for act in (
        lambda: DVC(tmp_path).put(archive, "digits", DIGEST),
        lambda: DVC(tmp_path).get(f"md5:{DIGEST[:32]}", tmp_path / "out"),
    ):
        with pytest.raises(CiKitError) as caught:
            act()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500
