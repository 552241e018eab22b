"""What supervision costs: CPU seconds of a chatty job under `ci-kit train` against the same job alone.

The job burns about 20 CPU seconds and prints 200 lines and 200 states of a progress bar a CPU second. User and system
time are counted, the start of the kit included (from compiled bytecode, as on every run but an environment's first).
Two figures, medians over the rounds:

share  what the kit itself took, per CPU second of the job in the same run: meaningful on a busy machine too
ratio  the supervised run per run of the job alone, interleaved: it also sees what supervision does to the job, but is
       judged only where runs of the job alone differ by 5 % at most

Exit code 1 when one of them is above the limit of 5 %, or when the job itself failed.

    python benchmarks/supervision.py [--rounds 5] [--seconds 20]
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

LIMIT = 0.05
LINES = 200
JOB = """
import sys, time
blocks = {blocks}
total = 0.0
for step in range(blocks):
    for number in range({size}):
        total += number * 0.5
    print(f"step {{step}} loss {{1 / (step + 1):.6f}} accuracy {{step / blocks:.4f}} total {{total:.1f}}", flush=True)
    print(f"\\r{{100 * step // blocks}} % of the epoch", end="", file=sys.stderr, flush=True)
print("\\ndone")
"""


def cpu(command: list[str], root: Path, log: Path) -> float:
    """Run the command with its output in a file and return the CPU seconds that it and its children took."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(root / "bytecode")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with log.open("wb") as file:
        done = subprocess.run(command, cwd=root, env=env, stdout=file, stderr=subprocess.STDOUT, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or b"done" not in log.read_bytes():
        raise SystemExit(f"broken: {command[0]} ended with {done.returncode}\n{log.read_text()[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure, print every round, and judge the median of the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}, Python {platform.python_version()}, psutil {version('psutil')}, ci-kit {version('ci-kit')}")
    with tempfile.TemporaryDirectory() as folder:
        root, log = Path(folder), Path(folder) / "log"
        job = root / "job.py"
        job.write_text(JOB.format(blocks=LINES, size=20_000))
        (root / "ci-kit.yaml").write_text(f"train: {{command: exec '{sys.executable}' job.py, gpu: none}}\n")
        kit = [sys.executable, "-m", "ci_kit", "train", "--directory", str(root)]
        cpu(kit, root, log)
        size = round(20_000 / cpu([sys.executable, str(job)], root, log))
        job.write_text(JOB.format(blocks=round(LINES * given.seconds), size=size))
        took: dict[str, list[float]] = {"alone": [], "supervised": []}
        shares = []
        for turn in range(given.rounds):
            for way in sorted(took, reverse=turn % 2 == 1):
                took[way].append(cpu(kit if way == "supervised" else [sys.executable, str(job)], root, log))
            job_alone = json.loads((root / ".ci-kit/train.json").read_text())["metrics"]["cpu_time"]["value"]
            shares.append(took["supervised"][-1] / job_alone - 1)
            print(f"alone {took['alone'][-1]:6.2f} s   supervised {took['supervised'][-1]:6.2f} s   ", end="")
            print(f"ratio {took['supervised'][-1] / took['alone'][-1]:.4f}   share {shares[-1]:.2%}", flush=True)
        lines = len(log.read_text(errors="replace").splitlines())
    ratio = statistics.median(both / one for one, both in zip(*took.values(), strict=True))
    share = statistics.median(shares)
    quiet = max(took["alone"]) / min(took["alone"]) <= 1 + LIMIT
    note = "" if quiet else " (not judged: the machine was too busy)"
    print(f"median share {share:.2%}, median ratio {ratio:.4f}{note}, limit {LIMIT:.0%}; last log: {lines:,} lines")
    return 0 if share <= LIMIT and (ratio <= 1 + LIMIT or not quiet) else 1


if __name__ == "__main__":
    sys.exit(main())
