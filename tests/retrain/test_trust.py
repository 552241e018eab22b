"""Which run may write, told without a repository: by its event."""

from pathlib import Path

import pytest

from ci_kit.actions import Event
from ci_kit.config import read
from ci_kit.job import Job
from ci_kit.parts import Source
from ci_kit.retrain.publish import untrusted
from tests.retrain.made import drift


@pytest.mark.parametrize(
    ("name", "ref", "default", "trusted"),
    [
        ("schedule", "refs/heads/main", None, True),
        ("schedule", "refs/heads/main", "main", True),
        ("workflow_dispatch", "refs/heads/main", "main", True),
        ("workflow_dispatch", "refs/heads/feature", "main", False),
        ("workflow_dispatch", "refs/tags/main", "main", False),
        ("workflow_dispatch", "refs/heads/main", "trunk", False),
        ("schedule", "refs/heads/trunk", "trunk", False),
        ("schedule", "", None, False),
        ("push", "refs/heads/main", "main", False),
        ("pull_request", "refs/pull/1/merge", "main", False),
        ("pull_request_target", "refs/heads/main", "main", False),
        ("workflow_run", "refs/heads/main", "main", False),
        ("issue_comment", "refs/heads/main", "main", False),
    ],
)
def test_only_a_schedule_or_a_dispatch_on_the_base_branch_may_write(
    tmp_path: Path, name: str, ref: str, default: str | None, trusted: bool
) -> None:
    job = Job(root=tmp_path, config=read(b"base: main"), source=Source(sha="a" * 40), event=name)
    reason = untrusted(job, Event(name=name, ref=ref, default_branch=default), drift())
    assert (reason == "") == trusted
