"""The watch after a switch: whether the new version serves its traffic as well as the old one did."""

import re
from dataclasses import dataclass
from typing import Self

SPAN = 1.0
"""Seconds that are judged together; a bad second ends the deployment."""
FEW = 20  # requests from which on a mean time says something
FLOOR = 0.005  # seconds: what is slower by less is no reason
UNWELL = ("422", "5")
"""Statuses, or how they begin, that are the version's own failure; other 4xx are the client's."""
_REQUESTS = re.compile(r'^ci_kit_requests_total\{[^}]*status="(\d+)"[^}]*\} ([0-9.eE+]+)$', re.MULTILINE)
_SECONDS = re.compile(r"^ci_kit_request_seconds_(sum|count)(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Traffic:
    """Counters of one instance: requests, those that failed, and seconds."""

    requests: float = 0.0
    failed: float = 0.0
    seconds: float = 0.0

    @classmethod
    def read(cls, metrics: str) -> Self:
        """Read them from the text of the Prometheus metrics."""
        counts = [(status, float(value)) for status, value in _REQUESTS.findall(metrics)]
        seconds = sum(float(value) for kind, value in _SECONDS.findall(metrics) if kind == "sum")
        failed = sum(value for status, value in counts if status.startswith(UNWELL))
        return cls(sum(value for _, value in counts), failed, seconds)

    def __sub__(self, other: "Traffic") -> "Traffic":
        return Traffic(self.requests - other.requests, self.failed - other.failed, self.seconds - other.seconds)

    @property
    def share(self) -> float:
        """The share of requests that failed."""
        return self.failed / self.requests if self.requests else 0.0

    @property
    def mean(self) -> float:
        """Seconds a request."""
        return self.seconds / self.requests if self.requests else 0.0


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What the new version must keep to, and what the old one did."""

    old: Traffic
    errors: float
    slower: float

    def broken(self, second: Traffic, *, warm: bool) -> str | None:
        """Say what is wrong with a second of traffic; times count only once it is `warm`."""
        if second.failed and second.share > self.errors + self.old.share:
            seen = f"{second.failed:.0f} of {second.requests:.0f} requests failed within a second"
            return f"{seen}; the limit is {self.errors:.1%} more than the old version's {self.old.share:.1%}"
        limit = max(self.slower * self.old.mean, self.old.mean + FLOOR)
        if warm and min(second.requests, self.old.requests) >= FEW and second.mean > limit:
            seen = f"a request takes {second.mean * 1000:.1f} ms, the old version took {self.old.mean * 1000:.1f} ms"
            return f"{seen}; the limit is {self.slower:g} times as long"
        return None


class Watch:
    """The last seconds of an instance's counters."""

    def __init__(self, bar: Bar, start: float, first: Traffic) -> None:
        self._bar, self._start = bar, start
        self._seen = [(start, first)]

    def look(self, at: float, traffic: Traffic) -> str | None:
        """Take the counters at a time (seconds), and say what is wrong with the second before it."""
        if traffic.requests < self._seen[-1][1].requests:  # it was restarted: its counters began anew
            self._seen = [(at, traffic)]
            return "the new version crashed and was started again"
        self._seen.append((at, traffic))
        while len(self._seen) > 2 and at - self._seen[1][0] >= SPAN:
            self._seen.pop(0)
        return self._bar.broken(traffic - self._seen[0][1], warm=at - self._start > SPAN)

    @property
    def total(self) -> Traffic:
        """All traffic that was watched; a restart is no end of it."""
        return self._seen[-1][1]
