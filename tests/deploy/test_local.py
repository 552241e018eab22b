"""Deployments to real processes of this machine, with clients that ask all the time."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from ci_kit import config
from ci_kit.deploy import keeper, step
from ci_kit.deploy.state import Desk
from ci_kit.drift import step as drifted
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.registry.tags import stages
from ci_kit.result import Findings, Status
from tests.deploy import made
from tests.deploy.load import Load, Seen
from tests.e2e.conftest import require

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
LATER = """
from ci_kit.serving import Model


class Mine(Model):
    seen = 0

    def answers(self, rows):
        Mine.seen += len(rows)
        if Mine.seen > 150:
            raise RuntimeError("the cache is full")
        return super().answers(rows)
"""
SLOW = """
import time

from ci_kit.serving import Model


class Mine(Model):
    seen = 0

    def answers(self, rows):
        Mine.seen += len(rows)
        if Mine.seen > 100:
            time.sleep(0.03)  # one after the other: more than the 20 requests a second that a watch judges by
        return super().answers(rows)
"""
# name → how the bento is made; each version answers the sum of a row times its factor
VERSIONS: dict[str, dict[str, Any]] = {
    "v0.1.0": {"factor": 1.0},
    "v0.2.0": {"factor": 2.0},
    "v0.3.0": {"factor": 3.0, "golden": 33.0},
    "v0.4.0": {"factor": 4.0, "own": LATER},
    "v0.5.0": {"factor": 5.0, "columns": ("a", "b", "c")},
    "v0.6.0": {"factor": 6.0, "own": SLOW},
    "v0.7.0": {"factor": 7.0, "evaluation": None},
    "v0.8.0": {"factor": 8.0, "evaluation": "fail"},
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Story:
    """One target and what became of each deployment to it."""

    root: Path
    folder: Path
    port: int
    load: Load
    found: dict[str, Findings] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    clock: int = 0

    def job(self, **overrides: object) -> Any:
        self.clock += 1
        wanted = {f"deploy.{name}": value for name, value in overrides.items()}
        return made.job(self.root, wanted, started=f"2026-11-25T10:{self.clock:02}:00+00:00")

    def deploy(self, version: str, label: str = "", **more: object) -> None:
        job, mark = self.job(version=version, **more), self.load.mark()
        self.found[label or version] = step.run(job)
        time.sleep(0.3)
        self.seen[label or version] = self.load.since(mark, self.load.mark())
        self.said[label or version] = str(job.say)

    def status(self, name: str) -> dict[str, Status]:
        return {check.id: check.status for check in self.found[name].checks}

    def check(self, name: str, which: str) -> Any:
        return next(check for check in self.found[name].checks if check.id == which)


def stop(folder: Path) -> None:
    for path in (folder / "run").glob("*.json"):
        keeper.stop(path, 20)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Two versions that are kept, six that are not, and a rollback by hand, while clients ask all the time."""
    root, folder, port = tmp_path_factory.mktemp("repo"), tmp_path_factory.mktemp("target") / "prod", free_port()
    target = {"kind": "local", "address": f"127.0.0.1:{port}", "folder": str(folder), "watch": "3s", "drain": "2s"}
    made.repository(root, targets={"prod": target})
    for version, how in VERSIONS.items():
        made.release(root, version, **how)
    story = Story(root, folder, port, Load(f"http://127.0.0.1:{port}"))
    try:
        story.found["v0.1.0"] = step.run(story.job(version="v0.1.0"))
        with story.load:
            time.sleep(1)
            for version in ("v0.2.0", "v0.3.0", "v0.4.0", "v0.5.0", "v0.6.0", "v0.7.0", "v0.8.0"):
                story.deploy(version)
            job, mark = story.job(), story.load.mark()
            story.found["rollback"] = step.rollback(job)
            story.seen["rollback"] = story.load.since(mark, story.load.mark())
        story.found["status"] = step.status(story.job())
        yield story
    finally:
        stop(folder)


def test_the_first_version_is_kept_though_nobody_asked(story: Story) -> None:
    status = story.status("v0.1.0")
    assert status["watch"] == "warn"
    assert (status["api"], status["stop"], status["keep"]) == ("skip", "skip", "pass")


