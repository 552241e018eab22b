"""Notices of the clouds that a spot machine is about to be taken away."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ci_kit.sections import Spot

EVERY, RARELY = 2.0, 30.0  # seconds between two looks, and between those at a service that does not answer
SHORTEST = 30.0
"""Seconds from notice to end where it says no time: what Google and Azure promise at least; AWS gives two minutes."""
_TIMEOUT = 2.0
_MOST = 2**16
_BASE = {"aws": "http://169.254.169.254", "azure": "http://169.254.169.254", "gcp": "http://metadata.google.internal"}
_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"
_NAME = "/metadata/instance/compute/name?api-version=2021-02-01&format=text"


class Notice:
    """Looks for a notice from a thread; `at` is when the machine goes away, in seconds since 1970, None as yet.

    A service that does not answer is said once, and asked again now and then.
    """

    def __init__(self, spot: Spot, say: Callable[[str], None]) -> None:
        self.at: float | None = None
        self.cloud, self._base, self._say = spot.cloud, (spot.url or _BASE[spot.cloud]).rstrip("/"), say
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._done.set()
        self._thread.join(timeout=_TIMEOUT)

    def _run(self) -> None:
        look, said = {"aws": self._aws, "gcp": self._gcp, "azure": self._azure}[self.cloud], False
        while True:
            pause = EVERY
            try:
                self.at = look()
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                if not said:
                    self._say(f"train: no notice of {self.cloud} can be had from {self._base}: {error}"[:300])
                said, pause = True, RARELY
            if self.at is not None or self._done.wait(pause):
                return

    def _aws(self) -> float | None:
        token = self._ask("/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
        said = self._ask("/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": token or ""})
        return None if said is None else _when(json.loads(said)["time"])

    def _gcp(self) -> float | None:
        said = self._ask("/computeMetadata/v1/instance/preempted", {"Metadata-Flavor": "Google"})
        return time.time() + SHORTEST if said == "TRUE" else None

    def _azure(self) -> float | None:
        ours = self._ask(_NAME, {"Metadata": "true"})
        events: Any = json.loads(self._ask(_EVENTS, {"Metadata": "true"}) or "{}").get("Events", [])
        found = [one for one in events if one["EventType"] in ("Preempt", "Terminate") and ours in one["Resources"]]
        return min((_when(one.get("NotBefore")) for one in found), default=None)

    def _ask(self, path: str, headers: dict[str, str], method: str = "GET") -> str | None:
        """Return the answer, None where nothing is at the path; no proxy stands before a link-local address."""
        request = urllib.request.Request(f"{self._base}{path}", headers=headers, method=method)  # noqa: S310 - of ours
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_TIMEOUT) as answer:
                return str(answer.read(_MOST).decode().strip())
        except urllib.error.HTTPError as error:
            with contextlib.closing(error):
                if error.code == 404:
                    return None
            raise


def _when(text: str | None) -> float:
    """Read a time, ISO 8601 or HTTP's; one that says none is as soon as it may be."""
    if not text:
        return time.time() + SHORTEST
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = parsedate_to_datetime(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
