"""The second journey as users see it: the template of the deployment, dispatched by hand and run by act."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from ci_kit.authorities import authorities
from ci_kit.deploy import keeper
from ci_kit.deploy.state import Desk
from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge
from ci_kit.steps import step
from tests.deploy import made
from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import WRITE
from tests.e2e.runner import Outcome, Runner

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
WORKFLOW = ".github/workflows/deploy.yml"
TEMPLATES = Path(__file__).parents[2] / "workflow-templates"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def workflow() -> str:
    """Return the template as a user's repository has it."""
    text = (TEMPLATES / "deploy.yml").read_text("utf-8")
    return text.replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", "@v1")


@dataclass
class Story:
    """What each dispatch did, and where the target is."""

    folder: Path
    port: int
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    history: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)

    @property
    def target(self) -> Path:
        return self.folder / "prod"

    def asked(self) -> Any:
        """Return what clients are told by who serves."""
        return httpx.get(f"http://127.0.0.1:{self.port}/about", trust_env=False, timeout=20).json()


def settings(folder: Path, port: int, taken: int) -> str:
    """Return the configuration: two targets of this machine, of which the second one's port is taken."""
    document = yaml.safe_load(project.CONFIG)
    target = {"kind": "local", "watch": "2s", "drain": "1s"}
    targets = {
        "prod": {**target, "address": f"127.0.0.1:{port}", "folder": str(folder / "prod")},
        "second": {**target, "address": f"127.0.0.1:{taken}", "folder": str(folder / "second")},
    }
    return yaml.safe_dump({**document, "package": {"name": "flowers"}, "deploy": {"targets": targets}})


def evaluated(user: Consumer, hub: Hub) -> None:
    """Evaluate the model of this commit and record it as the run on main does."""
    subprocess.run([sys.executable, "train.py"], cwd=user.folder, check=True, capture_output=True, timeout=60)
    user.git("add", "-f", "model.onnx")
    user.git("commit", "-qm", "Keep the model")
    sha = user.git("rev-parse", "HEAD")
    assert step("evaluate", user.folder, {"evaluate.first-run": "allow"}).status in ("pass", "warn")
    content = (user.folder / ".ci-kit" / "evaluate.json").read_bytes()
    with httpx.HTTPTransport(verify=authorities()) as transport:
        client = Client(hub.url, WRITE, transport=transport, sleep=lambda _: None)
        GitHubForge(client, "octo/demo", 1, url="x").record({f"results/{sha}/evaluate.json": content}, "Record")


