"""A training that begins on one machine and ends on another, through an S3-compatible store."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

pytestmark = pytest.mark.e2e
# The sum of random numbers is the model: a step that is lost or taken twice shows.
TRAIN = """
import json, os, pathlib, random, signal, sys, time
place = pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"])
step, total = max(((int(one.stem), float(one.read_text())) for one in place.glob("*.txt")), default=(0, 0.0))
print("begins at", step, flush=True)
while step < int(sys.argv[1]):
    time.sleep(float(sys.argv[2]))
    step += 1
    total += random.Random(step).random()
    (place / ".new").write_text(repr(total))
    (place / ".new").rename(place / f"{step}.txt")
    (place / f"{step - 3}.txt").unlink(missing_ok=True)
pathlib.Path("metrics.json").write_text(json.dumps({"steps": step, "loss": total}))
"""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve S3 on 127.0.0.1, with one bucket, and set the environment that reaches it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    url = f"http://127.0.0.1:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{url}/models", method="PUT"), timeout=10).close()
    known = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "ENDPOINT_URL": url, "REGION": "us-east-1"}
    for name, value in known.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield url
    # What it holds would outlive it.
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()
    server.stop()


class Project:
    """A repository, checked out on machines that share nothing but the store."""

    def __init__(self, folder: Path, carry: str, command: str, **more: str) -> None:
        self.folder, self.settings = folder, {"command": command, "carry": carry, "disk": "0.1", **more}

    def start(self, machine: str) -> "subprocess.Popen[str]":
        root = self.folder / machine / "repo"
        root.mkdir(parents=True, exist_ok=True)
        (root / "train.py").write_text(TRAIN)
        (root / "ci-kit.yaml").write_text(json.dumps({"train": self.settings}))
        env = {**os.environ, "XDG_STATE_HOME": str(self.folder / machine / "state")}
        env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
        return subprocess.Popen(
            [sys.executable, "-m", "ci_kit", "train"],
            cwd=root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def train(self, machine: str) -> tuple[int, str]:
        with self.start(machine) as process:
            said, _ = process.communicate(timeout=60)
        return process.returncode, said

    def metrics(self, machine: str) -> dict[str, float]:
        found: dict[str, float] = json.loads((self.folder / machine / "repo/metrics.json").read_text())
        return found


def objects(url: str) -> str:
    with urllib.request.urlopen(f"{url}/models?list-type=2", timeout=10) as answer:
        return str(answer.read().decode())


def test_what_one_machine_had_no_time_for_another_ends(s3: str, tmp_path: Path) -> None:
    project = Project(tmp_path, "s3://models/checkpoints", "python train.py 10 0.4", limit="2s")
    ends, machines = list[tuple[int, str]](), iter("abcdefgh")
    while not ends or ends[-1][0] == 75:
        last = next(machines)
        ends.append(project.train(last))
    assert ends[-1][0] == 0, ends
    assert 2 < len(ends) < 8, ends
    for _, said in ends[1:]:
        assert "fetched the checkpoints of another runner" in said
        assert "begins at 0" not in said
    alone = Project(tmp_path / "alone", f"file://{tmp_path}/store", "python train.py 10 0")
    assert alone.train("a")[0] == 0
    assert project.metrics(last) == alone.metrics("a")
    assert "checkpoints" not in objects(s3).partition("<Contents>")[2], "what is done leaves nothing in the store"


def test_what_a_machine_that_went_away_has_sent_is_gone_on_from(s3: str, tmp_path: Path) -> None:
    project = Project(tmp_path, "s3://models/checkpoints", "python train.py 30 0.4")
    with project.start("a") as process:
        deadline = time.monotonic() + 40
        while "index.json" not in objects(s3) and time.monotonic() < deadline:
            time.sleep(0.1)
        (training,) = psutil.Process(process.pid).children()
        process.send_signal(signal.SIGKILL)
        training.kill()  # the machine is away
    code, said = Project(tmp_path, "s3://models/checkpoints", "python train.py 30 0.4").train("b")
    assert (code, "fetched the checkpoints" in said, "begins at 0" in said) == (0, True, False), said
    assert project.metrics("b")["steps"] == 30


def test_a_store_that_is_away_is_one_line_and_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "store").write_text("this is no folder")
    project = Project(tmp_path, f"file://{tmp_path}/store/below", "python train.py 3 0")
    code, said = project.train("a")
    assert code == 2
    assert "train.carry names no store" in said
