"""Several machines train together: each is a supervisor of its own, and they share the folder of the checkpoints."""

import socket
from pathlib import Path

import pytest

from tests.resume.kit import ROUNDS, Kit

pytestmark = pytest.mark.e2e


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
