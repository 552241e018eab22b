"""A training that is longer than one job may be: each run starts the next, until it is done or the budget is spent."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.runner import Outcome, Runner

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
WORKFLOW = ".github/workflows/train.yml"
TEMPLATES = Path(__file__).parents[2] / "workflow-templates"
# A checkpoint a step, each of 0.4 seconds where it is to be slow; the sum of all random numbers is the model.
TRAIN = """
import json, os, pathlib, random, sys, time
place = pathlib.Path(os.environ.get("CI_KIT_CHECKPOINT_DIR", "nowhere"))
step, total = max(((int(one.stem), float(one.read_text())) for one in place.glob("*.txt")), default=(0, 0.0))
while step < 14:
    time.sleep(float(sys.argv[1]))
    step += 1
    total += random.Random(step).random()
    if place.is_dir():
        (place / "new").write_text(repr(total))
        (place / "new").rename(place / f"{step}.txt")
pathlib.Path("model.onnx").write_text("model")
pathlib.Path("metrics.json").write_text(json.dumps({"steps": step, "loss": total}))
print(pathlib.Path("metrics.json").read_text())
"""
CONFIG = """\
train:
  command: python train.py 0.4
  outputs: model.onnx
  disk: 0.1
  limit: 2s
  runs: 4
  price: {per-hour: 3600}
evaluate: {target: kind}
"""


@dataclass
class Chain:
    """The runs of one training, and what each was started with."""

    outcomes: list[Outcome] = field(default_factory=list)
    inputs: list[dict[str, str]] = field(default_factory=list)


def workflow(name: str) -> str:
    """Return a template as a user without a GPU has it."""
    text = (TEMPLATES / name).read_text("utf-8").replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", "@v1")
    return text.replace("gpu: required", "gpu: none")


def chain(hub: Hub, runner: Runner, user: Consumer, after: Callable[[], None] = lambda: None, **inputs: str) -> Chain:
    """Dispatch the workflow, and then whatever it dispatches; `after` each run something may happen to the machine."""
    made, given = Chain(), {"run": "1", "spent": "0"} | inputs
    while len(made.outcomes) < 8:
        event = {"inputs": given, "repository": hub.api("GET", hub.path()), "ref": "refs/heads/main"}
        known = len(hub.gateway.rules.dispatches)
        made.inputs.append(given)
        ref = {"GITHUB_WORKFLOW_REF": "octo/demo/.github/workflows/train.yml@refs/heads/main"}
        with user.live():
            made.outcomes.append(
                runner.run(user.folder, WORKFLOW, "workflow_dispatch", event, run=len(made.outcomes) + 1, env=ref)
            )
        after()
        started = hub.gateway.rules.dispatches[known:]
        if not started:
            return made
        assert started == [("train.yml", "main")]
        given = hub.gateway.rules.inputs[-1]
    return made


def prepared(hub: Hub, kit: Path, folder: Path, template: str) -> tuple[Runner, Consumer]:
    """Make a machine, and a user's repository with the training and the template on main."""
    hub.reset()
    runner = Runner(hub, kit, folder / "runner")
    user = Consumer(hub, folder, runner.home)
    files = {**project.files(), "train.py": TRAIN, WORKFLOW: workflow(template), "ci-kit.yaml": CONFIG}
    user.commit(files, "Start")
    user.push("main")
    return runner, user


def ended(made: Chain, user: Consumer, folder: Path) -> str:
    """Return what one long run says at its end, when the chain took four runs and said the very same."""
    last = made.outcomes[-1]
    jobs = [outcome.jobs.get("train") for outcome in made.outcomes]
    assert jobs == ["failure", "failure", "failure", "success"], str(last)
    command = [sys.executable, str(user.folder / "train.py"), "0"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout in last.output
    return done.stdout


def test_checkpoints_travel_as_an_artifact_where_no_machine_is_kept(hub: Hub, kit: Path, tmp_path: Path) -> None:
    runner, user = prepared(hub, kit, tmp_path, "train-hosted.yml")

    def wipe() -> None:
        for folder in (*tmp_path.rglob("checkpoints"), *runner.home.glob(".local")):
            shutil.rmtree(folder)

    made = chain(hub, runner, user, wipe, **{"from": ""})
    ended(made, user, tmp_path)
    assert [one["from"] for one in made.inputs] == ["", "1", "2", "3"]
    assert hub.gateway.violations == []


def test_three_continuations_end_as_one_long_run_and_the_budget_stops_a_fourth(
    hub: Hub, kit: Path, tmp_path: Path
) -> None:
    runner, user = prepared(hub, kit, tmp_path, "train.yml")
    made = chain(hub, runner, user)
    said = ended(made, user, tmp_path)
    assert json.loads(said)["steps"] == 14
    assert [one["run"] for one in made.inputs] == ["1", "2", "3", "4"]
    spent = [float(one["spent"]) for one in made.inputs]
    assert spent == sorted(spent)
    assert 3 < spent[-1] < 30
    assert "Run 2 of at most 4 was started: train.yml on main" in made.outcomes[0].output
    # The same again, where no more than what it takes in one run may be spent.
    user.commit({"ci-kit.yaml": CONFIG.replace("runs: 4", "budget: 1")}, "Save")
    user.push("main")
    (stopped,) = chain(hub, runner, user).outcomes
    assert stopped.jobs == {"train": "failure", "proceed": "failure"}
    assert "The budget is spent, and the training is not done" in stopped.output
    assert hub.gateway.violations == []