def test_a_promotion_loses_no_request(story: Story) -> None:
    assert set(story.status("v0.2.0").values()) <= {"pass", "warn"}
    assert story.status("v0.2.0")["signature"] == "warn"
    seen = story.seen["v0.2.0"]
    assert len(seen.answers) > 300
    assert seen.failed == []
    assert set(seen.factors) == {1.0, 2.0}


def test_clients_meet_the_new_version_once_and_for_all(story: Story) -> None:
    factors = [factor for _, status, factor in story.seen["v0.2.0"].answers if status == 200]
    first = factors.index(2.0)
    # What was under way at the moment of the switch may still come from the old one.
    assert set(factors[first + 2 * story.load.threads :]) == {2.0}
    assert set(factors[:first]) == {1.0}


def test_a_wrong_model_never_sees_traffic(story: Story) -> None:
    assert story.status("v0.3.0")["ready"] == "fail"
    assert "golden row" in story.check("v0.3.0", "ready").observed
    assert story.status("v0.3.0")["rollback"] == "skip"
    assert story.seen["v0.3.0"].failed == []
    assert set(story.seen["v0.3.0"].factors) == {2.0}


def test_a_version_that_breaks_after_the_switch_loses_the_traffic_within_two_seconds(story: Story) -> None:
    assert story.status("v0.4.0")["watch"] == "fail"
    assert "requests failed within a second" in story.check("v0.4.0", "watch").observed
    assert story.check("v0.4.0", "rollback").title == "The traffic is back at sums@v0.2.0"
    seen = story.seen["v0.4.0"]
    assert {status for _, status, _ in seen.failed} == {500}
    times = [at for at, _, _ in seen.failed]
    assert max(times) - min(times) < 2.0
    after = [factor for at, status, factor in seen.answers if at > max(times) + 0.1 and status == 200]
    assert set(after) == {2.0}


def test_a_version_that_gets_slow_loses_the_traffic_without_an_error(story: Story) -> None:
    assert story.status("v0.6.0")["watch"] == "fail"
    assert "times as long" in story.check("v0.6.0", "watch").observed
    assert story.seen["v0.6.0"].failed == []


def test_an_api_that_breaks_is_refused_before_the_switch(story: Story) -> None:
    assert story.status("v0.5.0")["api"] == "fail"
    assert story.check("v0.5.0", "api").observed == "POST /predict: request.rows[].c is required"
    assert "--breaking true" in story.check("v0.5.0", "api").detail
    assert set(story.seen["v0.5.0"].factors) == {2.0}


@pytest.mark.parametrize(
    ("version", "said"), [("v0.7.0", "No evaluation speaks of"), ("v0.8.0", "failed its evaluation")]
)
def test_what_no_evaluation_passed_is_refused_before_anything_is_touched(story: Story, version: str, said: str) -> None:
    (check,) = story.found[version].checks
    assert (check.id, check.status) == ("evaluated", "fail")
    assert said in check.title


def test_a_rollback_goes_to_the_version_that_was_kept_before(story: Story) -> None:
    assert story.status("rollback")["keep"] == "pass"
    assert story.seen["rollback"].failed == []
    assert set(story.seen["rollback"].factors) == {1.0, 2.0}
    (serves,) = (check for check in story.found["status"].checks if check.id == "serves")
    assert serves.title == "sums@v0.1.0 serves"


def test_each_step_is_in_the_result_and_the_stage_is_a_tag(story: Story) -> None:
    expected = ["evaluated", "content", "signature", "start", "ready", "golden", "refuses", "api", "switch", "watch"]
    assert [check.id for check in story.found["v0.2.0"].checks] == [*expected, "keep", "stop", "record"]
    git = Git(story.root)
    (given,) = stages(git, made.NAME).values()
    assert [number for number, _ in given] == [1, 2, 3]
    recorded = made.recorded(story.root)
    assert [result.status for result in recorded.values()] == ["warn", "warn", "fail", "fail", "fail", "fail", "warn"]


