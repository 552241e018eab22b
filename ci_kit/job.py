"""What every step is handed: where to work, with which configuration, for which revision."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ci_kit.config import Config
from ci_kit.parts import Source
from ci_kit.result import FOLDER


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of one step; `root` is the folder of `ci-kit.yaml`, and all configured paths are relative to it."""

    root: Path
    config: Config
    source: Source = field(default_factory=Source)
    event: str = "local"
    say: Callable[[str], None] = print

    @property
    def folder(self) -> Path:
        """Where Results and the files beside them are written."""
        return self.root / FOLDER
