"""What made this run: the event's name and payload, as far as ci-kit acts on them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError

_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_PULL_REQUEST = ("pull_request", "pull_request_target")


@dataclass(frozen=True, kw_only=True)
class Event:
    """The event of this run; `local` outside Actions.

    `sha` is the commit under test (a pull request's head), `base_sha` the base branch's commit, or what the branch
    pointed to before a push.
    """

    name: str = "local"
    repo: str = ""
    number: int | None = None
    sha: str | None = None
    base_sha: str | None = None
    base_ref: str | None = None
    ref: str = ""
    default_branch: str | None = None
    fork: bool = False
    run_id: int = 0
    attempt: int = 1
    url: str | None = None
    actor: str = ""
    inputs: dict[str, str] = field(default_factory=dict)

    @property
    def trusted_push(self) -> bool:
        """Whether this is a push on the default branch of the repository itself."""
        return (
            self.name == "push" and self.default_branch is not None and self.ref == f"refs/heads/{self.default_branch}"
        )


def event(env: Mapping[str, str] = os.environ) -> Event:
    """Read the event of this run; raise UserError if its file is missing or damaged."""
    name = env.get("GITHUB_EVENT_NAME", "")
    if env.get("GITHUB_ACTIONS") != "true" or not name:
        return Event()
    payload = _payload(env)
    repository = _record(payload, "repository")
    repo = env.get("GITHUB_REPOSITORY", "")
    run_id = _number(env.get("GITHUB_RUN_ID")) or 0
    url = f"{env.get('GITHUB_SERVER_URL', 'https://github.com')}/{repo}/actions/runs/{run_id}" if run_id else None
    return Event(
        name=name,
        repo=repo,
        ref=env.get("GITHUB_REF", ""),
        default_branch=_text(repository, "default_branch"),
        run_id=run_id,
        attempt=_number(env.get("GITHUB_RUN_ATTEMPT")) or 1,
        url=url,
        actor=env.get("GITHUB_ACTOR", ""),
        inputs={name: str(value) for name, value in _record(payload, "inputs").items()},
        **_revisions(name, payload, _sha(env.get("GITHUB_SHA"))),
    )


@dataclass(frozen=True, kw_only=True)
class ForkRun:
    """The run for a fork's pull request that has ended; `source` is the fork, `owner/name`, and `branch` its branch.

    All of it is GitHub's word, but the branch's name is the fork's choice.
    """

    run_id: int
    attempt: int
    sha: str
    source: str
    branch: str
    url: str


def fork_run(env: Mapping[str, str] = os.environ) -> ForkRun | None:
    """Read which run a `workflow_run` event tells of; None where that was no pull request's run from a fork.

    Raises UserError on any other event, and if the event's file is missing or damaged.
    """
    if env.get("GITHUB_ACTIONS") != "true" or env.get("GITHUB_EVENT_NAME") != "workflow_run":
        hint = "See workflow-templates/pull-request-fork.yml"
        raise UserError("a fork's run is reported on after it, by `on: workflow_run`", hint=hint)
    payload, repo = _payload(env), env.get("GITHUB_REPOSITORY", "")
    run = _record(payload, "workflow_run")
    source = _text(_record(run, "head_repository"), "full_name")
    # A fork that was deleted has no repository any more, and so no branch to find its pull request by.
    if run.get("event") != "pull_request" or source in (None, repo):
        return None
    number, attempt, sha = _number(run.get("id")), _number(run.get("run_attempt")), _sha(run.get("head_sha"))
    branch = _text(run, "head_branch")
    if source is None or number is None or attempt is None or sha is None or branch is None:
        raise UserError("the event's file is damaged", why="GITHUB_EVENT_PATH names no run with a commit and a branch")
    url = f"{env.get('GITHUB_SERVER_URL', 'https://github.com')}/{repo}/actions/runs/{number}"
    return ForkRun(run_id=number, attempt=attempt, sha=sha, source=source, branch=branch, url=url)


def _payload(env: Mapping[str, str]) -> dict[str, Any]:
    path = env.get("GITHUB_EVENT_PATH", "")
    try:
        payload = json.loads(Path(path).read_bytes())
    except OSError as error:
        why = error.strerror or "unreadable"
        raise UserError("the event's file can't be read", why=f"GITHUB_EVENT_PATH: {why}") from error
    except (ValueError, RecursionError) as error:
        raise UserError("the event's file is damaged", why=f"GITHUB_EVENT_PATH: {str(error)[:100]}") from error
    if not isinstance(payload, dict):
        raise UserError("the event's file is damaged", why="GITHUB_EVENT_PATH holds no JSON object")
    return payload


def _revisions(name: str, payload: dict[str, Any], sha: str | None) -> dict[str, Any]:
    """Return the fields that depend on the kind of event."""
    if name in _PULL_REQUEST:
        request = _record(payload, "pull_request")
        head, base = _record(request, "head"), _record(request, "base")
        number = _number(request.get("number")) or _number(payload.get("number"))
        if number is None or not base:
            raise UserError("the event's file is damaged", why="GITHUB_EVENT_PATH names no pull request")
        ours, theirs = _text(_record(base, "repo"), "full_name"), _text(_record(head, "repo"), "full_name")
        return {
            "number": number,
            "sha": _sha(head.get("sha")) or sha,
            "base_sha": _sha(base.get("sha")),
            "base_ref": _text(base, "ref"),
            # A deleted fork has no repository at all; what can't be told is not ours.
            "fork": theirs is None or theirs != ours,
        }
    return {"sha": sha, "base_sha": _sha(payload.get("before")) if name == "push" else None}


def _record(parent: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = parent.get(key)
    return value if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], key: str) -> str | None:
    value = parent.get(key)
    return value if isinstance(value, str) and value else None


def _number(value: object) -> int | None:
    """Return a positive number, given as one or as a decimal text (that is how the environment holds it)."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _sha(value: object) -> str | None:
    """Return a full commit id; a new branch's `before` is all zeros, which is none."""
    return value if isinstance(value, str) and _SHA.fullmatch(value) and value.strip("0") else None
