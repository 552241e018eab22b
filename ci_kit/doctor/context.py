"""What all groups of checks are handed: the configuration, the repository and this environment, looked up once."""

import importlib.metadata
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ci_kit.config import FILE, Config, load
from ci_kit.doctor.workflow import Workflow, workflows
from ci_kit.errors import CiKitError, UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Source


def installed(name: str) -> str | None:
    """Return the version of a distribution in this environment, None where there is none."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, kw_only=True)
class Context:
    """One look at the machine; `config` is None where there is none that loads, and `mistake` says why.

    `top` is the top of the git repository around `root`, None outside of one or where git refuses (`refusal`).
    """

    root: Path
    config: Config | None = None
    mistake: UserError | None = None
    top: Path | None = None
    refusal: CiKitError | None = None
    workflows: tuple[Workflow, ...] = ()
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: Callable[[str], str | None] = installed
    python: tuple[int, int, int] = sys.version_info[:3]

    @property
    def git(self) -> Git:
        """The repository, which may not be there."""
        return Git(self.root)

    @property
    def settings(self) -> Config:
        """The configuration, or the defaults."""
        return self.config or Config()

    @property
    def text(self) -> str:
        """The text of ci-kit.yaml, empty where there is none."""
        try:
            return (self.root / FILE).read_text("utf-8", "replace")
        except OSError:
            return ""

    @property
    def prefix(self) -> str:
        """The folder of ci-kit.yaml below the top of the repository, with a slash at its end, or nothing."""
        inside = self.top and self.root.is_relative_to(self.top) and self.root != self.top
        return f"{self.root.relative_to(self.top).as_posix()}/" if inside and self.top else ""

    @property
    def ours(self) -> tuple[Workflow, ...]:
        """The workflows that use ci-kit."""
        return tuple(one for one in self.workflows if one.ours)

    def configured(self, section: str) -> bool:
        """Say whether the file has the section."""
        return self.config is not None and section in self.config.model_fields_set

    @property
    def drifts(self) -> bool:
        """Whether a drift check is configured."""
        return self.configured("drift") and self.settings.drift.current in self.settings.data

    def job(self) -> Job:
        """Return what the steps would be handed; it says nothing."""
        known = {"repo": self.git.slug(), "directory": self.prefix.rstrip("/")} if self.top else {}
        return Job(root=self.root, config=self.settings, source=Source(**known), say=lambda _: None)


def look(root: Path) -> Context:
    """Look at a folder; raise UserError where there is none."""
    if not root.is_dir():
        raise UserError(f"no folder {root}", hint="Give the folder of ci-kit.yaml with -C")
    config, mistake = None, None
    try:
        config = load(root / FILE)
    except UserError as error:
        mistake = error
    top, refusal = None, None
    try:
        found = Git(root).read("rev-parse", "--show-toplevel")
        top = Path(found) if found else None
    except CiKitError as error:
        refusal = error
    return Context(
        root=root, config=config, mistake=mistake, top=top, refusal=refusal, workflows=workflows(top or root)
    )
