"""The third journey as users see it: the template of the scheduled drift check, run by act, and its pull request."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ci_kit.parts import Source
from tests.e2e import project
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import PERSON, READ, WRITE
from tests.e2e.runner import Outcome, Runner
from tests.render.samples import passing

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
WORKFLOW = ".github/workflows/drift.yml"
TEMPLATES = Path(__file__).parents[2] / "workflow-templates"
BRANCH = "ci-kit-retrain/default"
# A package among the user's requirements, which notes each start of a Python that has it, and which tokens that held.
PROBE = """\
import json, os, sys
with open({seen!r}, "a") as file:
    held = sorted(name for name, value in os.environ.items() if value in {tokens!r})
    file.write(json.dumps({{"environment": os.path.basename(sys.prefix), "argv": sys.orig_argv, "held": held}}) + "\\n")
"""
PACKAGE = """\
[build-system]
requires = ["uv_build>=0.9,<1"]
build-backend = "uv_build"
[project]
name = "{name}"
version = "{version}"
[tool.uv.build-backend]
module-name = "{module}"
module-root = ""
"""
PLANTED = ("httpx", "yaml", "pydantic", "typer", "ci_kit", "sitecustomize")


@dataclass
class Story:
    """What happened to one repository, run by run: the outcome, and what GitHub has after it."""

    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    pulls: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[str, list[str]] = field(default_factory=dict)
    history: dict[str, set[str]] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    changed: dict[str, bytes] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def workflow() -> str:
    """Return the template as a user's repository has it."""
    text = (TEMPLATES / "drift.yml").read_text("utf-8")
    return text.replace("OWNER/ci-kit", "acme/ci-kit").replace("@REF", "@v1")


def planted(folder: Path) -> dict[str, str | bytes]:
    """Return files of the workspace that tell when they are imported, and the probe among the requirements."""
    told = str(folder / "planted")
    found: dict[str, str | bytes] = {f"{name}.py": f"open({told!r}, 'a').write(__name__)\n" for name in PLANTED}
    probe = PROBE.format(seen=str(folder / "seen"), tokens=(WRITE, READ, PERSON))
    package = PACKAGE.format(name="probe", version="1", module="sitecustomize")
    written = {"probe/pyproject.toml": package, "probe/sitecustomize/__init__.py": probe}
    return {**found, **written, "requirements.txt": "./probe\n"}


def lamed() -> dict[str, str | bytes]:
    """Return an Evidently that can't be imported; to install and to import the real one is most of a quiet run."""
    package = PACKAGE.format(name="evidently", version="0.7.23", module="evidently")
    code = {"lame/pyproject.toml": package, "lame/evidently/__init__.py": "raise ImportError\n"}
    return {**code, "requirements.txt": "./probe\n./lame\n"}


