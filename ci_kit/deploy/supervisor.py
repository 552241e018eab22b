"""Who keeps the processes of a target running."""

import json
from pathlib import Path
from typing import Any, Protocol

from ci_kit.deploy import keeper


class Supervisor(Protocol):
    """Keeps processes running, each under a name, and starts anew what ends."""

    def start(self, name: str, spec: dict[str, Any]) -> None:
        """Start a process: see `ci_kit.deploy.keeper.Keeper` for what its specification says."""

    def revive(self, name: str, python: str) -> None:
        """Start a process again as it was started before."""

    def stop(self, name: str, within: float) -> None:
        """End a process and everything of it."""

    def keeping(self, name: str) -> dict[str, Any] | None:
        """Return what is known of a process that is kept running, such as its `restarts`."""


class Keepers:
    """The processes of one target, each with a keeper; `folder` holds what is known of each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, name: str, spec: dict[str, Any]) -> None:
        """Start a process and keep it running."""
        keeper.start(self._folder / f"{name}.json", spec)

    def revive(self, name: str, python: str) -> None:
        """Keep a process running again, as it was started before."""
        path = self._folder / f"{name}.json"
        keeper.start(path, json.loads(path.read_bytes()) | {"python": python})

    def stop(self, name: str, within: float) -> None:
        """End a process and everything of it, after so many seconds by force."""
        keeper.stop(self._folder / f"{name}.json", within)

    def keeping(self, name: str) -> dict[str, Any] | None:
        """Return what is known of a process that is kept running, such as its `restarts`."""
        return keeper.keeping(self._folder / f"{name}.json")
