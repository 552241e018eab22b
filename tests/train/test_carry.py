"""Checkpoints in a store: whole or as they were, whatever fails and whatever changes meanwhile."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.data import pulled
from ci_kit.errors import UserError
from ci_kit.resume.folder import Folder
from ci_kit.train import carry
from ci_kit.train.carry import carried
from ci_kit.train.copies import Copies
from ci_kit.train.place import Place
from ci_kit.train.store import store


class Memory:
    """A store that fails at the call of that number; `meanwhile` happens before each."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.calls, self.fails = 0, -1
        self.meanwhile: Callable[[], None] = lambda: None

    def _call(self) -> None:
        self.calls += 1
        self.meanwhile()
        if self.calls - 1 == self.fails:
            raise OSError("the store is away")

    def put(self, key: str, source: Path | bytes) -> None:
        self._call()
        self.objects[key] = source if isinstance(source, bytes) else source.read_bytes()

    def get(self, key: str, target: Path) -> bool:
        self._call()
        if key in self.objects:
            target.write_bytes(self.objects[key])
        return key in self.objects

    def names(self) -> list[str]:
        self._call()
        return list(self.objects)

    def delete(self, keys: list[str]) -> None:
        self._call()
        for key in keys:
            self.objects.pop(key, None)


def write(place: Path, step: int) -> None:
    """Write a checkpoint of three files, as a framework's helper does."""

    def files(new: Path) -> None:
        for name in ("weights", "optimiser", "shared"):
            (new / name).write_text(f"{name} of step {step if name != 'shared' else 0}")

    Folder(place, print).save(step, files)


def machine(folder: Path) -> Place:
    (folder / "0123").mkdir(parents=True)
    return Place(folder / "0123")


def loaded(place: Place) -> int:
    """Return the step of the newest sound checkpoint; nothing may be refused."""
    refused = list[str]()
    found = Folder(place.folder, refused.append).load(lambda new: (new / "weights").read_text())
    assert refused == []
    assert found is None or found[1] == f"weights of step {found[0]}"
    return found[0] if found else 0


def test_another_machine_gets_the_newest(tmp_path: Path) -> None:
    here, there, memory = machine(tmp_path / "a"), machine(tmp_path / "b"), Memory()
    copies = Copies(memory, here)
    for step in range(1, 6):
        write(here.folder, step)
        copies.send()
    before = pulled.total()
    assert Copies(memory, there).fetch() == ["step-000000000004", "step-000000000005"]
    assert pulled.total() - before == sum(size for _, _, size in there.mark())
    assert loaded(there) == 5
    # Index, the shared file once, weights, optimiser and manifest of each: nothing of older ones is left.
    assert len(memory.objects) == 1 + 1 + 2 * 3


def test_what_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    here, memory = machine(tmp_path), Memory()
    write(here.folder, 1)
    copies = Copies(memory, here)
    copies.send()
    calls = memory.calls
    copies.send()
    assert memory.calls == calls
    write(here.folder, 2)
    copies.send()
    assert memory.calls == calls + 3 + 3  # three new files; index, list, delete


@pytest.mark.parametrize("fails", range(11))
def test_a_store_that_fails_at_any_call_keeps_a_whole_checkpoint(tmp_path: Path, fails: int) -> None:
    here, there, memory = machine(tmp_path / "a"), machine(tmp_path / "b"), Memory()
    copies = Copies(memory, here)
    write(here.folder, 1)
    copies.send()
    write(here.folder, 2)
    memory.calls, memory.fails = 0, fails
    try:
        copies.send()
        write(here.folder, 3)
        copies.send()
    except OSError:
        Copies(memory, there).fetch()
        assert loaded(there) in (1, 2, 3)
        shutil.rmtree(there.folder)
        there.folder.mkdir()
    else:
        assert fails >= memory.calls, "the fault was never met"
    memory.fails = -1
    write(here.folder, 4)
    copies.send()
    Copies(memory, there).fetch()
    assert loaded(there) == 4


