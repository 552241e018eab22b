"""The pytest plugin: the fixtures `model`, `baseline` and `dataset`, and a report for `ci-kit evaluate`.

It is loaded in every pytest run of its environment, so it imports nothing heavy before a fixture is asked for.
"""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ci_kit.evaluate.subject import Subject
    from ci_kit.models.dataset import Dataset
    from ci_kit.models.model import Model


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option by which `ci-kit evaluate` hands over its job and gets the outcomes back."""
    text = "Folder with the job of `ci-kit evaluate`; the outcomes are written there. Not for typing."
    parser.getgroup("ci-kit", "model tests").addoption("--ci-kit-job", metavar="FOLDER", default=None, help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Record outcomes only when `ci-kit evaluate` asks for them."""
    folder = config.getoption("--ci-kit-job")
    if folder:
        from ci_kit.evaluate.recorder import Recorder

        config.pluginmanager.register(Recorder(folder, config.rootpath, writes=not hasattr(config, "workerinput")))


@pytest.fixture(scope="session")
def _ci_kit(pytestconfig: pytest.Config) -> "Subject":
    from ci_kit.errors import CiKitError
    from ci_kit.evaluate.subject import Subject

    start = pytestconfig.invocation_params.dir
    try:
        return Subject.find(pytestconfig.getoption("--ci-kit-job"), start, pytestconfig.rootpath)
    except CiKitError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def dataset(_ci_kit: "Subject") -> "Dataset":
    """Return the evaluation data of ci-kit.yaml: `frame`, `truth`, `features`, `schema`."""
    from ci_kit.errors import CiKitError

    try:
        return _ci_kit.dataset()
    except CiKitError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def model(_ci_kit: "Subject", dataset: "Dataset") -> "Model":
    """Return the candidate of ci-kit.yaml: `predict(frame)` and `labels(frame)`."""
    from ci_kit.errors import CiKitError

    try:
        return _ci_kit.model(dataset)
    except CiKitError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def baseline(_ci_kit: "Subject", dataset: "Dataset") -> "Model":
    """Return the model of the base branch; skip the test when there is none, or fail it under `first-run: fail`."""
    from ci_kit.errors import CiKitError

    try:
        found, why = _ci_kit.baseline(dataset)
    except CiKitError as error:
        pytest.fail(str(error), pytrace=False)
    if found is not None:
        return found
    if _ci_kit.strict:
        pytest.fail(f"no baseline model: {why}", pytrace=False)
    pytest.skip(f"no baseline model: {why}")