@pytest.fixture(scope="module")
def story(hub: Hub, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Package and deploy; then what is refused: no such version, no evaluation, a busy target, a port in use."""
    hub.reset()
    folder = tmp_path_factory.mktemp("ship")
    told, runner = Story(folder, free_port()), Runner(hub, kit, folder / "runner")
    user = Consumer(hub, folder, runner.home)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = settings(folder, told.port, taken.getsockname()[1])
        user.commit({**project.files(), WORKFLOW: workflow(), "ci-kit.yaml": config}, "Start")
        evaluated(user, hub)
        user.push("main")
        user.pull("ci-kit")

        def dispatch(label: str, **inputs: str) -> None:
            known = {"model": "", "version": "", "target": "prod", "phase": "deploy"} | inputs
            event = {"inputs": known, "repository": hub.api("GET", hub.path()), "ref": "refs/heads/main"}
            number = len(told.outcomes) + 1
            with user.live():
                told.outcomes[label] = runner.run(
                    user.folder, WORKFLOW, "workflow_dispatch", event, run=number, timeout=400
                )

        try:
            dispatch("first")
            told.about = told.asked()
            told.history, told.tags = set(hub.files("ci-kit")), tags(hub)
            dispatch("unknown", version="v9.0.0")
            dispatch("taken", version="v0.1.0", target="second")
            dispatch("nowhere", version="v0.1.0", target="nowhere")
            unevaluated(user, folder)
            dispatch("unevaluated", version="v0.2.0")
            with Desk(told.target, "prod").lock("a deployment of flowers@v0.3.0"):
                dispatch("busy", version="v0.2.0")
            told.violations = list(hub.gateway.violations)
            yield told
        finally:
            for path in told.folder.glob("*/run/*.json"):
                keeper.stop(path, 20)


def tags(hub: Hub) -> set[str]:
    """Return the names of all tags."""
    found = hub.api("GET", hub.path("/git/matching-refs/tags/"))
    return {one["ref"].removeprefix("refs/tags/") for one in found}


def unevaluated(user: Consumer, folder: Path) -> None:
    """Register a version of which no evaluation speaks, as somebody with the right to write can."""
    user.git("fetch", "-q", "origin", "+ci-kit:ci-kit")
    made.bento(folder / "made", name="flowers")
    made.register(user.folder, folder / "made", "v0.2.0", evaluation=None)
    user.git("push", "-q", "origin", "ci-kit", "flowers@v0.2.0")


def assert_ended(outcome: Outcome, code: int, **jobs: str) -> None:
    ended = {name: result for name, result in outcome.jobs.items() if result != "skipped"}
    assert (outcome.code, ended, outcome.errors) == (code, jobs, []), str(outcome)


def test_a_dispatch_packages_registers_attests_and_deploys(story: Story) -> None:
    assert_ended(story.outcomes["first"], 0, package="success", register="success", deploy="success")
    output = story.outcomes["first"].output
    assert "package: Registered: flowers@v0.1.0" in output
    assert re.search(r"attested v0\.1\.0\.bento sha256:[0-9a-f]{64}\n", output)
    assert "deploy: The new version is kept" in output
    assert story.about["version"] == "v0.1.0"
    assert story.violations == []


def test_versions_and_stages_are_tags_and_the_history_says_why(story: Story) -> None:
    assert {"flowers@v0.1.0", "flowers#prod#1", "flowers-bentos"} <= story.tags
    assert "registry/flowers/v0.1.0.json" in story.history
    (deployed,) = (name for name in story.history if name.startswith("deploy/flowers/prod/"))
    assert deployed.endswith(".json")


def test_what_serves_does_not_need_the_files_of_the_job(story: Story) -> None:
    """GitHub's runner empties its temporary folder after each job, and what it started there must go on."""
    state = Desk(story.target, "prod").load()
    assert state
    assert state.active
    for name in (state.active, "proxy"):
        known = keeper.keeping(story.target / "run" / f"{name}.json")
        assert known
        for process in (psutil.Process(known["pid"]), psutil.Process(known["child"])):
            (program, *_), places = process.cmdline(), [process.cwd(), *(process.environ().get("PATH", "").split(":"))]
            assert Path(program).is_relative_to(story.target), process.cmdline()
            assert process.cwd().startswith(str(story.target)), places
            assert "RUNNER_TRACKING_ID" not in process.environ()


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("unknown", "flowers has no version v9.0.0 (the newest is v0.1.0)"),
        ("nowhere", "no target 'nowhere' (`deploy.targets` has prod, second)"),
        ("taken", "is taken (another process listens there). Stop what listens there, or set another `address`"),
        ("busy", "prod is busy (a deployment of flowers@v0.3.0 since "),
    ],
)
def test_what_can_not_begin_is_one_line(story: Story, label: str, said: str) -> None:
    outcome = story.outcomes[label]
    assert_ended(outcome, 1, deploy="failure")
    lines = [line for line in outcome.output.splitlines() if line.startswith("ci-kit: ")]
    assert len(lines) == 1, outcome.output[-3000:]
    assert said in lines[0]
    assert "Traceback" not in outcome.output


def test_a_digest_that_no_evaluation_approved_is_not_deployed(story: Story) -> None:
    outcome = story.outcomes["unevaluated"]
    assert_ended(outcome, 1, deploy="failure")
    assert "No evaluation speaks of flowers@v0.2.0" in outcome.output
    assert story.asked() == story.about


def test_nothing_that_was_refused_touched_the_target(story: Story) -> None:
    state = Desk(story.target, "prod").load()
    assert state
    assert [(past.version, past.outcome) for past in state.past] == [("v0.1.0", "kept")]
    assert not (story.folder / "second" / "run").exists()