@pytest.mark.parametrize("call", range(8))
def test_a_checkpoint_that_goes_while_it_is_copied_is_not_named(tmp_path: Path, call: int) -> None:
    here, there, memory = machine(tmp_path / "a"), machine(tmp_path / "b"), Memory()
    write(here.folder, 1)
    write(here.folder, 2)

    def replace() -> None:
        if memory.calls == call + 1:
            write(here.folder, 3)  # and 1 goes
            (here.folder / "step-000000000002/weights").write_text("weights of step 2")

    memory.meanwhile = replace
    copies = Copies(memory, here)
    copies.send()
    memory.meanwhile = lambda: None
    Copies(memory, there).fetch()
    assert loaded(there) in (0, 1, 2)
    shutil.rmtree(there.folder)
    there.folder.mkdir()
    copies.send()
    Copies(memory, there).fetch()
    assert loaded(there) == 3


def damage_index(objects: dict[str, bytes]) -> None:
    objects["index.json"] = b"{"


def climb(objects: dict[str, bytes]) -> None:
    key = next(key for key in objects if key.startswith("objects/"))
    files = {"..": {"../../../evil": key.removeprefix("objects/")}}
    objects["index.json"] = json.dumps({"units": files}).encode()


def swap(objects: dict[str, bytes]) -> None:
    key = next(key for key in objects if key.startswith("objects/"))
    objects[key] = b"something else"


def lose(objects: dict[str, bytes]) -> None:
    del objects[next(key for key in objects if key.startswith("objects/"))]


@pytest.mark.parametrize("harm", [damage_index, climb, swap, lose])
def test_a_damaged_or_hostile_copy_is_not_taken(tmp_path: Path, harm: Callable[[dict[str, bytes]], None]) -> None:
    here, there, memory, said = machine(tmp_path / "a"), machine(tmp_path / "b"), Memory(), list[str]()
    write(here.folder, 1)
    Copies(memory, here).send()
    harm(memory.objects)
    with carried(memory, there, said.append):
        assert not there.mark()
    assert len(said) == 1
    assert said[0].startswith("train: the checkpoints can't be carried: ")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name == "evil") == []


def test_a_copy_is_kept_up_to_date_and_goes_when_the_training_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carry, "EVERY", 0.01)
    here, there, memory, sent = machine(tmp_path / "a"), machine(tmp_path / "b"), Memory(), threading.Event()
    memory.meanwhile = lambda: sent.set() if "index.json" in memory.objects else None
    with carried(memory, here, print):
        write(here.folder, 1)
        assert sent.wait(10)
    said = list[str]()
    with carried(memory, there, said.append):
        assert loaded(there) == 1
        there.finish()
    assert said == ["train: fetched the checkpoints of another runner: step-000000000001"]
    assert memory.objects == {}


def test_a_cancel_does_not_wait_for_a_slow_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carry, "LEAVE", 0.05)
    here, memory, stuck = machine(tmp_path), Memory(), threading.Event()

    def wait() -> None:
        stuck.wait(20)

    memory.meanwhile = wait
    here.folder.joinpath("file").write_text("1")
    try:
        with pytest.raises(KeyboardInterrupt), carried(memory, here, print):
            raise KeyboardInterrupt
        assert memory.objects == {}
    finally:
        stuck.set()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://host/x", "train.carry can't be used ('ftp://host/x' is neither S3"),
        ("checkpoints", "train.carry can't be used ('checkpoints' is neither S3"),
        ("dvc", "train.carry is dvc, and DVC has no default remote. Type: dvc remote add"),
        ("s3://", "train.carry names no store"),
    ],
)
def test_what_is_no_store_is_one_line(tmp_path: Path, url: str, why: str) -> None:
    with pytest.raises(UserError, match=why.replace("(", r"\(")):
        store(url, "0123", tmp_path)


@pytest.mark.parametrize("remote", ["/{0}/remote", "../remote"])
def test_dvcs_remote_is_a_store(tmp_path: Path, remote: str) -> None:
    (tmp_path / "repo/.dvc").mkdir(parents=True)
    place = remote.format(str(tmp_path).lstrip("/")) if "{" in remote else f"../{remote}"
    config = f"[core]\n    remote = here\n['remote \"here\"']\n    url = {place}\n"
    (tmp_path / "repo/.dvc/config").write_text(config)
    found = store("dvc", "0123", tmp_path / "repo")
    found.put("index.json", b"{}")
    assert (tmp_path / "remote/ci-kit/checkpoints/0123/index.json").read_text() == "{}"
    assert found.names() == ["index.json"]
    assert found.get("index.json", tmp_path / "came")
    assert not found.get("other", tmp_path / "came")
    found.delete(["index.json", "gone"])
    assert found.names() == []
