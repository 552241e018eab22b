"""What all tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# Many processes share a few cores here: threads of one that wait for each other, spinning, take them from the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Nor need the pytest that `ci-kit evaluate` starts load the plugins of packages that only these tests have.
_UNUSED = " ".join(f"-p no:{name}" for name in ("schemathesis", "faker", "hydra_pytest", "anyio"))
os.environ["PYTEST_ADDOPTS"] = f"{os.environ.get('PYTEST_ADDOPTS', '')} {_UNUSED}".strip()

settings.register_profile("kit", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("kit")

# The only reasons for which a test may be skipped where CI=true; anything else turns the run red.
ALLOWED_SKIPS = ("the real cml is not on the PATH", "no file system can be mounted here")


# The files that take longest, which a run of all begins with: beside the last of them nothing else could go on.
LONGEST = (
    "e2e/test_demo.py",
    "train/test_ray.py",
    "e2e/test_pull_request.py",
    "deploy/test_remote.py",
    "resume/test_recipes.py",
    "init/test_start.py",
    "e2e/test_retrain.py",
    "resume/test_kills.py",
    "e2e/test_ship.py",
    "deploy/test_cluster.py",
    "e2e/test_watch.py",
    "package/test_frameworks.py",
    "e2e/test_train.py",
    "e2e/test_examples.py",
    "deploy/test_docker.py",
    "e2e/test_chain.py",
    "resume/test_machines.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with LONGEST, and leave the order as it is otherwise."""
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _away_from_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What outlives a workspace must not outlive the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True)
def _away_from_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests speak of the events that they make themselves, also when a CI run executes them."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "RUNNER_", "INPUT_", "CI_KIT_INPUT_")):
            monkeypatch.delenv(name)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a run with an unlisted skip red, so that no check disappears unseen."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") != "true" or reporter is None:
        return
    skipped = [report.longrepr[2] for report in reporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)]
    unlisted = sorted({why for why in skipped if not why.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS)})
    if unlisted:
        reporter.write_line(f"skipped in CI without being listed in tests/conftest.py: {'; '.join(unlisted)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
