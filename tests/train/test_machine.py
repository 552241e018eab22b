import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from ci_kit.train import machine

GIB, MIB = 2**30, 2**20


@pytest.fixture
def usage(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(total=100 * GIB, free=50 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: found)
    return found


@pytest.mark.parametrize(
    ("free", "size", "status"),
    [(20, 10, None), (19.9, 10, "warn"), (10, 10, "warn"), (9.9, 10, "fail"), (0, 0, None), (0, 1e-9, "fail")],
)
def test_two_more_checkpoints_must_fit(
    tmp_path: Path, usage: SimpleNamespace, free: float, size: float, status: str | None
) -> None:
    usage.free = int(free * GIB)
    found = machine.checkpoints(tmp_path, round(size * GIB))
    assert [check.status for check in found] == ([status] if status else [])


def test_the_room_for_checkpoints_is_named(tmp_path: Path, usage: SimpleNamespace) -> None:
    usage.free = GIB
    (check,) = machine.checkpoints(tmp_path, 3 * GIB)
    assert str(check) == "Disk space for checkpoints: 1.0 GiB free, the last one has 3.0 GiB"
    assert check.limit == "at least 6.0 GiB"
    assert str(tmp_path) in (check.detail or "")


def test_what_a_killed_save_left_is_free(tmp_path: Path, usage: SimpleNamespace) -> None:
    usage.free = 10
    (tmp_path / ".new-1").mkdir()
    (tmp_path / ".new-1/state").write_bytes(bytes(95))
    assert [check.status for check in machine.checkpoints(tmp_path, 100)] == ["warn"]


@pytest.mark.parametrize(
    ("total", "free", "observed", "remedy"),
    [
        (64 * MIB, 64 * MIB, "64.0 MiB of 64.0 MiB", "--shm-size=8g"),
        (16 * GIB, 100 * MIB, "100.0 MiB of 16.0 GiB", "ls -l"),
    ],
)
def test_little_shared_memory_is_named(
    tmp_path: Path, usage: SimpleNamespace, total: int, free: int, observed: str, remedy: str
) -> None:
    usage.total, usage.free = total, free
    (check,) = machine.shared(tmp_path)
    assert (check.status, check.observed) == ("warn", f"{observed} free in {tmp_path}")
    assert remedy in (check.detail or "")


@pytest.mark.parametrize("free", [GIB, 2 * GIB])
def test_enough_shared_memory_is_no_finding(tmp_path: Path, usage: SimpleNamespace, free: int) -> None:
    usage.free = free
    assert machine.shared(tmp_path) == ()


def test_without_shared_memory_there_is_nothing_to_say(tmp_path: Path, usage: SimpleNamespace) -> None:
    usage.free = 0
    assert machine.shared(tmp_path / "none") == ()


@pytest.mark.parametrize(("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (GIB, "1.0 GiB")])
def test_amounts(count: int, text: str) -> None:
    assert machine.amount(count) == text
