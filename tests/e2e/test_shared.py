"""Exactly one comment for many reports: the real forge against GitHub's API, all of them at the same moment."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from ci_kit.authorities import authorities
from ci_kit.forge import shared
from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge
from ci_kit.forge.parts import read
from tests.e2e.conftest import MakeForge
from tests.e2e.hub import Hub
from tests.e2e.rules import MAX_BODY, WRITE
from tests.forge.shares import part

pytestmark = pytest.mark.e2e
LIST = "/repos/octo/demo/issues/1/comments"
PACE = 0.5  # of the waits, and of what counts as late


def share(github: Hub, name: str) -> str:
    """Share a report of some length, with a clock that runs faster than ours."""
    with httpx.HTTPTransport(verify=authorities()) as transport:
        client = Client(
            github.url,
            WRITE,
            transport=transport,
            sleep=lambda seconds: time.sleep(seconds * PACE),
            now=lambda: time.monotonic() / PACE,
        )
        pieces = ("verdict", *("| a |\n|:--|\n" + "| 1 |\n" * 300 for _ in range(4)))
        return GitHubForge(client, "octo/demo", 1).share("models", part(name, pieces=pieces))


def test_twenty_reports_at_the_same_moment_share_one_comment(github: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    github.sample()
    monkeypatch.setattr(shared, "START", 0)
    names = [f"m{place}" for place in range(20)]
    barrier = github.gateway.barrier("GET", LIST, len(names), timeout=40)
    with ThreadPoolExecutor(len(names)) as pool:
        places = list(pool.map(lambda name: share(github, name), names))
    assert barrier.opened
    (comment,) = github.comments(1)
    board = read(comment["body"], "models")
    assert board is not None
    assert sorted(board.parts) == sorted(names)
    assert len(comment["body"]) <= MAX_BODY
    assert set(places) == {comment["html_url"]}


def test_a_shared_comment_and_one_of_its_own_stand_side_by_side(github: Hub, forge: MakeForge) -> None:
    github.sample()
    for name in ("bike", "bus"):
        forge().share("models", part(name))
    first, *rest = github.comments(1)
    assert rest == []
    kinds = [call.split()[0] for call in github.gateway.calls("comments")]
    assert kinds == ["GET", "GET", "POST", "GET", "GET", "PATCH", "GET"]
    assert "## ✅ models: 2 of 2 reports pass" in first["body"]
