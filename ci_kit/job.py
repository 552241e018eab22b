"""What every step is handed: where to work, with which configuration, for which revision."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ci_kit import __version__
from ci_kit.config import Config
from ci_kit.parts import Run, Source
from ci_kit.result import FOLDER


def _unknown() -> Run:
    return Run(kit=__version__, started=datetime.now(UTC).isoformat(timespec="seconds"), seconds=0)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run of one step; `root` is the folder of `ci-kit.yaml`, and all configured paths are relative to it.

    `run` is what its Result will say of the run, but for what only the end tells: a step that writes Results of its own
    says the same in them.
    """

    root: Path
    config: Config
    source: Source = field(default_factory=Source)
    event: str = "local"
    run: Run = field(default_factory=_unknown)
    say: Callable[[str], None] = print

    @property
    def repository(self) -> str:
        """What names the repository, for a machine that serves several."""
        return self.source.repo or self.root.resolve().name

    @property
    def folder(self) -> Path:
        """Where Results and the files beside them are written."""
        return self.root / FOLDER
