"""Clients that ask a target all the time, and remember what they were answered."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx

from ci_kit.authorities import authorities

PAUSE = 0.01


@dataclass
class Load:
    """`threads` keep-alive clients; each answer is (time, status, answer ÷ sum of the row)."""

    url: str
    threads: int = 3
    seen: list[tuple[float, int | str, float]] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)
    _running: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._running = [threading.Thread(target=self._ask, args=(one,), daemon=True) for one in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._running:
            thread.join(timeout=30)

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=20, trust_env=False, verify=authorities()) as client:
            while not self._end.is_set():
                number = number % 50 + 1
                self.seen.append(self._answer(client, number))
                time.sleep(PAUSE)

    def _answer(self, client: httpx.Client, number: int) -> tuple[float, int | str, float]:
        try:
            answer = client.post("/predict", json={"rows": [{"a": float(number), "b": 1.0}]})
        except httpx.HTTPError as error:
            return time.time(), type(error).__name__, 0.0
        if answer.status_code != 200:
            return time.time(), answer.status_code, 0.0
        return time.time(), 200, round(answer.json()["predictions"][0]["prediction"] / (number + 1), 3)

    def mark(self) -> int:
        """Return a place in what was seen."""
        return len(self.seen)

    def since(self, mark: int, until: int | None = None) -> "Seen":
        """Return what was seen between two places."""
        return Seen(self.seen[mark:until])


@dataclass(frozen=True)
class Seen:
    """What clients were answered in a span of time."""

    answers: list[tuple[float, int | str, float]]

    @property
    def failed(self) -> list[tuple[float, int | str, float]]:
        return [one for one in self.answers if one[1] != 200]

    @property
    def factors(self) -> Counter[float]:
        return Counter(factor for _, status, factor in self.answers if status == 200)
