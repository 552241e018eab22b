"""A training that is cancelled at random moments in its action: a sound checkpoint stays, and nothing else."""

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ci_kit.resume.folder import Folder
from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.runner import Runner

CANCELS = int(os.environ.get("CI_KIT_ROUNDS", "6"))
LIMIT = 7.5  # seconds that GitHub leaves between SIGINT and SIGTERM
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300 + 15 * CANCELS)]
# A step is a twentieth of a second, every fifth is saved, and the last one on SIGTERM; a helper looks on, as a data
# loader does. The state is two files that must belong together.
TRAIN = """
import os, pathlib, random, signal, subprocess, sys, time
from ci_kit.resume.folder import Folder
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
folder = Folder(pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"]), print)
step, total = folder.load(lambda new: float((new / "total").read_text())) or (0, 0.0)
print("begins at", step, flush=True)
def save():
    def write(new):
        (new / "total").write_text(repr(total))
        (new / "bulk").write_bytes(random.Random(step).randbytes(200_000))
    folder.save(step, write)
while step < 1_000_000 and not (step >= 200 and (folder.path.parent / "enough").exists()):
    time.sleep(0.05)
    step += 1
    total += random.Random(step).random()
    if step % 5 == 0 or asked:
        save()
    if asked:
        sys.exit(143)
pathlib.Path("model.onnx").write_text("model")
print("ended", step, total)
"""
CONFIG = "train: {command: python train.py, outputs: model.onnx, disk: 0.1, checkpoints: %s}\n"
HEAD = """\
on: push
permissions: {}
jobs:
  train:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v7
      - uses: acme/ci-kit/actions/setup@v1
"""
STEP = """\
      - uses: acme/ci-kit/actions/train@v1
        id: train%d
        continue-on-error: true
"""


class Canceller(threading.Thread):
    """Send SIGINT to the entry process of each training, as GitHub does, at a random moment of its first seconds."""

    def __init__(self, checkpoints: Path, cancels: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.checkpoints, self.cancels = checkpoints, cancels
        self.random, self.took, self.wrong = random.Random(seed), list[float](), list[str]()
        self.steps, self.known = list[int](), set[int]()

    def run(self) -> None:
        """Cancel as often as asked for, then let the training end."""
        for _ in range(self.cancels):
            entry = next(self._entries())
            time.sleep(self.random.uniform(0, 3))
            started = time.monotonic()
            entry.send_signal(signal.SIGINT)
            psutil.wait_procs([entry], timeout=15)
            self.took.append(time.monotonic() - started)
            self.wrong += [f"left running: {one}" for one in self._inside(entry)]
            self._look()
        (self.checkpoints / "enough").touch()

    def _entries(self) -> Iterator[psutil.Process]:
        """Wait for the process that the runner has started for the next training."""
        while True:
            for entry in psutil.Process().children(recursive=True):
                if entry.pid not in self.known and "CI_KIT_INPUT_COMMAND" in _environment(entry):
                    self.known.add(entry.pid)
                    parent = entry.parent()
                    if parent and parent.name() == "act":
                        yield entry
            time.sleep(0.01)

    def _inside(self, entry: psutil.Process) -> list[str]:
        found = []
        for process in psutil.process_iter():
            marks = _environment(process)
            if process.pid != entry.pid and marks.get("CI_KIT_CHECKPOINT_DIR", "").startswith(str(self.checkpoints)):
                found.append(str(process))
        return found

    def _look(self) -> None:
        """Check the newest checkpoint: that it is sound, and what it should be."""
        for place in self.checkpoints.glob("*/"):
            refused = list[str]()
            found = Folder(place, refused.append).load(lambda new: float((new / "total").read_text()))
            step, total = found or (0, 0.0)
            expected = 0.0
            for number in range(1, step + 1):
                expected += random.Random(number).random()
            self.wrong += refused + ([f"step {step} holds {total}, not {expected}"] if total != expected else [])
            self.steps.append(step)


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def test_cancels_at_random_moments_leave_a_sound_checkpoint_and_no_process(hub: Hub, kit: Path, tmp_path: Path) -> None:
    """Six here; CI_KIT_ROUNDS=100 asks for more."""
    hub.reset()
    runner, checkpoints = Runner(hub, kit, tmp_path / "runner"), tmp_path / "checkpoints"
    user = Consumer(hub, tmp_path, runner.home)
    steps = "".join(STEP % number for number in range(CANCELS + 1))
    user.commit(
        {
            **project.files(),
            "train.py": TRAIN,
            "ci-kit.yaml": CONFIG % checkpoints,
            ".github/workflows/train.yml": HEAD + steps,
        },
        "Start",
    )
    user.push("main")
    canceller = Canceller(checkpoints, CANCELS, seed=1)
    canceller.start()
    event = {"repository": hub.api("GET", hub.path()), "ref": "refs/heads/main", "before": "0" * 40}
    outcome = runner.run(user.folder, ".github/workflows/train.yml", "push", event, timeout=250 + 15 * CANCELS)
    canceller.join(5)
    print(f"{len(canceller.took)} cancels, at most {max(canceller.took):.2f} s, steps {canceller.steps}")
    assert len(canceller.took) == CANCELS, str(outcome)
    assert canceller.wrong == []
    assert max(canceller.took) < LIMIT
    assert canceller.steps == sorted(canceller.steps), "no checkpoint was lost"
    step, total = outcome.output.rpartition("ended ")[2].split()[:2]
    expected = 0.0
    for number in range(1, int(step) + 1):
        expected += random.Random(number).random()
    assert float(total) == expected
