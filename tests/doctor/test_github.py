"""What GitHub says of token and settings, by a stand-in for its API; what a token does not show is no fault."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ci_kit.doctor.context import Context
from ci_kit.doctor.examine import gather
from ci_kit.doctor.github import github
from tests.doctor.setups import WORKFLOWS, YML, change, git, seen

Copy = Callable[[str], Path]
RULE = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "Check the change"}]}}
LINT = {"type": "required_status_checks", "parameters": {"required_status_checks": [{"context": "Lint"}]}}
OLD_RULE = {"protection": {"required_status_checks": {"contexts": ["Report"]}}}
GOOD: dict[str, Any] = {
    "": {"default_branch": "main", "private": False},
    "/branches/main": {"name": "main", "protected": True},
    "/rules/branches/main": [{"type": "deletion"}, RULE],
    "/pulls": [],
    "/actions/permissions/workflow": {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": True},
    "/actions/workflows": {"workflows": [{"path": f"{WORKFLOWS}/drift.yml", "state": "active"}]},
    "/environments": {"environments": [{"name": "prod", "protection_rules": [{"type": "required_reviewers"}]}]},
}
TARGETS = "deploy: {targets: {prod: {kind: local}}}\ndrift:\n"
SETTINGS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"/rules/branches/main": [], "/branches/main": OLD_RULE}, []),
    ({"": 401}, ["doctor/token"]),
    ({"": 404}, ["doctor/token"]),
    ({"/branches/main": 404}, ["doctor/base"]),
    ({"": {"default_branch": "trunk"}}, ["doctor/base"]),
    ({"/rules/branches/main": []}, ["doctor/protection"]),
    ({"/rules/branches/main": [RULE | {"parameters": {}}]}, ["doctor/protection"]),
    ({"/rules/branches/main": [LINT]}, ["doctor/protection"]),
    ({"/pulls": 403}, ["doctor/token-permissions"]),
    ({"/environments": {"environments": []}}, ["doctor/environment"]),
    ({"/environments": {"environments": [{"name": "prod", "protection_rules": []}]}}, ["doctor/environment"]),
    ({"/actions/permissions/workflow": {"can_approve_pull_request_reviews": False}}, ["doctor/pull-requests"]),
    ({"/actions/permissions/workflow": {"default_workflow_permissions": "write"}}, ["doctor/default-permissions"]),
    (
        {"/actions/workflows": {"workflows": [{"path": f"{WORKFLOWS}/drift.yml", "state": "disabled_inactivity"}]}},
        ["doctor/workflow-disabled"],
    ),
    ({"/actions/workflows": {"workflows": [{"path": f"{WORKFLOWS}/x.yml", "state": "disabled_manually"}]}}, []),
]
HIDDEN = ("/rules/branches/main", "/actions/permissions/workflow", "/actions/workflows", "/environments")


def answering(answers: dict[str, Any], asked: list[httpx.Request] | None = None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(request)
        found = answers.get(request.url.path.removeprefix("/repos/octo/demo"), 404)
        message = {"message": "Resource not accessible by personal access token"}
        return httpx.Response(found, json=message) if isinstance(found, int) else httpx.Response(200, json=found)

    return httpx.MockTransport(answer)


def deployed(folder: Path, **env: str) -> Context:
    change(YML, "drift:\n", TARGETS)(folder)
    known = {"GITHUB_TOKEN": "ghs_secret", "GITHUB_REPOSITORY": "octo/demo", "GITHUB_API_URL": "https://api.test"}
    return seen(folder, env=known | env)


@pytest.mark.parametrize(("answers", "expected"), SETTINGS, ids=range(len(SETTINGS)))
def test_a_setting_that_is_wrong_is_named_alone(copied: Copy, answers: dict[str, Any], expected: list[str]) -> None:
    found = list(github(deployed(copied("sound")), answering(GOOD | answers)))
    assert [check.id for check in found] == expected


@pytest.mark.parametrize("status", [403, 404])
def test_what_the_token_does_not_show_is_a_note_and_no_fault(copied: Copy, status: int) -> None:
    (note,) = github(deployed(copied("sound")), answering(GOOD | dict.fromkeys(HIDDEN, status)))
    assert note.status == "skip"
    assert note.detail == "branch rules, Actions settings, environments, workflows"


def test_in_a_job_of_actions_its_token_is_not_blamed_for_what_other_jobs_need(copied: Copy) -> None:
    found = list(github(deployed(copied("sound"), GITHUB_ACTIONS="true"), answering(GOOD | {"/pulls": 403})))
    assert [(check.status, check.detail) for check in found] == [("skip", "pull requests")]


def test_the_token_goes_to_github_alone_and_only_in_questions(copied: Copy) -> None:
    asked: list[httpx.Request] = []
    list(github(deployed(copied("sound")), answering(GOOD, asked)))
    assert {request.method for request in asked} == {"GET"}
    assert {request.url.host for request in asked} == {"api.test"}
    assert len({str(request.url) for request in asked}) == len(asked) <= 8


def test_a_github_that_wants_to_be_asked_later_is_a_note_at_once(copied: Copy) -> None:
    asked: list[str] = []

    def later(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(429, headers={"retry-after": "1"})

    (note,) = github(deployed(copied("sound")), httpx.MockTransport(later))
    assert len(asked) == len(set(asked))
    assert (note.status, note.title) == ("skip", "GitHub could not be asked")


def test_a_machine_without_a_network_is_a_note(copied: Copy) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    (note,) = github(deployed(copied("sound")), httpx.MockTransport(refuse))
    assert (note.status, note.title) == ("skip", "GitHub could not be asked")
    assert "Name or service not known" in (note.detail or "")


def test_a_token_that_is_none_is_a_finding(copied: Copy) -> None:
    (check,) = github(deployed(copied("sound"), GITHUB_TOKEN="two words"), answering(GOOD))
    assert check.id == "doctor/token"
    assert "two words" not in check.model_dump_json()


@pytest.mark.parametrize(
    ("url", "asked"),
    [("git@github.com:octo/demo.git", True), ("https://gitlab.com/octo/demo.git", False), ("", False)],
)
def test_github_is_spoken_of_only_where_the_repository_is_there(copied: Copy, url: str, asked: bool) -> None:
    folder = copied("minimal")
    if url:
        git(folder, "remote", "add", "origin", url)
    found = [check.id for check in github(seen(folder), answering(GOOD))]
    assert found == ["doctor/github"] * asked


def test_a_repository_without_a_workflow_of_ours_is_told_how_to_get_one(copied: Copy) -> None:
    folder = copied("minimal")
    git(folder, "remote", "add", "origin", "https://github.com/octo/demo.git")
    from ci_kit.doctor.wiring import wiring

    (note,) = gather(seen(folder), {"workflows": (wiring,)})["workflows"]
    assert (note.id, note.status) == ("doctor/workflows", "skip")
    assert "ci-kit init" in (note.detail or "")
