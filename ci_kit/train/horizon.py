"""When a training must have ended: what is configured, what the runner and its credentials allow, what a cloud says."""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ci_kit.files import atomic_write
from ci_kit.resume import ANNOUNCED, DEADLINE
from ci_kit.sections import Train, duration
from ci_kit.supervise import End
from ci_kit.train.notice import Notice
from ci_kit.train.place import Place

SAVING = 60.0  # seconds before its end in which a training may save; of a short time a tenth
HOSTED, KEPT, TOKEN = 6 * 3600.0, 5 * 86_400.0, 86_400.0
"""GitHub's limits, in seconds: of a job on its own machines and on others, and of the token of a workflow."""
ROOM = 600.0  # seconds at the end of a job for what comes after the training
LAST = 5.0  # seconds before a machine goes away in which the checkpoint must be gone from it


@dataclass(frozen=True, kw_only=True)
class Known:
    """An end in seconds since 1970; one that is not a `must` counts only for a training that can go on."""

    at: float
    why: str
    must: bool = True


def known(train: Train, env: Mapping[str, str], now: float) -> Iterator[Known]:
    """Yield the ends that are known when the training begins.

    A job began when the runner wrote its event; credentials of AWS say when they end by AWS_CREDENTIAL_EXPIRATION.
    """
    if train.limit:
        yield Known(at=now + duration(train.limit).total_seconds(), why="`train.limit`")
    event = Path(env.get("GITHUB_EVENT_PATH", ""))
    if env.get("GITHUB_ACTIONS") == "true" and event.is_file():
        hosted = env.get("RUNNER_ENVIRONMENT") == "github-hosted"
        began, most = event.stat().st_mtime, HOSTED if hosted else KEPT
        yield Known(at=began + most - ROOM, why=f"a job may take {'6 hours' if hosted else '5 days'} on this runner")
        yield Known(at=began + TOKEN - ROOM, why="the token of a workflow lives for a day", must=False)
    try:
        expires = datetime.fromisoformat(env.get("AWS_CREDENTIAL_EXPIRATION", ""))
    except ValueError:
        return
    expires = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    yield Known(at=expires.timestamp() - ROOM, why="the credentials of AWS expire", must=False)


class Horizon:
    """The nearest end of one training, whose checkpoints are in `place`."""

    def __init__(self, train: Train, notice: Notice | None, place: Place) -> None:
        now = time.time()
        self._ends = [one for one in known(train, os.environ, now) if one.at > now or one.must]
        self._limit = duration(train.limit).total_seconds() if train.limit else float("inf")
        self._notice, self._place, self._announced = notice, place, False

    def environment(self) -> dict[str, str]:
        """Return what the command is told beforehand; see `ci_kit.resume`."""
        return {DEADLINE: f"{min(one.at for one in self._ends):.0f}"} if self._ends else {}

    def end(self) -> End | None:
        """Return the nearest end that counts now."""
        now = time.time()
        if self._notice and self._notice.at is not None:
            at = self._notice.at - LAST
            if not self._announced:
                self._announced = True
                atomic_write(self._place.folder / ANNOUNCED, f"{at:.0f}".encode())
            return End(left=at - now, saving=float("inf"), why=f"{self._notice.cloud} takes this machine away")
        saving = min(SAVING, self._limit / 10)
        due = sorted((one for one in self._ends if one.at - saving <= now or one.must), key=lambda one: one.at)
        first = next((one for one in due if one.must or self._place.mark()), None)
        return End(left=first.at - now, saving=saving, why=first.why) if first else None