def test_only_the_active_version_and_the_proxy_run(story: Story) -> None:
    running = {path.stem for path in (story.folder / "run").glob("*.json") if keeper.keeping(path)}
    state = Desk(story.folder, "prod").load()
    assert state
    assert running == {"proxy", state.active}
    mine = [one for one in psutil.process_iter() if str(story.folder) in " ".join(_line(one))]
    kinds = sorted("keeper" if "keeper" in " ".join(_line(one)) else Path(_line(one)[0]).name for one in mine)
    assert kinds.count("keeper") == 2
    assert kinds.count("caddy") == 1


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() or [""]
    except psutil.Error:
        return [""]


def test_services_see_no_secrets_and_hidden_pages_are_hidden(story: Story) -> None:
    state = Desk(story.folder, "prod").load()
    assert state
    assert state.active
    child = (keeper.keeping(story.folder / "run" / f"{state.active}.json") or {})["child"]
    env = psutil.Process(child).environ()
    assert not {name for name in env if "TOKEN" in name or "SECRET" in name or name.startswith(("GITHUB_", "PYTEST"))}
    for path, status in {"/": 404, "/metrics": 404, "/about": 200, "/readyz": 200, "/docs.json": 200}.items():
        assert httpx.get(f"http://127.0.0.1:{story.port}{path}", trust_env=False).status_code == status


def test_what_was_asked_is_in_the_prediction_log(story: Story) -> None:
    asked = sum(len(seen.answers) - len(seen.failed) for seen in [story.load.since(0)])
    rows: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while len(rows) < asked and time.monotonic() < deadline:  # what was asked last is written a moment later
        time.sleep(0.1)
        files = (story.folder / "predictions").iterdir()
        rows = [json.loads(line) for path in files for line in path.read_text().splitlines()]
    assert {"time", "model", "a", "b", "prediction"} == set(rows[0])
    assert len(rows) == asked


def test_drift_reads_the_log_as_the_service_wrote_it(story: Story, tmp_path: Path) -> None:
    rows = [f"{float(number % 50 + 1)},1.0,{number % 50 + 2.0}" for number in range(2000)]
    (tmp_path / "reference.csv").write_text("a,b,prediction\n" + "\n".join(rows) + "\n")
    data = {"reference": {"path": "reference.csv"}, "asked": {"path": f"{story.folder}/predictions/*.jsonl"}}
    drift = {"reference": "reference", "current": "asked", "window": {"rows": 500, "column": "time"}, "min-rows": 100}
    settings = config.read(yaml.safe_dump({"data": data, "drift": drift}).encode())
    sent = [{"a": float(number % 50 + 1), "b": 1.0} for number in range(500)]
    answer = httpx.post(f"http://127.0.0.1:{story.port}/predict", json={"rows": sent}, trust_env=False, timeout=20)
    assert answer.json()["predictions"][49]["prediction"] == 51.0  # the first version serves again
    time.sleep(1)
    found = drifted.run(Job(root=tmp_path, config=settings, say=lambda _: None))
    known = {check.id: check.status for check in found.checks}
    assert known["window"] == "pass"
    assert {known["data/a"], known["data/prediction"]} == {"pass"}
    assert not [name for name, status in known.items() if name.startswith("schema/") and status != "pass"]


def test_the_same_version_again_changes_nothing(story: Story) -> None:
    found = step.run(story.job(version="v0.1.0"))
    (check,) = found.checks
    assert (check.id, check.status, check.title) == ("serves", "pass", "sums@v0.1.0 serves already")


def test_an_instance_that_dies_is_started_again(story: Story) -> None:
    state = Desk(story.folder, "prod").load()
    assert state
    spec = story.folder / "run" / f"{state.active}.json"
    before = keeper.keeping(spec)
    assert before
    for process in [*psutil.Process(before["child"]).children(recursive=True), psutil.Process(before["child"])]:
        process.kill()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        answer = httpx.get(f"http://127.0.0.1:{story.port}/about", trust_env=False, timeout=20)
        now = keeper.keeping(spec)
        if answer.status_code == 200 and now and now["child"] not in (None, before["child"]):
            return
        time.sleep(0.2)
    pytest.fail("it was not started again")


