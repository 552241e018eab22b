"""A training on a real Ray cluster: it ends as it would here, and whatever happens to the cluster is one line."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from ci_kit.train.cluster.client import stem

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
BIN = Path(sys.executable).parent
# Adds up noise, one checkpoint a step: what was repeated or left out would be another sum.
TRAIN = """
import json, os, pathlib, random, signal, sys, time
steps, pause = int(sys.argv[1]), float(sys.argv[2])
place = pathlib.Path(os.environ["CI_KIT_CHECKPOINT_DIR"])
signal.signal(15, lambda *_: ((place / "saved").write_text(os.environ["CI_KIT_GRACE_S"]), sys.exit(143)))
done, total = 0, 0.0
for path in place.glob("step-*"):
    done, total = json.loads(path.read_text())
with open(sys.argv[3], "a") as log:
    print(done, file=log)
print("begins at", done, os.environ["CI_KIT_RESUME"], os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
while done < steps:
    total += random.Random(done).gauss(0, 1)
    done += 1
    new = place / ".new"
    new.write_text(json.dumps([done, total]))
    new.rename(place / "step-1")
    time.sleep(0 if os.path.exists(sys.argv[3] + ".hurry") else pause)
pathlib.Path("out").mkdir()
pathlib.Path("out/model.bin").write_bytes(bytes(range(256)) * 40_000)
pathlib.Path("out/total").write_text(total.hex())
json.dump({"accuracy": 0.5, "secret": int("SECRET" in os.environ)}, open("metrics.json", "w"))
"""


class Cluster:
    """A cluster of one node with two CPUs and one GPU that is only counted."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="r", dir="/tmp"))  # a socket's path has 107 bytes at most
        ports = iter(_free(4))
        self.port = next(ports)
        self.address = f"http://127.0.0.1:{self.port}"
        words = f"""start --head --num-cpus 2 --num-gpus 1 --disable-usage-stats --object-store-memory 80000000
            --dashboard-host 127.0.0.1 --dashboard-port {self.port} --port {next(ports)} --node-ip-address 127.0.0.1
            --ray-client-server-port {next(ports)} --dashboard-agent-listen-port {next(ports)}
            --min-worker-port 0 --max-worker-port 0 --temp-dir {self.folder}"""
        # With the second everything listens on 127.0.0.1, as it does elsewhere than on Linux.
        env = _environment() | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        done = subprocess.run(
            [BIN / "ray", *words.split()], env=env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def processes(self) -> list[psutil.Process]:
        """Return all that belongs to it: what names its folder, or was started by what does."""
        found: dict[int, psutil.Process] = {}
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if f"{self.folder}/" in " ".join(one.cmdline()):
                    found |= {each.pid: each for each in (one, *one.children(recursive=True))}
        return list(found.values())

    def head(self) -> psutil.Process:
        return next(one for one in self.processes() if "gcs_server" in one.name())

    def jobs(self) -> dict[str, str]:
        """Return the states of all jobs by name."""
        found = httpx.get(f"{self.address}/api/jobs/", timeout=20, trust_env=False).raise_for_status().json()
        return {one["submission_id"]: one["status"] for one in found if one["submission_id"]}

    def submit(self, name: str, entrypoint: str) -> None:
        """Run a job that is none of ours, and wait for its start."""
        job = {"submission_id": name, "entrypoint": entrypoint}
        httpx.post(f"{self.address}/api/jobs/", json=job, timeout=60, trust_env=False).raise_for_status()
        deadline = time.monotonic() + 60
        while self.jobs()[name] != "RUNNING":
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def close(self) -> None:
        deadline = time.monotonic() + 20
        while (found := self.processes()) and time.monotonic() < deadline:
            for one in found:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            psutil.wait_procs(found, timeout=2)
        shutil.rmtree(self.folder, ignore_errors=True)
        assert not found


def _free(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return kept | {"NO_PROXY": "127.0.0.1", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    try:
        yield found
    finally:
        found.close()


class Kit:
    """`ci-kit train` in a small repository."""

    def __init__(self, folder: Path, address: str, *, steps: int = 5, pause: float = 0.0, **ray: Any) -> None:
        self.root, self.state, self.said = folder / "repo", folder / "state", folder / "said"
        self.root.mkdir(parents=True)
        (self.root / "train.py").write_text(TRAIN)
        self.settings: dict[str, Any] = {
            "command": f"python train.py {steps} {pause} {folder / 'begun'}",
            "launcher": "ray",
            "outputs": "out",
            "metrics": "metrics.json",
            "checkpoints": str(self.state),
            "ray": {"address": address} | ray,
        }

    def start(self) -> subprocess.Popen[bytes]:
        (self.root / "ci-kit.yaml").write_text(yaml.safe_dump({"train": self.settings}))
        env = _environment() | {"SECRET": "1"}
        with self.said.open("ab") as said:
            command = [sys.executable, "-m", "ci_kit", "train"]
            return subprocess.Popen(command, cwd=self.root, env=env, stdout=said, stderr=said)

    def run(self, within: float = 90) -> int:
        return self.start().wait(timeout=within)

    def text(self) -> str:
        return self.said.read_text()

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / ".ci-kit/train.json").read_text())
        return found

    def why(self) -> str:
        """Return the last line of the job's log that the report shows."""
        (check,) = [one for one in self.result()["checks"] if one["id"] == "command"]
        assert check["status"] == "fail"
        return str(check["detail"]).splitlines()[-1]

    def begun(self) -> list[int]:
        """Return the steps that jobs have begun at."""
        path = self.said.with_name("begun")
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def step(self) -> int:
        """Return the step of the last checkpoint."""
        paths = list(self.state.glob("*/step-1"))
        return int(json.loads(paths[0].read_text())[0]) if paths else 0

    def until(self, running: subprocess.Popen[bytes], true: Callable[[], bool], within: float = 60) -> None:
        deadline = time.monotonic() + within
        while not true():
            assert running.poll() is None, self.text()
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def drivers(self) -> list[psutil.Process]:
        """Return the processes of the job: what was told of its checkpoints, but for ours here."""
        found = []
        for one in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                words = one.cmdline()
                if one.environ().get("CI_KIT_CHECKPOINT_DIR", "").startswith(f"{self.state}/"):
                    found += [one] if "ci_kit.train.cluster" not in words and not words[0].startswith("ray::") else []
        return found


def _total(steps: int) -> str:
    """Return what a training of so many steps that nothing disturbs ends with."""
    import random

    total = 0.0
    for step in range(steps):
        total += random.Random(step).gauss(0, 1)
    return total.hex()


def test_it_brings_home_what_it_made(cluster: Cluster, tmp_path: Path) -> None:
    kit = Kit(tmp_path, cluster.address, gpus=1)
    (kit.root / "out").mkdir()
    (kit.root / "out/old").write_text("of before")
    kit.settings["command"] = f"rm -r out; {kit.settings['command']}"
    assert kit.run() == 0, kit.text()
    assert sorted(path.name for path in (kit.root / "out").iterdir()) == ["model.bin", "total"]
    assert (kit.root / "out/model.bin").read_bytes() == bytes(range(256)) * 40_000
    assert (kit.root / "out/total").read_text() == _total(5)
    assert "begins at 0 0 0\n" in kit.text()  # the GPU that Ray has chosen is 0
    metrics = kit.result()["metrics"]
    assert (metrics["accuracy"]["value"], metrics["secret"]["value"]) == (0.5, 0)
    assert metrics.keys() == {"accuracy", "secret", "wall_time"}
    assert list(kit.state.iterdir()) == []


def test_a_cancel_stops_the_job(cluster: Cluster, tmp_path: Path) -> None:
    """What listens saves once more, what does not is killed, and all within the six seconds that there are."""
    kit = Kit(tmp_path, cluster.address, steps=1000, pause=0.1)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(300)"
    kit.settings["command"] = f'python -c "{deaf}" & {kit.settings["command"]}'
    running = kit.start()
    kit.until(running, lambda: kit.step() > 2 and "deaf\n" in kit.text())
    (name,) = (one for one, state in cluster.jobs().items() if state == "RUNNING")
    drivers = kit.drivers()
    assert len(drivers) >= 3
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=20) == 130
    assert time.monotonic() - began < 8
    assert cluster.jobs()[name] == "STOPPED"
    alive = psutil.wait_procs(drivers, timeout=3)[1]
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []  # Ray reaps what has ended when it can
    assert next(kit.state.glob("*/saved")).read_text() == "4"
    assert "goes on from its last checkpoint: type the same again" in kit.text()


def test_the_supervisor_the_script_and_ray_s_worker_are_killed(cluster: Cluster, tmp_path: Path) -> None:
    """It goes on from its checkpoint each time, and no job of before runs beside the next one."""
    kit = Kit(tmp_path, cluster.address, steps=1000, pause=0.2)
    running = kit.start()
    kit.until(running, lambda: kit.step() > 2)
    (folder,) = (path for path in kit.state.iterdir() if path.is_dir() and not path.suffix)
    (left,) = (name for name, state in cluster.jobs().items() if state == "RUNNING")
    assert left.startswith(stem(folder))
    for one in (psutil.Process(running.pid), *psutil.Process(running.pid).children(recursive=True)):
        one.kill()
    running.wait(timeout=10)
    assert cluster.jobs()[left] == "RUNNING"
    # As one that runs on another node, whose processes can't be ended from here.
    cluster.submit(f"{stem(folder)}7", "sleep 600")
    running = kit.start()
    for count, victim in enumerate(("script", "worker"), 2):
        kit.until(running, lambda count=count: len(kit.begun()) == count)  # type: ignore[misc]
        done = kit.step()
        kit.until(running, lambda done=done: kit.step() > done + 2)  # type: ignore[misc]
        script = next(one for one in kit.drivers() if ".ci-kit/ray_job.py" in one.cmdline())
        worker = script.parent()
        assert worker
        assert "JobSupervisor" in worker.name() + " ".join(worker.cmdline())
        (script if victim == "script" else worker).kill()
    (tmp_path / "begun.hurry").touch()
    assert running.wait(timeout=100) == 0, kit.text()
    assert cluster.jobs()[left] in ("STOPPED", "FAILED")
    assert cluster.jobs()[f"{stem(folder)}7"] == "STOPPED"
    assert cluster.jobs()[f"{stem(folder)}10"] == "SUCCEEDED"
    assert f"ray: stops {stem(folder)}7, which an earlier run has left" in kit.text()
    assert (kit.root / "out/total").read_text() == _total(1000)
    assert "resumes from the checkpoints" in kit.text()
    assert "attempt 3 of 5" in kit.text()
    assert len(kit.begun()) == 4
    assert kit.begun() == sorted(set(kit.begun()))
    assert kit.drivers() == []


def test_more_than_there_is(cluster: Cluster, tmp_path: Path) -> None:
    kit = Kit(tmp_path, cluster.address, gpus=3, wait="4s")
    began = time.monotonic()
    assert kit.run(within=60) == 1
    assert time.monotonic() - began < 40
    assert kit.why() == (
        "ray: the cluster had no room for the job within 4 s (`train.ray.wait`): it asks for 3 GPUs, there is 1 node"
        " with at most 1 GPU, 2 CPU each"
    )


def test_nobody_there(tmp_path: Path) -> None:
    (port,) = _free(1)
    kit = Kit(tmp_path, f"http://127.0.0.1:{port}")
    assert kit.run(within=60) == 1
    assert kit.why() == (
        f"ray: no Ray cluster answers at http://127.0.0.1:{port} (Failed to connect to Ray at address:"
        f" http://127.0.0.1:{port}.). Start it, or set `train.ray.address`"
    )


def test_the_head_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """The last test of this module, for the cluster is gone then."""
    kit = Kit(tmp_path, cluster.address, steps=10_000, pause=0.1)
    kit.settings["attempts"] = 1
    running = kit.start()
    kit.until(running, lambda: kit.step() > 2)
    for one in cluster.processes():
        if one.name() == "gcs_server" or "dashboard.py" in " ".join(one.cmdline()):
            one.kill()
    began = time.monotonic()
    assert running.wait(timeout=80) == 1
    assert time.monotonic() - began < 60
    assert kit.why().startswith("ray: the cluster has not answered for 3")
    assert "its head or the network is gone" in kit.why()
