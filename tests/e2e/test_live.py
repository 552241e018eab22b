"""The check on a commit that shows how a training is doing, against GitHub's API."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ci_kit.config import read
from ci_kit.forge.base import Refused, Stamp
from ci_kit.job import Job
from ci_kit.train import live as module
from ci_kit.train.live import live
from tests.e2e.conftest import MakeForge
from tests.e2e.hub import Hub
from tests.e2e.rules import READ

pytestmark = pytest.mark.e2e


@pytest.fixture
def stamp(github: Hub) -> Stamp:
    github.sample()
    tip = github.api("GET", github.path("/git/ref/heads/feat"))["object"]["sha"]
    return Stamp(run_id=7, attempt=1, sha=tip)


def checks(github: Hub, stamp: Stamp) -> list[dict[str, Any]]:
    found = github.api("GET", github.path(f"/commits/{stamp.sha}/check-runs?filter=all"))
    return [one for one in found["check_runs"] if one["name"] == "ci-kit train"]


def test_one_check_is_written_again_until_it_ends(github: Hub, forge: MakeForge, stamp: Stamp) -> None:
    ours = forge()
    for number in range(3):
        ours.show("ci-kit train", stamp, f"step {number}", "- so far", None)
        (check,) = checks(github, stamp)
        assert (check["status"], check["output"]["title"]) == ("in_progress", f"step {number}")
    ours.show("ci-kit train", stamp, "all steps", "- so far", True)
    (check,) = checks(github, stamp)
    assert (check["status"], check["conclusion"], check["external_id"]) == ("completed", "success", "7.1")


def test_one_that_a_killed_run_has_left_is_taken_over(github: Hub, forge: MakeForge, stamp: Stamp) -> None:
    forge().show("ci-kit train", stamp, "step 1", "- so far", None)
    later = Stamp(run_id=8, attempt=1, sha=stamp.sha)
    forge().show("ci-kit train", later, "step 2", "- so far", False)
    (check,) = checks(github, stamp)
    assert (check["status"], check["conclusion"], check["external_id"]) == ("completed", "failure", "8.1")
    forge().show("ci-kit train", later, "step 1", "- so far", None)
    assert len(checks(github, stamp)) == 2, "what has ended stays as it is"


def test_one_of_a_newer_run_is_left_to_it(github: Hub, forge: MakeForge, stamp: Stamp) -> None:
    forge().show("ci-kit train", Stamp(run_id=8, attempt=1, sha=stamp.sha), "step 1", "- so far", None)
    forge().show("ci-kit train", stamp, "all steps", "- so far", True)
    assert {(one["external_id"], one["status"]) for one in checks(github, stamp)} == {
        ("8.1", "in_progress"),
        ("7.1", "completed"),
    }


def test_a_token_that_may_not_is_told_what_it_lacks(github: Hub, forge: MakeForge, stamp: Stamp) -> None:
    with pytest.raises(Refused, match="checks: write"):
        forge(READ).show("ci-kit train", stamp, "step 1", "- so far", None)


def test_a_training_with_a_token_shows_itself(
    github: Hub, forge: MakeForge, stamp: Stamp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = {"repository": {"default_branch": "main"}, "before": "0" * 40}
    (tmp_path / "event.json").write_text(json.dumps(event))
    known = {"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    known |= {"GITHUB_REPOSITORY": "octo/demo", "GITHUB_RUN_ID": "7", "GITHUB_SHA": stamp.sha}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    job = Job(root=tmp_path, config=read(b"{}"), say=print)
    monkeypatch.delenv(module.TOKEN, raising=False)
    assert live(job) is None, "without a token there is none"
    monkeypatch.setenv(module.TOKEN, "ghs_write")
    made, shown = forge(), threading.Event()
    monkeypatch.setattr(module, "connect", lambda *_, env: made if env["GITHUB_TOKEN"] == "ghs_write" else None)
    monkeypatch.setattr(module, "_keep_to_itself", lambda: None)  # this process is not to be hidden
    monkeypatch.setattr(module, "FIRST", 0.01)
    original = made.show

    def show(name: str, stamp: Stamp, title: str, text: str, well: bool | None) -> None:
        original(name, stamp, title, text, well)
        shown.set()

    monkeypatch.setattr(made, "show", show)
    found = live(job)
    assert found is not None
    found.show(["0:10 so far", "step 3 of 4"])
    assert shown.wait(10)
    found.end(well=True)
    (check,) = checks(github, stamp)
    assert check["output"]["title"] == "Trained: 0:10 so far, step 3 of 4"
    assert check["conclusion"] == "success"
