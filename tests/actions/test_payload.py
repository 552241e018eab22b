import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_kit.actions import Event, event
from ci_kit.errors import UserError

HEAD, BASE, MERGE = "a" * 40, "b" * 40, "c" * 40
REPOSITORY = {"full_name": "octo/demo", "default_branch": "main"}


def environment(folder: Path, name: str, payload: object, **more: str) -> dict[str, str]:
    path = folder / "event.json"
    path.write_text(payload if isinstance(payload, str) else json.dumps(payload))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "octo/demo",
        "GITHUB_REF": "refs/pull/5/merge",
        "GITHUB_SHA": MERGE,
        "GITHUB_RUN_ID": "42",
        "GITHUB_RUN_ATTEMPT": "3",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_ACTOR": "octo",
    } | more


def pull_request(head_repo: object = REPOSITORY) -> dict[str, Any]:
    head = {"sha": HEAD, "ref": "feat", "repo": head_repo}
    base = {"sha": BASE, "ref": "main", "repo": REPOSITORY}
    return {"number": 5, "pull_request": {"number": 5, "head": head, "base": base}, "repository": REPOSITORY}


def test_a_pull_request(tmp_path: Path) -> None:
    assert event(environment(tmp_path, "pull_request", pull_request())) == Event(
        name="pull_request",
        repo="octo/demo",
        number=5,
        sha=HEAD,
        base_sha=BASE,
        base_ref="main",
        ref="refs/pull/5/merge",
        default_branch="main",
        fork=False,
        run_id=42,
        attempt=3,
        url="https://github.example/octo/demo/actions/runs/42",
        actor="octo",
    )


@pytest.mark.parametrize("repo", [None, {"full_name": "eve/demo"}, {}, "octo/demo"])
def test_a_fork_is_known_by_its_repository_also_when_that_is_gone(tmp_path: Path, repo: object) -> None:
    assert event(environment(tmp_path, "pull_request", pull_request(repo))).fork


@pytest.mark.parametrize(
    ("ref", "trusted"), [("refs/heads/main", True), ("refs/heads/x", False), ("refs/tags/main", False)]
)
def test_only_a_push_on_the_default_branch_is_trusted(tmp_path: Path, ref: str, trusted: bool) -> None:
    found = event(
        environment(tmp_path, "push", {"before": BASE, "repository": REPOSITORY, "number": 9}, GITHUB_REF=ref)
    )
    assert (found.trusted_push, found.sha, found.base_sha, found.number, found.fork) == (
        trusted,
        MERGE,
        BASE,
        None,
        False,
    )


def test_a_new_branch_has_no_base(tmp_path: Path) -> None:
    assert event(environment(tmp_path, "push", {"before": "0" * 40, "repository": REPOSITORY})).base_sha is None


@pytest.mark.parametrize("name", ["schedule", "workflow_dispatch"])
def test_other_events_have_a_commit_and_no_pull_request(tmp_path: Path, name: str) -> None:
    found = event(environment(tmp_path, name, {"repository": REPOSITORY}, GITHUB_REF="refs/heads/main"))
    assert (found.name, found.sha, found.number, found.trusted_push) == (name, MERGE, None, False)


def test_outside_actions_the_event_is_local() -> None:
    assert event({"GITHUB_EVENT_NAME": "push"}) == Event(name="local")


@pytest.mark.parametrize(
    "payload",
    ["", "{", "[]", "1", "[" * 100_000, '{"number": 5}', '{"pull_request": {"number": "x", "base": {"sha": 1}}}'],
)
def test_a_damaged_event_is_one_clear_line(tmp_path: Path, payload: str) -> None:
    with pytest.raises(UserError, match="event's file is damaged") as caught:
        event(environment(tmp_path, "pull_request", payload))
    assert "\n" not in str(caught.value)


def test_a_missing_event_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        event(environment(tmp_path, "push", "{}", GITHUB_EVENT_PATH=str(tmp_path / "none")))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(["number", "pull_request", "head", "base", "repo", "sha", "ref", "before"]),
            inner,
            max_size=4,
        )
        | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.sampled_from(["push", "pull_request", "schedule"]), _json)
def test_no_payload_is_a_bug(tmp_path_factory: pytest.TempPathFactory, name: str, payload: object) -> None:
    try:
        found = event(environment(tmp_path_factory.getbasetemp(), name, payload))
    except UserError:
        return
    assert found.number is None or found.number > 0
    assert found.sha is None or len(found.sha) in (40, 64)
