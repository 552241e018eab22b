"""What goes wrong on purpose: answers that GitHub gives on a bad day, and the worst order of concurrent requests."""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["answer", "reset", "reset-after", "truncate", "stall"]


@dataclass(kw_only=True)
class Fault:
    """One planned failure of the next `times` requests that match, after letting `skip` of them through.

    `answer` sends `status`; `reset` breaks the connection before GitHub sees the request, `reset-after` once it has
    acted; `truncate` sends half of the real answer; `stall` waits `seconds` before it goes on.
    """

    method: str = ".*"
    path: str = ".*"
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    kind: Kind = "answer"
    times: int = 1
    skip: int = 0
    seconds: float = 1.0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Say whether this request is the one that fails, and count it."""
        if self.times == 0 or not re.fullmatch(self.method, method) or not re.fullmatch(self.path, path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        self.hits += 1
        return True

    @property
    def content(self) -> bytes:
        """The JSON of the answer, GitHub's words where the test gives none."""
        return json.dumps(self.body if self.body is not None else {"message": f"fault {self.status}"}).encode()


def forbidden(method: str = ".*", path: str = ".*", times: int = -1) -> Fault:
    """Let GitHub refuse what the workflow's token may not do."""
    body = {"message": "Resource not accessible by integration", "documentation_url": "https://docs.github.com/rest"}
    return Fault(method=method, path=path, status=403, body=body, times=times)


def secondary(seconds: int = 1, status: int = 403, **where: Any) -> Fault:
    """Let GitHub ask for patience, as its secondary rate limit does."""
    body = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    return Fault(status=status, headers={"retry-after": str(seconds)}, body=body, **where)


class Barrier:
    """Hold the answers to the first `count` matching requests until all of them have been computed.

    So every one of N clients has listed the comments before any of them creates one: the worst possible order.
    """

    def __init__(self, method: str, path: str, count: int, timeout: float = 20.0) -> None:
        self._method, self._path, self._left = method, re.compile(path), count
        self._gate = threading.Barrier(count)
        self._lock = threading.Lock()
        self.timeout = timeout
        self.opened = False

    def wait(self, method: str, path: str) -> None:
        """Block the calling request until the others are there; give up after the timeout, for the test to see."""
        if method != self._method or not self._path.fullmatch(path):
            return
        with self._lock:
            if self._left == 0:
                return
            self._left -= 1
        try:
            self._gate.wait(self.timeout)
            self.opened = True
        except threading.BrokenBarrierError:
            pass


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request as the gateway saw it."""

    method: str
    path: str
    status: int
    user_agent: str
    body: str
    token: str
    at: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"
