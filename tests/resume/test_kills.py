"""A training that is killed at random moments ends with the very weights of one that was not."""

import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("CI_KIT_ROUNDS", "1"))


@pytest.mark.parametrize(("kills", "every", "most"), [(80, "0", 1), (30, "0.03", 48)], ids=["each step", "some steps"])
def test_a_process_that_is_killed_a_hundred_times(tmp_path: Path, kills: int, every: str, most: int) -> None:
    command = [sys.executable, "-m", "tests.resume.forks", str(tmp_path), str(kills), every, "2026"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    killed, rounds, repeated = map(int, done.stdout.split())
    assert killed >= kills
    assert rounds > 1
    assert 1 <= repeated <= most


class Kit:
    """`ci-kit train` on a training of these tests, in a repository of its own."""

    def __init__(self, folder: Path, command: str, **more: object) -> None:
        self.root, self.state, self.what = folder / "repo", folder / "state", command.split()[-2]
        self.root.mkdir(parents=True)
        train = {"command": command, "outputs": "weights.txt", "gpu": "none", "checkpoints": str(self.state)} | more
        self.state = Path(str(train["checkpoints"]))
        (self.root / "ci-kit.yaml").write_text(yaml.safe_dump({"train": train}))

    def start(self) -> subprocess.Popen[bytes]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "EVERY": "0", "PAUSE": "0.05"}
        with (self.root.parent / "said").open("ab") as said:
            command = [sys.executable, "-m", "ci_kit", "train"]
            return subprocess.Popen(command, cwd=self.root, env=env, stdout=said, stderr=said)

    def trainings(self) -> list[psutil.Process]:
        """Return the processes that train here."""
        found = []
        for one in psutil.process_iter(["cmdline", "status"]):
            words = one.info["cmdline"] or []
            if (
                self.what in words
                and "torch.distributed.run" not in words
                and one.info["status"] != psutil.STATUS_ZOMBIE
            ):
                found.append(one)
        return [one for one in found if one.cwd() == str(self.root)]

    def steps(self) -> int:
        path = self.root / "weights.steps"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def further(self, running: subprocess.Popen[bytes], steps: int) -> None:
        """Wait until so many more steps are done."""
        aim, deadline = self.steps() + steps, time.monotonic() + 90
        while self.steps() < aim:
            assert running.poll() is None, (self.root.parent / "said").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)


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


@pytest.mark.timeout(180 + 60 * ROUNDS)
def test_two_machines_train_together_and_one_loses_its_process(tmp_path: Path) -> None:
    """Each is a supervisor of its own with one process; what they share is the folder of the checkpoints.

    Once here; CI_KIT_ROUNDS=20 asks for more.
    """
    command, weights = f"{Path(__file__).parent / 'together.py'} weights.txt", set()
    alone = Kit(tmp_path / "alone", command, launcher="torchrun", processes=2)
    assert alone.start().wait(timeout=120) == 0
    weights.add((alone.root / "weights.txt").read_text())
    shared = {"launcher": "torchrun", "processes": 1, "nodes": 2, "checkpoints": str(tmp_path / "shared")}
    for number in range(ROUNDS):
        victim = (number + 1) % 2
        meeting = {"rendezvous": f"127.0.0.1:{free_port()}"}
        kits = [Kit(tmp_path / f"{number}-{node}", command, **shared, **meeting, node=node) for node in (0, 1)]
        running = [kit.start() for kit in kits]
        kits[0].further(running[0], 5 + 10 * victim)
        kits[victim].trainings()[0].kill()
        said = [(kit.root.parent / "said") for kit in kits]
        assert [one.wait(timeout=120) for one in running] == [0, 0], [one.read_text() for one in said]
        assert "it goes on from its last checkpoint" in said[victim].read_text()
        weights.add((kits[0].root / "weights.txt").read_text())
        assert not (kits[1].root / "weights.txt").exists()
        assert [one.trainings() for one in kits] == [[], []]
    assert len(weights) == 1


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])
