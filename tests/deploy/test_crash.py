"""The deployer is killed at each thing that it does: one version serves, and the target tells the truth."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from ci_kit.authorities import authorities
from ci_kit.bento.server import taken
from ci_kit.deploy import keeper, step
from ci_kit.deploy.state import COLOURS, Desk, State
from ci_kit.parts import Check, Status
from tests.deploy import cut, made
from tests.deploy.test_local import free_port, stop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
FACTORS = {"v0.1.0": 1.0, "v0.2.0": 2.0}


@dataclass
class Place:
    """A target whose instances start quickly, and a deployer in a process of its own."""

    root: Path
    folder: Path
    port: int

    def deployer(self, version: str, number: int = 0, when: str = "before", what: str = "run") -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.deploy.cut", str(self.root), version, str(number), when, what]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, version: str, number: int = 0, when: str = "before", what: str = "run") -> tuple[int, str]:
        with self.deployer(version, number, when, what) as process:
            output, errors = process.communicate(timeout=60)
        return process.returncode, output + errors

    def deploy(self, version: str) -> Status:
        """Deploy in this process."""
        job = made.job(self.root, {"deploy.version": version})
        return step.run(job).result("deploy", None, job.source, job.run).status

    def state(self) -> State:
        state = Desk(self.folder, "prod").load()
        assert state
        return state

    def serving(self) -> str:
        """Return the one version that answers clients; each of many requests is answered, and by that one."""
        seen = set()
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", timeout=20, trust_env=False, verify=authorities()
        ) as client:
            for number in range(1, 21):
                answer = client.post("/predict", json={"rows": [{"a": float(number), "b": 1.0}]})
                assert answer.status_code == 200, answer.text
                seen.add(answer.json()["predictions"][0]["prediction"] / (number + 1))
            about = client.get("/about").json()["version"]
        (factor,) = seen
        (version,) = (name for name, known in FACTORS.items() if known == factor)
        assert about == version
        return version

    def ready(self) -> list[str]:
        """Return the instances that would take traffic."""
        found: list[str] = []
        for colour in COLOURS:
            try:
                answer = httpx.get(
                    f"http://127.0.0.1:{self.state().ports[colour]}/readyz", trust_env=False, verify=authorities()
                )
            except httpx.TransportError:
                continue
            found += [colour] * (answer.status_code == 200)
        return found

    def status(self) -> dict[str, Check]:
        return {check.id: check for check in step.status(made.job(self.root)).checks}

    def processes(self) -> int:
        mine = 0
        for process in psutil.process_iter(["cmdline", "status"]):
            line = " ".join(process.info["cmdline"] or ())
            mine += str(self.folder) in line and process.info["status"] != psutil.STATUS_ZOMBIE
        return mine


def eventually(done: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + 10
    while not done():
        if time.monotonic() > deadline:
            pytest.fail(failure)
        time.sleep(0.05)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for name, value in cut.QUICK.items():
        monkeypatch.setattr(f"ci_kit.deploy.{name}", value)
    port, folder = free_port(), tmp_path / "target" / "prod"
    target = {"kind": "local", "address": f"127.0.0.1:{port}", "folder": str(folder), "watch": "1s", "drain": "1s"}
    root = made.repository(tmp_path / "repo", targets={"prod": target})
    for version, factor in FACTORS.items():
        made.release(root, version, factor=factor)
    place = Place(root, folder, port)
    try:
        assert place.deploy("v0.1.0") == "warn"
        yield place
    finally:
        stop(folder)


def other(version: str) -> str:
    return "v0.2.0" if version == "v0.1.0" else "v0.1.0"


def settled(place: Place, timeout: float = 10.0) -> str:
    """Return who serves once the proxy has noticed."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return place.serving()
        except (AssertionError, httpx.TransportError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_a_deployer_that_is_killed_anywhere_leaves_one_version_that_serves_and_a_target_that_tells_the_truth(
    place: Place,
) -> None:
    code, output = place.run("v0.2.0")
    assert code == 0, output
    things = int(output.split()[-2])
    assert things >= 12
    for number in range(1, things + 2):  # what was done "after" one is what is there "before" the next
        before, where = place.serving(), f"{number} of {things}"
        when = ("before", number) if number <= things else ("after", things)
        code, output = place.run(other(before), when[1], when[0])
        assert code == -signal.SIGKILL, f"{where}: {output}"
        serves = settled(place)
        assert len(place.ready()) == 1, where
        status, state = place.status(), place.state()
        assert status["serves"].title.startswith(f"sums@{serves} serves"), f"{where}: {status}"
        assert ("interrupted" in status) is (state.journal is not None), where
        # The next deployment, of whatever version, puts it right first.
        assert place.deploy(other(before)) != "fail", where
        assert place.serving() == other(before)
        assert place.state().journal is None
        assert "interrupted" not in place.status()
        # Two keepers, an instance and Caddy; one that is about to end, or has just been forked, may still be seen.
        eventually(lambda: place.processes() == 4, where)


def cut_while_watching(place: Place) -> None:
    with place.deployer("v0.2.0") as process:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            journal = place.state().journal
            if journal and journal.step == "watch":
                break
            time.sleep(0.02)
        process.kill()
    assert settled(place) == "v0.2.0"


def test_a_version_that_nobody_watched_to_the_end_loses_the_traffic_again(place: Place) -> None:
    cut_while_watching(place)
    assert place.status()["serves"].title == "sums@v0.2.0 serves, and nobody has kept it yet"
    interrupted = place.status()["interrupted"]
    assert interrupted.title == "A deployment of v0.2.0 goes on or was cut off, at the step watch"
    code, output = place.run("", what="rollback")
    assert (code, output.split()[-1]) == (0, "warn"), output
    assert place.serving() == "v0.1.0"
    assert place.state().past[-1].outcome == "rolled back"
    assert place.state().past[-1].why == "cut off at the step watch"
    eventually(lambda: place.processes() == 4, "other processes")


def gone(pid: int) -> None:
    """Wait until a process that lost its keeper has ended."""

    def ended() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    eventually(ended, f"process {pid} outlives its keeper")


def freed(place: Place) -> None:
    """Wait until the workers have seen that their parent is gone, and went, too."""
    state = place.state()
    assert state.active
    port = state.ports[state.active]
    eventually(lambda: not taken("127.0.0.1", port), f"somebody is left on port {port}")


def test_what_runs_no_more_is_started_again_by_the_next_deployment(place: Place) -> None:
    for name in ("proxy", str(place.state().active)):
        spec = place.folder / "run" / f"{name}.json"
        known = keeper.keeping(spec)
        assert known
        psutil.Process(known["pid"]).kill()
        gone(known["child"])
    freed(place)
    assert place.status()["serves"].status == "fail"
    assert "should serve, and nobody answers" in place.status()["serves"].title
    assert place.deploy("v0.2.0") == "warn"
    assert place.serving() == "v0.2.0"
    eventually(lambda: place.processes() == 4, "other processes")


def test_a_keeper_that_is_killed_leaves_nothing_on_its_port(place: Place) -> None:
    active = place.state().active
    assert active
    known = keeper.keeping(place.folder / "run" / f"{active}.json")
    assert known
    psutil.Process(known["pid"]).kill()
    gone(known["child"])
    freed(place)