BUSY = """
import sys, time
from pathlib import Path
from ci_kit.deploy.state import Desk
with Desk(Path(sys.argv[1]), "prod").lock("a deployment of sums@v9.9.9"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_busy_target_names_who_holds_it(story: Story) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY, str(story.folder)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(
            UserError, match=rf"prod is busy \(a deployment of sums@v9\.9\.9 since .*, process {holder.pid}\)"
        ):
            step.run(story.job(version="v0.2.0"))
        holder.kill()
    with Desk(story.folder, "prod").lock("free again"):
        pass


def test_an_unknown_version_names_the_newest(story: Story) -> None:
    with pytest.raises(UserError, match=r"sums has no version v9\.0\.0 \(the newest are .*v0\.8\.0\)"):
        step.run(story.job(version="v9.0.0"))


def test_an_unknown_target_names_those_that_there_are(story: Story) -> None:
    with pytest.raises(UserError, match=r"no target 'stage' \(`deploy\.targets` has prod\)"):
        step.run(story.job(target="stage"))


def test_a_port_that_somebody_has_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        target = {"kind": "local", "address": address, "folder": str(tmp_path / "t")}
        root = made.repository(tmp_path / "repo", targets={"prod": target})
        made.release(root, "v0.1.0")
        with pytest.raises(UserError, match=rf"{address} is taken \(another process listens there\)"):
            step.run(made.job(root))
    assert not (tmp_path / "t" / "run").exists()


SMALL = 'mount -t tmpfs -o size=100k none "$1" && shift && exec "$@"'


def test_a_full_disk_is_one_line_and_leaves_the_traffic_alone(tmp_path: Path) -> None:
    target = {"kind": "local", "address": f"127.0.0.1:{free_port()}", "folder": str(tmp_path / "t")}
    root = made.repository(tmp_path / "repo", targets={"prod": target})
    made.release(root, "v0.1.0")
    (tmp_path / "t").mkdir()
    apart = next((one for one in (["unshare", "-rm"], ["sudo", "-n", "unshare", "-m"]) if works(*one, "true")), None)
    require(None if apart else "no file system can be mounted: unshare -rm does not work", os.environ)
    assert apart
    command = [*apart, "sh", "-c", SMALL, "sh", str(tmp_path / "t"), sys.executable, "-m", "ci_kit", "deploy"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"ci-kit: no space left on the disk (the traffic stayed where it was). Free some in {tmp_path / 't'}"
        " [deploy/failed]\n"
    )


def works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except OSError:
        return False


def test_a_target_is_taken_out_of_service_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    target = {"kind": "local", "address": f"127.0.0.1:{port}", "folder": str(tmp_path / "t"), "watch": "1s"}
    root = made.repository(tmp_path / "repo", targets={"prod": target})
    made.release(root, "v0.1.0")
    try:
        step.run(made.job(root))
        found = step.stop(made.job(root))
        (check,) = found.checks
        assert (check.title, check.observed) == ("prod serves no more", "sums@v0.1.0")
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.1:{port}/about", trust_env=False)
        assert not any(keeper.keeping(path) for path in (tmp_path / "t" / "run").glob("*.json"))
        (status,) = step.status(made.job(root)).checks
        assert (status.status, status.title) == ("skip", "Nobody serves")
        assert found.about == "stop of prod"
        again = step.rollback(made.job(root))
        assert again.about == "sums@v0.1.0 to prod"
        assert "keep" in [check.id for check in again.checks]
        assert httpx.get(f"http://127.0.0.1:{port}/about", trust_env=False).json()["version"] == "v0.1.0"
    finally:
        stop(tmp_path / "t")


def test_nothing_was_deployed_yet(tmp_path: Path) -> None:
    target = {"kind": "local", "folder": str(tmp_path / "t")}
    root = made.repository(tmp_path / "repo", targets={"prod": target})
    (check,) = step.status(made.job(root)).checks
    assert (check.status, check.title) == ("skip", "Nothing was deployed to prod yet")
    with pytest.raises(UserError, match="nothing was deployed to prod yet"):
        step.rollback(made.job(root))
