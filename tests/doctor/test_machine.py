"""The machine and the checkout: GPU, memory, clock, depth, owner, the heartbeat, the age of a schedule."""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ci_kit.doctor import examine, hardware, machine, repository
from ci_kit.doctor.context import Context
from ci_kit.doctor.schedule import schedule
from ci_kit.forge.local import LocalForge
from ci_kit.forge.watched import entries
from ci_kit.parts import Check, Run, Source
from ci_kit.result import Result
from ci_kit.train import machine as measured
from tests.doctor.setups import YML, change, git, ids, seen
from tests.train.machine import GIB, Machine, torch

Copy = Callable[[str], Path]
STRANGER = SimpleNamespace(pid=2**22 + 1, usedGpuMemory=GIB)  # above the largest number that Linux gives
IDLE = "doctor/schedule-idle"
FULL = SimpleNamespace(total=2**30, used=2**30, free=0)


@pytest.fixture
def trained(copied: Copy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A training on a machine with room, and without a torch."""
    monkeypatch.setattr(measured, "SHM", tmp_path / "nothing")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = copied("sound")
    change(YML, "  gpu: none\n", "  gpu: auto\n")(folder)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, **answers: Any) -> list[Check]:
    monkeypatch.setitem(sys.modules, "pynvml", Machine(**answers))
    return list(hardware.hardware(seen(folder)))


def test_a_gpu_that_is_well_is_not_spoken_of(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch(trained, "works")
    assert asked(monkeypatch, trained) == []


@pytest.mark.parametrize(
    ("answers", "made", "expected"),
    [
        ({"nvmlDeviceGetTotalEccErrors": 3}, {}, "preflight/gpu-health"),
        ({"nvmlDeviceGetCurrentClocksEventReasons": 0x40}, {}, "preflight/gpu-clocks"),
        ({"nvmlDeviceGetComputeRunningProcesses": [STRANGER]}, {}, "preflight/gpu-processes"),
        ({}, {"version": "2.13.0+cpu", "cuda": None}, "preflight/torch"),
        ({"nvmlSystemGetCudaDriverVersion_v2": 12020}, {"start": "too old"}, "preflight/torch"),
    ],
)  # fmt: skip
def test_a_sick_gpu_is_named_by_the_preflight_of_train(
    trained: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], made: dict[str, Any], expected: str
) -> None:
    torch(trained, "works", **made)
    assert [check.id for check in asked(monkeypatch, trained, **answers)] == [expected]


def test_no_gpu_is_a_finding_only_where_one_is_required(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch(trained, version="2.13.0+cpu", cuda=None)
    assert asked(monkeypatch, trained, nvmlDeviceGetCount=0) == []
    change(YML, "  gpu: auto\n", "  gpu: required\n")(trained)
    assert [check.id for check in asked(monkeypatch, trained, nvmlDeviceGetCount=0)] == ["preflight/gpu"]


def test_a_torch_for_a_gpu_that_is_not_there_is_named(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch(trained)
    (check,) = asked(monkeypatch, trained, nvmlDeviceGetCount=0)
    assert (check.id, check.observed) == ("doctor/torch", "torch 2.13.0+cu130, built for CUDA 13.0")


def test_little_shared_memory_and_a_full_disk_are_named(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "SHM", trained)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: FULL)
    torch(trained, version="2.13.0+cpu", cuda=None)
    found = [check.id for check in asked(monkeypatch, trained, nvmlDeviceGetCount=0)]
    assert found == ["preflight/disk", "preflight/shared-memory"]


def test_without_the_extra_the_gpu_is_a_note_and_the_disk_is_judged(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("ci_kit.train.") and name != "ci_kit.train.machine"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psutil", None)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: FULL)
    found = [(check.id, check.status) for check in hardware.hardware(seen(trained))]
    assert found == [("doctor/gpu", "skip"), ("preflight/disk", "fail")]


@pytest.mark.parametrize(
    ("proc", "most", "used", "stat", "free"),
    [
        ("MemAvailable:   2048 kB\n", "", "", "", 2048 * 1024),
        ("MemAvailable:   2048 kB\n", "max\n", "5\n", "", 2048 * 1024),
        ("MemAvailable:   2048 kB\n", "1000\n", "900\n", "inactive_file 50\n", 150),
        ("", "", "", "", None),
    ],
)
def test_memory_is_what_kernel_and_control_group_leave(
    tmp_path: Path, proc: str, most: str, used: str, stat: str, free: int | None
) -> None:
    for name, text in {"meminfo": proc, "memory.max": most, "memory.current": used, "memory.stat": stat}.items():
        if text:
            (tmp_path / name).write_text(text)
    assert machine.memory(tmp_path / "meminfo", tmp_path) == free


def test_little_memory_and_a_clock_that_is_behind_are_warnings(copied: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory", lambda: 2**20)
    context = seen(copied("minimal"))
    assert [check.id for check in machine.machine(context)] == ["doctor/memory"]
    monkeypatch.setattr(machine, "memory", lambda: 2**40)
    assert list(machine.machine(context)) == []
    late = replace(context, now=context.now - timedelta(hours=1))
    assert [check.id for check in machine.machine(late)] == ["doctor/clock"]


def test_a_shallow_clone_is_named(copied: Copy, tmp_path: Path) -> None:
    source = copied("sound")
    git(source, "commit", "-q", "--allow-empty", "-m", "Next")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{source}", "clone")
    assert ids(seen(tmp_path / "clone")) == ["doctor/shallow"]


def test_a_repository_of_another_user_is_named(copied: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied("minimal")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert ids(seen(folder)) == ["doctor/safe-directory"]


def test_an_old_git_and_no_git_are_named(copied: Copy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = copied("minimal")
    with monkeypatch.context() as patch:
        patch.setattr(repository, "OLDEST", (99, 0))
        assert ids(seen(folder)) == ["doctor/git-version"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ids(seen(folder)) == ["doctor/git"]


def checked(folder: Path, when: datetime) -> None:
    """Record a drift check."""
    result = Result(
        step="drift",
        name="rows-0000000001",
        checks=(Check(id="window", title="Window", status="pass"),),
        source=Source(),
        run=Run(kit="0", started=when.isoformat(timespec="seconds"), seconds=1.0),
    )
    LocalForge(folder).record(entries([result], "default", "."), "Watch")


@pytest.mark.parametrize(("days", "expected"), [(1, []), (10, ["heartbeat"])])
def test_a_drift_check_that_has_stopped_is_named(copied: Copy, days: int, expected: list[str]) -> None:
    folder, now = copied("sound"), datetime.now(UTC)
    change(YML, "drift:\n", "drift:\n  every: 1d\n")(folder)
    checked(folder, now - timedelta(days=days))
    assert ids(seen(folder)) == expected


@pytest.mark.parametrize(("days", "expected"), [(44, []), (50, [IDLE]), (70, [IDLE])])
def test_a_schedule_that_is_about_to_be_disabled_is_named(copied: Copy, days: int, expected: list[str]) -> None:
    context = seen(copied("sound"))
    found = list(schedule(replace(context, now=context.now + timedelta(days=days, minutes=1))))
    assert [check.id for check in found] == expected
    assert [("left" in (check.observed or "")) for check in found] == [days < 60] * len(found)


def test_a_group_that_hangs_is_a_note_and_one_that_breaks_is_our_bug(
    copied: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examine, "PATIENCE", 0.2)
    ended = threading.Event()

    def hangs(context: Context) -> Iterator[Check]:
        ended.wait(30)
        yield from ()

    def breaks(context: Context) -> Iterator[Check]:
        yield from (Check(id="x", title=str(1 // 0), status="fail"),)

    context = seen(copied("minimal"))
    try:
        ((name, (note,)),) = examine.gather(context, {"Slow disks": (hangs,)}).items()
        assert (name, note.id, note.status) == ("Slow disks", "doctor/slow-disks", "skip")
        with pytest.raises(ZeroDivisionError):
            examine.gather(context, {"a": (breaks,)})
    finally:
        ended.set()