@pytest.fixture(scope="module")
def story(hub: Hub, kit: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Two drifted windows; one more of them; two good ones; the retraining is merged after all, and one more drifts."""
    hub.reset()
    folder = tmp_path_factory.mktemp("watch")
    told, runner = Story(folder), Runner(hub, kit, folder / "runner")
    user = Consumer(hub, folder, runner.home)
    files = {**project.watched(), **planted(folder), WORKFLOW: workflow()}
    log = str(files["data/log.csv"])

    def tell(name: str, *shifts: float) -> None:
        nonlocal log
        for shift in shifts:
            log = project.logged(log, 10 + log.count("\n") // 300, shift=shift)
        user.commit({"data/log.csv": log}, f"Log: {name}")
        user.push("main")
        event = {"schedule": "17 4 * * *", "repository": hub.api("GET", hub.path())}
        number = len(told.outcomes) + 1
        told.outcomes[name] = runner.run(user.folder, WORKFLOW, "schedule", event, run=number, timeout=200)
        told.pulls[name] = hub.api("GET", hub.path("/pulls?state=all"))
        told.comments[name] = [one["body"] for pull in told.pulls[name] for one in hub.comments(pull["number"])]
        told.history[name], told.branches[name] = set(hub.files("ci-kit")), hub.files(BRANCH)
        for branch in ("ci-kit", BRANCH):
            user.pull(branch)
        user.git("fetch", "-q", "origin")

    user.commit(files, "Start")
    tell("drifted", 1.5, 1.5)
    theirs = f"origin/{BRANCH}"
    told.commits = user.git("rev-list", f"main..{theirs}").splitlines()
    for path in user.git("diff", "--name-only", f"main...{theirs}").splitlines():
        told.changed[path] = user.git("show", f"{theirs}:{path}").encode()
    user.commit(lamed(), "Do without Evidently")
    tell("still", 1.5)
    tell("gone", 0.0, 0.0)
    user.git("merge", "-q", "-m", "Retrain", told.commits[0])
    tell("merged", 1.5)
    told.violations = list(hub.gateway.violations)
    return told


def assert_ended(outcome: Outcome, code: int, **jobs: str) -> None:
    ended = {name: result for name, result in outcome.jobs.items() if result != "skipped"}
    assert (outcome.code, ended, outcome.errors) == (code, jobs, []), str(outcome)


def windows(*starts: int) -> set[str]:
    return {f"drift/default/{start:012}-300.json" for start in starts}


def test_drift_that_persisted_opens_one_pull_request_with_the_evidence(story: Story) -> None:
    assert_ended(story.outcomes["drifted"], 1, drift="failure", update="success", retrain="success")
    (pull,) = story.pulls["drifted"]
    assert (pull["state"], pull["head"]["ref"], pull["base"]["ref"]) == ("open", BRANCH, "main")
    assert "length" in pull["title"]
    for told in ("length", "KS 0.", "log loss", "| evaluation |", "| recent |", "mermaid", "python update.py"):
        assert told in re.sub(r"&nbsp;|\xa0", " ", pull["body"]), told
    assert not re.search(r"!\[|<img|(^|[^`\w])@\w|\b(fix|close|resolve)[sd]? #", pull["body"].partition("-->")[2])


def test_its_commit_changes_only_small_text_files(story: Story) -> None:
    assert len(story.commits) == 1
    assert set(story.changed) == {"data/train.csv", "data/recent.csv", "data/reference.csv"}
    for content in story.changed.values():
        assert len(content) < 32_000
        assert b"\0" not in content


def test_drift_that_goes_on_has_the_same_pull_request(story: Story) -> None:
    assert_ended(story.outcomes["still"], 1, drift="failure", update="success", retrain="success")
    (before,), (after,) = story.pulls["drifted"], story.pulls["still"]
    assert (after["number"], after["state"]) == (before["number"], "open")
    assert story.comments["still"] == []


def test_drift_that_has_gone_closes_it_with_one_comment(story: Story) -> None:
    assert_ended(story.outcomes["gone"], 0, drift="success", retrain="success")
    (pull,) = story.pulls["gone"]
    assert pull["state"] == "closed"
    (comment,) = story.comments["gone"]
    assert "drift" in comment.lower()
    assert story.branches["still"]
    assert not story.branches["gone"]


def test_after_the_merge_the_next_window_is_quiet(story: Story) -> None:
    assert_ended(story.outcomes["merged"], 0, drift="success", retrain="success")
    assert [pull["state"] for pull in story.pulls["merged"]] == ["closed"]
    assert story.comments["merged"] == story.comments["gone"]


def test_the_history_has_every_window_and_every_attempt_once(story: Story) -> None:
    assert story.history["drifted"] == windows(0, 300) | {"retrain/default/000000000300-300.json"}
    assert story.history["still"] - story.history["drifted"] == windows(600)
    assert story.history["gone"] - story.history["still"] == windows(900, 1200)
    assert story.history["merged"] - story.history["gone"] == windows(1500)


def test_what_runs_the_users_code_holds_no_token_and_what_publishes_runs_none_of_it(story: Story) -> None:
    starts = [json.loads(line) for line in (story.folder / "seen").read_text().splitlines()]
    assert {one["environment"] for one in starts} == {"drift", "work"}
    assert [one for one in starts if one["held"]] == []
    commands = " ".join(word for one in starts for word in one["argv"])
    for own in ("update.py", "train.py", "pytest", "--update"):
        assert own in commands
    assert "--publish" not in commands
    assert not (story.folder / "planted").exists()


def test_the_person_on_call_finds_the_page_in_the_summary(story: Story) -> None:
    assert "length" in story.outcomes["drifted"].summary
    assert "trained on" in story.outcomes["drifted"].output
    assert not [text for text in story.outcomes["drifted"].annotations("error") if text.startswith("trained on")]


def test_all_requests_keep_to_githubs_description(story: Story) -> None:
    assert story.violations == []


@pytest.mark.parametrize(("branch", "comments"), [("feat", 1), ("main", 0)])
def test_a_check_that_is_started_on_a_branch_comments_on_its_pull_request(
    github: Hub, consumer: Callable[..., Consumer], branch: str, comments: int
) -> None:
    user = consumer({".gitignore": ".ci-kit\n", "ci-kit.yaml": "base: main\n"})
    sha = user.commit({"a.txt": "a"}, branch="feat")
    user.push("feat")
    github.open_pull("feat")
    for one in passing("validate", "train"):
        one.model_copy(update={"source": Source(sha=sha)}).save(user.folder)
    payload = user.folder / ".ci-kit" / "event.json"
    payload.write_text(json.dumps({"repository": {"default_branch": "main"}}))
    known = {"ACTIONS": "true", "EVENT_NAME": "workflow_dispatch", "EVENT_PATH": str(payload), "TOKEN": WRITE}
    known |= {
        "REPOSITORY": "octo/demo",
        "REF": f"refs/heads/{branch}",
        "SHA": sha,
        "API_URL": github.url,
        "RUN_ID": "7",
    }
    env = {"PATH": os.environ["PATH"]} | {f"GITHUB_{name}": value for name, value in known.items()}
    command = [sys.executable, "-I", "-m", "ci_kit", "report"]
    done = subprocess.run(command, cwd=user.folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(github.comments(1)) == comments
