"""The pull-request journey as users see it: workflows that name our actions, run by act, comments read from GitHub."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import READ
from tests.e2e.runner import Outcome, Runner

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
WHOLE, SPLIT = ".github/workflows/pull-request.yml", ".github/workflows/pull-request-gpu.yml"
TEMPLATES = Path(__file__).parents[2] / "workflow-templates"


def workflows() -> dict[str, str]:
    """Return both templates as a user's repository has them; there is no GPU on this runner."""
    made = {}
    for path in (WHOLE, SPLIT):
        text = (TEMPLATES / Path(path).name).read_text("utf-8")
        for placeholder, value in {"OWNER/ci-kit": "acme/ci-kit", "@REF": "@v1", "$default-branch": "main"}.items():
            assert placeholder in text
            text = text.replace(placeholder, value)
        made[path] = text.replace("gpu: required", "gpu: none")
    return made


@dataclass
class Story:
    """What happened to one repository, in order: each run's outcome and the comments after it."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    comments: dict[str, list[str]] = field(default_factory=dict)
    history: dict[str, str] = field(default_factory=dict)
    shas: dict[str, str] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(hub: Hub, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Push to main, open a pull request, push again (now with one job per step), push a worse model."""
    hub.reset()
    folder, told = tmp_path_factory.mktemp("story"), Story()
    runner = Runner(hub, kit, folder / "runner")
    user = Consumer(hub, folder, runner.home)

    def tell(name: str, event: str, workflow: str = WHOLE, run: int = 0) -> None:
        payload = user.push_event() if event == "push" else user.pull_event(1)
        number = run or len(told.outcomes) + 1
        told.outcomes[name] = runner.run(user.folder, workflow, event, payload, run=number, timeout=200)
        if event == "pull_request":
            told.comments[name] = [one["body"] for one in hub.comments(1)]

    told.shas["main"] = user.commit({**project.files(), **workflows()}, "Start")
    user.push("main")
    tell("main", "push")
    told.history = hub.files("ci-kit")
    user.pull("ci-kit")
    told.shas["same"] = user.commit(project.train(steps=220), "Train longer", branch="feat")
    user.push("feat")
    hub.open_pull("feat")
    tell("same", "pull_request")
    told.shas["again"] = user.commit(project.train(steps=260), "Train even longer", branch="feat")
    user.push("feat")
    tell("again", "pull_request", SPLIT)
    told.shas["worse"] = user.commit(project.train(steps=200, flip=0.3), "Spoil the labels", branch="feat")
    user.push("feat")
    tell("worse", "pull_request")
    told.violations = list(hub.gateway.violations)
    told.numbers = [one["id"] for one in hub.comments(1)]
    return told


def test_a_push_on_main_writes_the_history(story: Story) -> None:
    outcome = story.outcomes["main"]
    assert (outcome.code, outcome.jobs, outcome.errors) == (0, {"record": "success"}, []), str(outcome)
    sha = story.shas["main"]
    assert {f"results/{sha}/{step}.json" for step in ("validate", "train", "evaluate")} <= set(story.history)


@pytest.mark.parametrize(
    ("name", "jobs"),
    [("same", ["check"]), ("again", ["validate", "train", "evaluate", "report"])],
    ids=["one", "all"],
)
def test_an_equally_good_model_passes_with_its_metrics_against_main(story: Story, name: str, jobs: list[str]) -> None:
    outcome = story.outcomes[name]
    assert (outcome.code, outcome.errors) == (0, []), str(outcome)
    assert outcome.jobs == dict.fromkeys(jobs, "success"), str(outcome)
    (comment,) = story.comments[name]
    assert story.shas[name][:7] in comment
    assert re.search(r"log loss", comment)
    assert re.search(r"accuracy", comment)
    assert "No comparable baseline" not in comment


def test_a_second_push_updates_the_comment(story: Story) -> None:
    (before,), (after,) = story.comments["same"], story.comments["again"]
    assert story.shas["again"] in after
    assert story.shas["again"] not in before
    assert story.numbers == [1]


def test_a_worse_model_fails_the_job_and_the_comment_says_by_how_much(story: Story) -> None:
    outcome = story.outcomes["worse"]
    assert (outcome.code, outcome.jobs, outcome.errors) == (1, {"check": "failure"}, []), str(outcome)
    (comment,) = story.comments["worse"]
    assert comment.splitlines()[1].startswith("## ❌")
    change = re.search(r"\*\*log loss 0\.\d+ → 0\.\d+ \(\+(\d+) %, likely \+\d+ % to \+\d+ %\)\*\*", comment)
    assert change, comment
    assert int(change[1]) > 50


def test_training_output_is_no_command_for_the_runner(story: Story) -> None:
    for outcome in story.outcomes.values():
        assert not [text for text in outcome.annotations("error") if text.startswith("trained on")]
    assert "trained on" in story.outcomes["main"].output


def test_the_job_summary_has_the_whole_report(story: Story) -> None:
    assert "log loss" in story.outcomes["same"].summary


def test_all_requests_keep_to_githubs_description(story: Story) -> None:
    assert story.violations == []


@pytest.mark.parametrize("workflow", [WHOLE, SPLIT], ids=["one job", "split"])
def test_a_forks_pull_request_writes_nothing_and_reaches_no_gpu(
    github: Hub, kit: Path, tmp_path: Path, workflow: str
) -> None:
    runner = Runner(github, kit, tmp_path / "runner")
    user = Consumer(github, tmp_path, runner.home)
    user.commit({**project.files(), **workflows()}, "Start")
    user.push("main")
    user.commit({"train.py": project.TRAIN + "\n# a change\n"}, "Change", branch="feat")
    user.push("feat")
    github.open_pull("feat")
    event = user.pull_event(1, fork=True)
    outcome = runner.run(user.folder, workflow, "pull_request", event, token=READ, timeout=200)
    if workflow == WHOLE:
        assert outcome.jobs == {"check": "success"}, str(outcome)
        assert "log loss" in outcome.summary
    else:
        assert outcome.jobs.get("validate") == outcome.jobs.get("report") == "success", str(outcome)
        assert "trained on" not in outcome.output
        assert outcome.jobs.get("train", "skipped") == "skipped"
    assert github.comments(1) == []
    assert READ not in outcome.output + outcome.summary
