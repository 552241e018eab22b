"""Fixtures of the end-to-end tests: a GitHub, a user's repository, a runner."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from ci_kit.authorities import authorities
from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub, missing
from tests.e2e.rules import WRITE
from tests.e2e.runner import Runner, copy_kit

MakeForge = Callable[..., GitHubForge]


def require(lacking: str | None, env: Mapping[str, str]) -> None:
    """Skip when something is missing; where the end-to-end tests are required, fail instead."""
    if lacking and (env.get("CI") == "true" or env.get("CI_KIT_REQUIRE_E2E") == "1"):
        pytest.fail(lacking)
    if lacking:
        pytest.skip(lacking)


@pytest.fixture(scope="session")
def hub() -> Iterator[Hub]:
    """One GitHub for the session; without its parts the tests are skipped, which in CI is a failure."""
    require(missing(), os.environ)
    with Hub() as hub:
        yield hub


@pytest.fixture
def github(hub: Hub) -> Iterator[Hub]:
    """A new GitHub; at the end, a request that breaks GitHub's own description of its API fails the test."""
    hub.reset()
    yield hub
    assert not hub.gateway.violations, "\n".join(hub.gateway.violations)


@pytest.fixture
def forge(github: Hub) -> Iterator[MakeForge]:
    """Make a forge on pull request 1 whose waits are shortened to `pace` of what they are."""
    transports: list[httpx.HTTPTransport] = []

    def make(token: str = WRITE, pace: float = 0.0) -> GitHubForge:
        transports.append(httpx.HTTPTransport(verify=authorities()))
        client = Client(github.url, token, transport=transports[-1], sleep=lambda seconds: time.sleep(seconds * pace))
        return GitHubForge(client, "octo/demo", 1, url="https://github.com/octo/demo/actions/runs/1")

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def consumer(github: Hub, tmp_path: Path) -> Callable[..., Consumer]:
    """Make a user's repository with `origin` on github.com/octo/demo."""

    def make(files: dict[str, str | bytes] | None = None) -> Consumer:
        made = Consumer(github, tmp_path, tmp_path / "runner" / "home")
        made.commit(files or {"README.md": "demo\n"}, "Start")
        made.push("main")
        return made

    return make


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of the kit as a user's `uses:` downloads it."""
    return copy_kit(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def runner(github: Hub, kit: Path, tmp_path: Path) -> Runner:
    """A runner for the consumer's workflows."""
    return Runner(github, kit, tmp_path / "runner")
