"""What all tests share."""

import os

import pytest
from hypothesis import settings

settings.register_profile("kit", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("kit")


@pytest.fixture(autouse=True)
def _away_from_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests speak of the events that they make themselves, also when a CI run executes them."""
    for name in list(os.environ):
        if name.startswith(("GITHUB_", "RUNNER_", "INPUT_", "CI_KIT_INPUT_")):
            monkeypatch.delenv(name)
