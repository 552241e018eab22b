"""Fixtures: nothing of this machine's git configuration; the command as a user types it, without a process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ci_kit.__main__ import main
from tests.evaluate.conftest import _plain_git  # noqa: F401


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str


Kit = Callable[..., Said]


@pytest.fixture
def kit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kit:
    def typed(folder: Path, *arguments: str) -> Said:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["ci-kit", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        seen = capsys.readouterr()
        return Said(code=int(ended.value.code or 0), out=seen.out, err=seen.err)

    return typed
