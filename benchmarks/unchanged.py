"""How long "nothing to train" takes: our decision from DVC's files against DVC's own commands, in one run.

A repository of three stages and 12 MB of data, all of it there and up to date. Medians over the rounds, interleaved.
Exit code 1 when our decision takes more than 0.15 s, or is wrong.

    python benchmarks/unchanged.py [--rounds 7]
"""

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from ci_kit.train.unchanged import unchanged

LIMIT = 0.15
PIPELINE = """
stages:
  prepare: {cmd: cp raw.csv data.csv, deps: [raw.csv], outs: [data.csv]}
  train: {cmd: cp data.csv model.bin, deps: [data.csv, train.py], params: [lr], outs: [model.bin]}
  judge: {cmd: wc -c model.bin > size.txt, deps: [model.bin], outs: [size.txt]}
"""


def timed(command: list[str], root: Path) -> float:
    """Run the command and return how long it took."""
    env = os.environ | {"DVC_NO_ANALYTICS": "1"}
    started = time.perf_counter()
    subprocess.run(command, cwd=root, check=True, capture_output=True, env=env)
    return time.perf_counter() - started


def main() -> int:
    """Build the repository, measure, and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    dvc = str(Path(sys.executable).with_name("dvc"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "dvc.yaml").write_text(PIPELINE)
        (root / "params.yaml").write_text("lr: 0.1\n")
        (root / "train.py").write_text("")
        (root / "raw.csv").write_bytes(random.Random(0).randbytes(4_000_000))
        added = [dvc, "add", "-q", "raw.csv"]
        for command in (["git", "init", "-q"], [dvc, "init", "-q"], added, [dvc, "repro", "-q"]):
            timed(command, root)
        ours, theirs = list[float](), dict[str, list[float]]()
        for _ in range(given.rounds):
            started = time.perf_counter()
            if not unchanged(root):
                print("broken: it is unchanged")
                return 1
            ours.append(time.perf_counter() - started)
            for words in ("repro", "status"):
                theirs.setdefault(words, []).append(timed([dvc, words], root))
        (root / "train.py").write_text("# changed")
        if unchanged(root):
            print("broken: it has changed")
            return 1
    median = statistics.median(ours)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}, Python {platform.python_version()}, dvc {version('dvc')}, ci-kit {version('ci-kit')}")
    print(f"unchanged() {median:.3f} s, limit {LIMIT} s")
    for words, seconds in theirs.items():
        print(f"dvc {words:6} {statistics.median(seconds):.3f} s, {statistics.median(seconds) / median:.0f} ×")
    return int(median > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
