"""What the doctor finds, and where it looks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ci_kit.config import Config

Level = Literal["broken", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong: what, why it matters, what to type. `code` is `group/kind`, `place` a file and line."""

    code: str
    level: Level
    what: str
    why: str
    hint: str
    place: str = ""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """The folder of ci-kit.yaml, what that says (None where it can't be read), and the environment."""

    root: Path
    config: Config | None
    env: Mapping[str, str] = field(default_factory=dict)


def broken(code: str, what: str, why: str, hint: str, place: str = "") -> Finding:
    """Return a finding without whose cure a run fails, or a rule of security does."""
    return Finding(code=code, level="broken", what=what, why=why, hint=hint, place=place)


def warning(code: str, what: str, why: str, hint: str, place: str = "") -> Finding:
    """Return a finding that a run survives."""
    return Finding(code=code, level="warning", what=what, why=why, hint=hint, place=place)
