"""A training that is killed at random moments ends with the very weights of one that was not."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.resume.kit import ROOT, ROUNDS, Kit

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("kills", "every", "most"), [(80, "0", 1), (30, "0.03", 48)], ids=["each step", "some steps"])
def test_a_process_that_is_killed_a_hundred_times(tmp_path: Path, kills: int, every: str, most: int) -> None:
    command = [sys.executable, "-m", "tests.resume.forks", str(tmp_path), str(kills), every, "2026"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    killed, rounds, repeated = map(int, done.stdout.split())
    assert killed >= kills
    assert rounds >= 1  # a slow machine spends all kills on one training
    assert 1 <= repeated <= most


def test_the_command_the_supervisor_and_the_command_again(tmp_path: Path) -> None:
    kit = Kit(tmp_path, f"{sys.executable} -m tests.resume.training weights.txt")
    undisturbed = tmp_path / "undisturbed"
    env = os.environ | {"EVERY": "600", "PAUSE": "0"}
    subprocess.run([sys.executable, "-m", "tests.resume.training", str(undisturbed)], cwd=ROOT, env=env, check=True)
    moments = random.Random(2026)
    running = kit.start()
    for victim in ("command", "supervisor", "command"):
        kit.further(running, moments.randint(1, 12))
        (training,) = kit.trainings()
        if victim == "command":
            training.kill()
            continue
        running.kill()
        running.wait(timeout=20)
        assert training.is_running()  # nobody looks after it any more, and it trains on
        running = kit.start()
        training.wait(timeout=60)  # which the new supervisor ends before it begins
    assert running.wait(timeout=120) == 0, (tmp_path / "said").read_text()
    assert (kit.root / "weights.txt").read_text() == undisturbed.read_text()
    assert kit.trainings() == []
    assert list(kit.state.iterdir()) == []
    said = (tmp_path / "said").read_text()
    assert said.count("killed by SIGKILL") >= 2
    assert "resumes from the checkpoints" in said


@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_one_of_two_ranks_is_killed(tmp_path: Path) -> None:
    """Once here; CI_KIT_ROUNDS=20 asks for more."""
    command = f"{Path(__file__).parent / 'together.py'} weights.txt"
    moments, weights = random.Random(2026), set()
    for number in range(ROUNDS + 1):
        kit = Kit(tmp_path / str(number), command, launcher="torchrun", processes=2)
        running = kit.start()
        if number:  # the first is left alone
            # Not before the first checkpoint: what has left none would fail at the same place again.
            kit.further(running, moments.randint(2, 30))
            moments.choice(kit.trainings()).kill()
        assert running.wait(timeout=120) == 0, (kit.root.parent / "said").read_text()
        assert bool(number) is ("it goes on from its last checkpoint" in (kit.root.parent / "said").read_text())
        assert kit.trainings() == []
        weights.add((kit.root / "weights.txt").read_text())
    assert len(weights) == 1
