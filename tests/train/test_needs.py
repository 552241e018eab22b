"""What a run took is known to the next one, and what it left in its folder is measured as one checkpoint."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ci_kit.config import read
from ci_kit.job import Job
from ci_kit.parts import Metric
from ci_kit.resume.folder import Folder
from ci_kit.train import smoke, step
from ci_kit.train.device import Devices
from ci_kit.train.needs import FILE, MOST, Need, Past
from ci_kit.train.place import Place
from tests.train.machine import GIB, NAME, Machine, torch


def job(root: Path, command: str) -> Job:
    return Job(root=root, config=read(f"train: {{command: '{command}'}}".encode()))


def took(gpu: float) -> dict[str, Metric]:
    return {"gpu_memory": Metric(value=gpu)}


def past(folder: Path, command: str = "a", used: int = 0) -> Past:
    machine = Machine(nvmlDeviceGetMemoryInfo=SimpleNamespace(used=used, free=0))
    return Past(folder / "base", job(folder, command), Devices(machine, [0]))


def place(folder: Path, size: int = 0) -> Place:
    (folder / "place").mkdir(exist_ok=True)
    (folder / "place/state").write_bytes(bytes(size))
    return Place(folder / "place")


def test_what_a_run_took_is_known_to_the_next_of_the_same_command(tmp_path: Path) -> None:
    one = past(tmp_path, used=10)
    assert one.before(place(tmp_path)) == Need()
    one.after(place(tmp_path, 30))
    one.after(place(tmp_path, 0))  # an attempt that ended well has removed it
    one.keep(took(100))
    assert past(tmp_path).need == Need(gpu=90, checkpoint=30)
    assert past(tmp_path).before(place(tmp_path, 40)) == Need(gpu=90, checkpoint=40)
    assert past(tmp_path, "b").need == Need()


def test_what_is_not_known_changes_nothing(tmp_path: Path) -> None:
    past(tmp_path).keep({})
    assert not (tmp_path / "base").exists()
    past(tmp_path).keep(took(100))
    past(tmp_path).keep({})
    past(tmp_path).keep(took(0))
    assert past(tmp_path).need == Need(gpu=100)
    past(tmp_path).keep(took(50))
    assert past(tmp_path).need == Need(gpu=50)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "[" * 100_000, '{"KEY": 5}', '{"KEY": {"gpu": "x"}}', '{"KEY": {"gpu": -1, "more": 2}}'],
)
def test_a_damaged_file_knows_nothing_and_is_written_anew(tmp_path: Path, text: str) -> None:
    one = past(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / FILE).write_text(text.replace("KEY", one._key))
    assert one.need == Need()
    one.keep(took(7))
    assert past(tmp_path).need == Need(gpu=7)


def test_not_all_trainings_are_remembered_for_ever(tmp_path: Path) -> None:
    for number in range(MOST + 1):
        past(tmp_path, f"c{number}").keep(took(1))
    assert past(tmp_path, "c0").need == Need()
    assert past(tmp_path, "c1").need == Need(gpu=1)


def test_a_place_that_can_not_be_written_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "base").touch()
    past(tmp_path).keep(took(1))
    assert past(tmp_path).need == Need()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 0),
        ({"model.pt": 5}, 5),
        ({"old.pt": 5, "log.txt": 1}, 5),
        (
            {
                "checkpoint-1/model": 3,
                "checkpoint-1/optimizer": 6,
                "checkpoint-2/model": 4,
                "checkpoint-2/optimizer": 7,
            },
            11,
        ),
        ({"version_0/checkpoints/epoch=1.ckpt": 5, "version_0/checkpoints/epoch=2.ckpt": 6}, 6),
        ({"global_step10/a": 5, "global_step10/b": 6, "latest": 1}, 6),
        ({".new-1/state": 50, "step-000000000001/state": 5}, 5),
    ],
)
def test_the_size_of_a_checkpoint(tmp_path: Path, files: dict[str, int], expected: int) -> None:
    for moment, (name, size) in enumerate(files.items()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (moment, moment))
    assert Place(tmp_path).last() == expected


def test_the_size_of_a_checkpoint_of_the_kit(tmp_path: Path) -> None:
    def write(new: Path) -> None:
        (new / "state").write_bytes(bytes(10_000))

    for number in (1, 2):
        Folder(tmp_path, print).save(number, write)
    assert 10_000 < Place(tmp_path).last() < 11_000


@pytest.mark.e2e
def test_a_second_training_is_warned_of_memory_that_the_first_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smoke, "SECONDS", 0.02)
    monkeypatch.setenv("PYTHONPATH", str(torch(tmp_path / "lib", "works")))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    used = tmp_path / "used"
    used.write_text("1")

    class Told(Machine):
        def nvmlDeviceGetMemoryInfo(self, handle: object) -> SimpleNamespace:
            gib = int(used.read_text())
            return SimpleNamespace(used=gib * GIB, free=(80 - gib) * GIB)

    monkeypatch.setitem(sys.modules, "pynvml", Told())
    base = tmp_path / "checkpoints"
    text = f"train: {{command: 'echo 41 > {used}; sleep 1.5; echo 1 > {used}', checkpoints: {base}}}"
    (tmp_path / "repo").mkdir()
    train = Job(root=tmp_path / "repo", config=read(text.encode()))
    first = {check.id: check for check in step.run(train).checks}
    assert "preflight/gpu-memory" not in first
    assert first["preflight/torch"].status == "pass"
    used.write_text("60")
    second = {check.id: check for check in step.run(train).checks}["preflight/gpu-memory"]
    assert second.observed == "GPU 0: 20.0 GiB free, the last run needed 40.0 GiB"
    assert list(base.iterdir()) == []


@pytest.mark.e2e
def test_with_a_gpu_that_calculates_wrongly_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(torch(tmp_path / "lib", "wrong")))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "pynvml", Machine())
    (tmp_path / "repo").mkdir()
    findings = step.run(job(tmp_path / "repo", "touch started"))
    assert [check.id for check in findings.checks if check.status == "fail"] == ["preflight/torch"]
    assert findings.gpu == NAME
    assert not (tmp_path / "repo/started").exists()
