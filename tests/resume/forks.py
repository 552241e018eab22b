"""Kill a training at random moments: `python -m tests.resume.forks FOLDER KILLS EVERY SEED`; prints what was repeated.

torch is imported once, and each attempt is a fork, so that a hundred of them take a minute and not ten.
"""

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch._dynamo  # noqa: F401 - what an optimiser imports when it is first made, two seconds long

from tests.resume.training import train

LONGEST = 0.2  # seconds that an attempt may live


def attempt(output: Path, every: float) -> int:
    """Start a training in a process of its own and return its number."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            train(output, every=every, pause=0.003)
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int, within: float) -> int | None:
    """Return how it ended, None where it has not by then."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def killed(output: Path, every: float, wanted: int, moments: random.Random) -> int:
    """Kill until the training has ended, or often enough; return how often."""
    kills = 0
    while True:
        pid = attempt(output, every)
        code = ended(pid, moments.uniform(0, LONGEST) if kills < wanted else 60)
        if code == 0:
            return kills
        if code is not None:
            raise SystemExit(f"the training ended with {code}")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        kills += 1


def repeated(output: Path) -> int:
    """Return the most steps that one kill has cost."""
    steps = [int(line) for line in output.with_suffix(".steps").read_text().split()]
    return max((before - step + 1 for before, step in itertools.pairwise(steps)), default=0)


def main() -> None:
    """Train undisturbed, then with kills; exit code 1 where the weights differ by a bit."""
    folder, wanted, every, seed = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    moments, kills, rounds, most = random.Random(seed), 0, 0, 0
    if code := ended(attempt(folder / "undisturbed", every), 60):
        raise SystemExit(code)
    while kills < wanted:
        rounds += 1
        os.environ["CI_KIT_CHECKPOINT_DIR"] = str(folder / f"checkpoints-{rounds}")
        output = folder / f"weights-{rounds}"
        kills += killed(output, every, wanted - kills, moments)
        if output.read_text() != (folder / "undisturbed").read_text():
            raise SystemExit(f"round {rounds}: other weights after {kills} kills")
        most = max(most, repeated(output))
    print(kills, rounds, most)


if __name__ == "__main__":
    main()
