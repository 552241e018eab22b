"""The digest of a bento, and which file is not as it was."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.bento.content import changes, facts, seal
from ci_kit.errors import UserError

FILES = {"bento.yaml": b"a: 1\n", "src/x/model.onnx": bytes(range(256)) * 8, "src/service.py": b"pass\n", "ü.md": b""}


def made(folder: Path) -> Path:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_two_folders_with_the_same_content_have_one_digest(tmp_path: Path) -> None:
    one, two = (seal(made(tmp_path / name), {"name": "m"}) for name in ("one", "two"))
    assert one == two
    assert seal(tmp_path / "one", {"name": "m"}) == one
    assert seal(tmp_path / "two", {"name": "n"}) != one
    assert changes(tmp_path / "one", one) == []
    assert facts(tmp_path / "one")["name"] == "m"


@given(st.sampled_from(sorted(FILES)), st.integers(0, 4000), st.integers(1, 255))
def test_one_byte_changed_anywhere_names_the_file(name: str, at: int, flip: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = made(Path(temporary))
        digest = seal(folder, {"name": "m"})
        content = bytearray((folder / name).read_bytes())
        if content:
            content[at % len(content)] ^= flip
        else:
            content.append(flip)
        (folder / name).write_bytes(bytes(content))
        assert changes(folder, digest) == [f"{name} was changed"]


def test_a_file_that_is_missing_or_was_added_is_named(tmp_path: Path) -> None:
    digest = seal(made(tmp_path), {})
    (tmp_path / "bento.yaml").unlink()
    (tmp_path / "src" / "extra.py").touch()
    assert changes(tmp_path, digest) == ["bento.yaml is missing", "src/extra.py was added"]


def test_another_manifest_is_not_the_registered_one(tmp_path: Path) -> None:
    digest = seal(made(tmp_path), {"name": "m"})
    seal(tmp_path, {"name": "n"})
    assert changes(tmp_path) == []
    assert changes(tmp_path, digest) == ["manifest.json is another than the registered one"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"files": {}, "schema": 2}', '{"files": [], "schema": 1}', "{" * 9999]
)
def test_a_damaged_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    (line,) = changes(tmp_path)
    assert line.startswith("manifest.json is")


def test_a_manifest_that_somebody_formatted_is_not_as_it_was(tmp_path: Path) -> None:
    seal(made(tmp_path), {})
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text() + "\n")
    assert changes(tmp_path) == [
        "manifest.json is not as ci-kit writes it (it was changed, or a newer ci-kit wrote it)"
    ]


def test_a_link_or_a_pipe_is_no_part_of_a_bento(tmp_path: Path) -> None:
    seal(made(tmp_path), {})
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert changes(tmp_path) == ["link is no plain file (a link or a device)"]
    with pytest.raises(UserError, match="link is no plain file"):
        seal(tmp_path, {})
    (tmp_path / "link").unlink()
    os.mkfifo(tmp_path / "pipe")
    assert changes(tmp_path) == ["pipe is no plain file (a link or a device)"]


def test_a_folder_without_a_manifest_is_no_bento(tmp_path: Path) -> None:
    assert changes(tmp_path) == [f"{tmp_path.name} is no bento of ci-kit (it has no manifest.json)"]


def test_a_hundred_changes_are_counted(tmp_path: Path) -> None:
    seal(made(tmp_path), {})
    for number in range(100):
        (tmp_path / f"{number:03}").touch()
    found = changes(tmp_path)
    assert (len(found), found[-1]) == (21, "and 80 more")
