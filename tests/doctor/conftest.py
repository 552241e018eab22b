"""Fixtures: sound repositories, made once; a test breaks a copy."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.doctor import setups


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in ("GITHUB_TOKEN", "GH_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sound repositories by name."""
    folder = tmp_path_factory.mktemp("sound")
    made = {"sound": setups.sound, "minimal": setups.minimal, "digits": setups.digits}
    return {name: make(folder / name / name) for name, make in made.items()}


@pytest.fixture
def copied(originals: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Return a fresh copy of one, with what lies beside it."""

    def copy(name: str) -> Path:
        shutil.copytree(originals[name].parent, tmp_path / "copy", symlinks=True)
        return tmp_path / "copy" / name

    return copy
