"""What all tests share."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]

# Many processes share a few cores here: threads of one that wait for each other, spinning, take them from the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The pytest that `ci-kit evaluate` starts need not load the plugins of packages that only these tests have.
_UNUSED = " ".join(f"-p no:{name}" for name in ("schemathesis", "faker", "hydra_pytest", "anyio"))
os.environ["PYTEST_ADDOPTS"] = f"{os.environ.get('PYTEST_ADDOPTS', '')} {_UNUSED}".strip()

settings.register_profile("kit", deadline=None, derandomize=True, max_examples=40)
settings.load_profile("kit")

# The only reasons for which a test may be skipped where CI=true; anything else turns the run red.
ALLOWED_SKIPS = ("the real cml is not on the PATH", "no file system can be mounted here")


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
