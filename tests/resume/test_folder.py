"""Checkpoints of any files: whole or not at all, and refused by name where they are not what was written."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.resume import folder
from ci_kit.resume.folder import Folder, Refused


class Kept:
    """A folder of checkpoints that hold one text, and what was said of them."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self.path, self.folder = path, Folder(path, self.said.append)

    def save(self, step: int, text: str = "") -> Path:
        return self.folder.save(step, lambda new: self.write(new, text or f"state {step}"))

    @staticmethod
    def write(new: Path, text: str) -> None:
        (new / "state").write_text(text)

    def load(self) -> tuple[int, str] | None:
        return self.folder.load(lambda path: (path / "state").read_text())


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "checkpoints")


def test_the_newest_is_read_and_the_last_two_are_kept(kept: Kept) -> None:
    assert kept.load() is None
    for step in (9, 10, 100):
        kept.save(step)
    assert kept.load() == (100, "state 100")
    assert sorted(path.name for path in kept.path.iterdir()) == ["step-000000000010", "step-000000000100"]
    assert kept.said == []


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/hostname")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte changed": (lambda one: (one / "state").write_text("state 3"), "state is not what was written"),
    "cut short": (lambda one: (one / "state").write_text("st"), "state has 2 bytes instead of 7"),
    "missing": (lambda one: (one / "state").unlink(), "state is missing"),
    "one more": (lambda one: (one / "more").touch(), "more is no part of it"),
    "a link": (lambda one: linked(one / "state"), "state is no plain file"),
    "no manifest": (lambda one: (one / "manifest.json").unlink(), "manifest.json can't be read"),
    "another manifest": (lambda one: (one / "manifest.json").write_text("[]"), "manifest.json can't be read"),
    "a pickle": (lambda one: (one / "manifest.json").write_bytes(pickle.dumps({})), "manifest.json can't be read"),
    "that of another": (
        lambda one: (one / "manifest.json").write_text(json.dumps({"step": 1, "files": {}})),
        "manifest.json is that of step 1",
    ),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_what_is_damaged_is_refused_by_name_and_the_one_before_is_taken(kept: Kept, how: str) -> None:
    kept.save(1)
    newest = kept.save(2)
    damage, why = DAMAGE[how]
    damage(newest)
    assert kept.load() == (1, "state 1")
    assert kept.said == [f"ci-kit: checkpoint step-000000000002 is refused: {why}"]
    # The training comes there again, and what was damaged is replaced.
    kept.save(2)
    assert kept.load() == (2, "state 2")


def test_what_can_not_be_read_is_refused_as_well(kept: Kept) -> None:
    kept.save(1)
    kept.save(2)

    def read(path: Path) -> str:
        if path.name.endswith("2"):
            raise Refused("it is a pickle")
        return (path / "state").read_text()

    assert kept.folder.load(read) == (1, "state 1")
    assert kept.said == ["ci-kit: checkpoint step-000000000002 is refused: it is a pickle"]


@pytest.mark.parametrize(("owner", "name"), [(Kept, "write"), (folder, "_sync")], ids=["write", "sync"])
def test_a_full_disk_leaves_what_was_there(
    kept: Kept, owner: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        with pytest.raises(OSError, match="No space left"):
            kept.save(2)
    assert [path.name for path in kept.path.iterdir()] == ["step-000000000001"]
    kept.save(2)
    assert kept.load() == (2, "state 2")


def test_what_a_crash_left_half_written_is_no_checkpoint_and_goes(kept: Kept) -> None:
    kept.save(1)
    (kept.path / ".new-crashed").mkdir()
    (kept.path / ".new-crashed" / "state").touch()
    assert kept.load() == (1, "state 1")
    kept.save(2)
    assert not list(kept.path.glob(".new-*"))


def test_the_same_step_again_is_the_same_state(kept: Kept) -> None:
    before = kept.save(1, "first").stat()
    kept.save(1, "second")
    assert kept.load() == (1, "first")
    assert (kept.path / "step-000000000001").stat().st_ino == before.st_ino
