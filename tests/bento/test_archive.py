"""A bento as one file, and archives that want to do harm."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.bento import archive
from ci_kit.bento.archive import pack, unpack
from ci_kit.bento.content import changes, seal
from ci_kit.errors import UserError
from tests.bento.test_content import made


def test_what_is_packed_comes_out_as_it_was(tmp_path: Path) -> None:
    digest = seal(made(tmp_path / "bento"), {"name": "m"})
    pack(tmp_path / "bento", tmp_path / "a.bento")
    unpack(tmp_path / "a.bento", tmp_path / "out")
    assert changes(tmp_path / "out", digest) == []


def test_the_same_content_gives_the_same_bytes_whatever_its_times_and_rights(tmp_path: Path) -> None:
    import os

    packed = []
    for name in ("one", "two"):
        seal(made(tmp_path / name), {})
        for path in (tmp_path / name).rglob("*"):
            os.utime(path, (0, len(name) * 1e9))
            path.chmod(0o700 if name == "one" else 0o755)
        pack(tmp_path / name, tmp_path / f"{name}.bento")
        packed.append((tmp_path / f"{name}.bento").read_bytes())
    assert packed[0] == packed[1]


def test_bentoml_can_import_it(tmp_path: Path) -> None:
    """It tries tar with any compression, by content."""
    seal(made(tmp_path / "bento"), {})
    pack(tmp_path / "bento", tmp_path / "a.bento")
    with tarfile.open(tmp_path / "a.bento") as opened:
        assert "bento.yaml" in opened.getnames()


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(content) if kind == tarfile.REGTYPE else 0
    return info, content


TRICKS: dict[str, list[tuple[tarfile.TarInfo, bytes]]] = {
    "a path that leads out": [member("../escaped")],
    "a path that leads out later": [member("src/../../escaped")],
    "an absolute path": [member("/tmp/escaped")],
    "a symbolic link": [member("link", tarfile.SYMTYPE, "/etc")],
    "a link, then a file through it": [member("link", tarfile.SYMTYPE, "/tmp"), member("link/escaped")],
    "a hard link": [member("link", tarfile.LNKTYPE, "/etc/passwd")],
    "a device": [member("dev", tarfile.CHRTYPE)],
    "a pipe": [member("pipe", tarfile.FIFOTYPE)],
    "one name twice": [member("a"), member("a")],
    "names that meet on other systems": [member("README.md"), member("readme.md")],
    "a file where a folder must be": [member("a"), member("a/b")],
    "a backslash": [member("src\\..\\..\\escaped")],
    "a hidden character": [member("model\u202eexe.py")],
    "a new line in a name": [member("a\nb")],
    "an endless name": [member("a/" * 300 + "b")],
    "an empty name": [member("./")],
}


def tarball(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as opened:
        for info, content in members:
            opened.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return path


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_of_tar_is_refused_and_leaves_nothing(tmp_path: Path, trick: str) -> None:
    path = tarball(tmp_path / "a.bento", [member("first"), *TRICKS[trick]])
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"a\.bento can't be unpacked"):
        unpack(path, tmp_path / "deep" / "out")
    assert sorted((tmp_path / "deep").iterdir()) == []
    assert [one for one in sorted(tmp_path.iterdir()) if one.name != "deep"] == before
    assert not Path("/tmp/escaped").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"PK\x03\x04",
        gzip.compress(b"no tar"),
        gzip.compress(b"x" * 2000)[:-9],
        b"\x1f\x8b" + b"\0" * 50,
    ],
    ids=["empty", "text", "zip", "gzip", "cut", "zeros"],
)
def test_what_is_no_archive_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.bento").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.bento can't be unpacked"):
        unpack(tmp_path / "a.bento", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _many(folder: Path) -> Path:
    return tarball(folder, [member(f"{number}") for number in range(30)])


def _large(folder: Path) -> Path:
    return tarball(folder, [member("zeros", content=b"\0" * 2_000_000)])


@pytest.mark.parametrize("bomb", [_many, _large])
def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bomb: Callable[[Path], Path]) -> None:
    monkeypatch.setattr(archive, "FILES", 20)
    monkeypatch.setattr(archive, "BYTES", 1_000_000)
    with pytest.raises(UserError, match="more than 20 files or 1,000,000 bytes"):
        unpack(bomb(tmp_path / "a.bento"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
