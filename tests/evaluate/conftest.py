"""Fixtures: nothing of this machine's git configuration."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _plain_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    identity = {"NAME": "t", "EMAIL": "t@localhost"}
    for who in ("AUTHOR", "COMMITTER"):
        for name, text in identity.items():
            monkeypatch.setenv(f"GIT_{who}_{name}", text)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
