"""A command that does nothing any more is ended, and says where it was."""

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ci_kit.supervise import End, Limits, Outcome, meaning, supervise
from ci_kit.supervise.stall import Watchdog
from ci_kit.supervise.tree import Tree

STUCK = """
import threading, time
def wait_for_the_other_rank():
    threading.Event().wait()
print("step 1", flush=True)
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
wait_for_the_other_rank()
"""
WORKS = "import time; end = time.time() + 3\nwhile time.time() < end: sum(range(1000))"
TALKS = "import time\nfor _ in range(15): print('.', flush=True); time.sleep(0.2)"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Still(Tree):
    """A tree without processes."""

    def members(self, *, search: bool = True) -> Any:
        return []


def run(program: str, tmp_path: Path, **more: Any) -> tuple[Outcome, str]:
    said: list[str] = []
    outcome = supervise([sys.executable, "-c", program], root=tmp_path, say=said.append, limits=Limits(**more))
    return outcome, "\n".join(said)


@pytest.mark.e2e
def test_it_is_ended_with_its_stacks(tmp_path: Path) -> None:
    started = time.monotonic()
    outcome, said = run(STUCK, tmp_path, stall=1.5)
    assert time.monotonic() - started < 15
    assert outcome.stalled == 1.5
    assert outcome.code != 0
    assert "in wait_for_the_other_rank" in said
    assert meaning(outcome).startswith("ended as it did nothing: no output, and no CPU")


@pytest.mark.e2e
@pytest.mark.parametrize("program", [WORKS, TALKS], ids=["works", "talks"])
def test_what_works_or_talks_goes_on(tmp_path: Path, program: str) -> None:
    outcome, _ = run(program, tmp_path, stall=1.5)
    assert (outcome.code, outcome.stalled) == (0, 0.0)


@pytest.mark.e2e
def test_a_gpu_at_work_is_work(tmp_path: Path) -> None:
    outcome, _ = run("import time; time.sleep(4)", tmp_path, stall=1.5, busy=lambda: True)
    assert (outcome.code, outcome.stalled) == (0, 0.0)


@pytest.mark.e2e
def test_one_that_ends_well_on_being_ended_did_not_end_well(tmp_path: Path) -> None:
    program = "import os, signal, time; signal.signal(signal.SIGABRT, lambda *_: os._exit(0)); time.sleep(60)"
    outcome, _ = run(program, tmp_path, stall=1.0)
    assert (outcome.code, outcome.stalled) == (-9, 1.0)


def test_the_limit_counts_from_the_last_sign_of_life() -> None:
    clock = Clock()
    watchdog = Watchdog(Still(), 100, clock=clock)
    clock.now = 99
    assert not watchdog.stalled()
    watchdog.alive()
    clock.now = 198
    assert not watchdog.stalled()
    clock.now = 199
    assert watchdog.stalled()


def test_without_a_limit_nothing_stalls() -> None:
    clock = Clock()
    watchdog = Watchdog(Still(), None, clock=clock)
    clock.now = 1e9
    assert not watchdog.stalled()


def test_a_signal_leaves_less_time_than_the_limit_that_came_before_it(tmp_path: Path) -> None:
    # It was asked half a minute before its end, and takes its time; then the job is cancelled.
    program = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, lambda *_: pathlib.Path('asked').touch())\n"
        "pathlib.Path('ready').touch()\nwhile True: time.sleep(0.1)"
    )

    def cancel() -> None:
        while not (tmp_path / "asked").exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=cancel, daemon=True).start()
    end = End(left=30, saving=60, why="its limit")
    limits = Limits(end=lambda: end if (tmp_path / "ready").exists() else None)
    outcome = supervise([sys.executable, "-c", program], root=tmp_path, say=print, limits=limits)
    assert (outcome.code, outcome.stopped, outcome.late) == (-9, "SIGINT", "its limit")
    assert outcome.seconds < 15
