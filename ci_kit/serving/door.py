"""What stands before every service in a bento: limits, the golden self-test, the gate, and who is serving."""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import HEADER, Golden

GATE, COLOUR, VERSION, DIGEST = "CI_KIT_GATE", "CI_KIT_COLOUR", "CI_KIT_VERSION", "CI_KIT_DIGEST"
ROUTE = "/predict"
JSON = "application/json"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Door:
    """An ASGI middleware; `folder` holds `contract.json` and `golden.json`, `docs` answers `/docs.json` if given.

    `/readyz` is 200 only when the golden rows are answered as they were when the model was packaged, and where
    `CI_KIT_GATE` names a file, only while that file holds this instance's `CI_KIT_COLOUR`: one file opens one of
    several instances to a proxy. `/about` says who serves.
    """

    def __init__(self, app: App, folder: str, docs: bytes | None = None) -> None:
        self._app, self._docs = app, docs
        self._contract, self._golden = Contract.load(Path(folder)), Golden.load(Path(folder))
        self._lock = asyncio.Lock()
        self._fault: str | None = None
        self._tested = False

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer what is ours, refuse what is too large or no JSON, and pass the rest on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path, method = scope["path"], scope["method"]
        if path == "/readyz":
            return await self._ready(scope, receive, send)
        if path == "/about" and method in ("GET", "HEAD"):
            return await answer(send, 200, self.about())
        if path == "/docs.json" and self._docs and method in ("GET", "HEAD"):
            return await answer(send, 200, self._docs)
        return await self._limited(scope, receive, send)

    def about(self) -> dict[str, Any]:
        """Say which model this is, and whether it takes traffic."""
        known = {"model": self._contract.name, "model_digest": self._contract.digest, "pid": os.getpid()}
        told = {"version": os.environ.get(VERSION), "digest": os.environ.get(DIGEST), "colour": os.environ.get(COLOUR)}
        return known | told | {"golden": self._tested and not self._fault, "fault": self._fault, "open": is_open()}

    async def _ready(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async with self._lock:
            if not self._tested:
                self._fault, self._tested = await self._self_test(), True
                if self._fault:
                    logging.getLogger("bentoml.serve").error("not ready: %s", self._fault)
        if self._fault:
            await answer(send, 503, {"error": self._fault})
        elif not is_open():
            await answer(send, 503, {"error": "the gate is closed: another instance takes the traffic"})
        else:
            await self._app(scope, receive, send)

    async def _self_test(self) -> str | None:
        """Ask the service its golden rows, through all that a request goes through; return what is wrong."""
        for start, rows in self._golden.batches(self._contract.rows):
            status, body = await call(self._app, json.dumps({"rows": rows}).encode())
            if status != 200:
                return f"golden rows are answered with {status}: {body[:200].decode('utf-8', 'replace')}"
            try:
                given = json.loads(body)["predictions"]
            except (ValueError, KeyError, TypeError):
                return "golden rows are answered without `predictions`"
            gap = self._golden.compare(given, start)
            if gap.broken:
                return str(gap)
        return None

    async def _limited(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        kind = headers.get(b"content-type", JSON.encode()).split(b";")[0].strip().lower()
        if scope["path"] == ROUTE and scope["method"] == "POST" and kind != JSON.encode():
            return await answer(send, 415, {"error": f"content-type: send {JSON}"})
        limit = self._contract.bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            return await answer(send, 413, {"error": f"the body has {int(length):,} bytes, the limit is {limit:,}"})

        if not length and scope["method"] not in ("GET", "HEAD"):
            body = await _taken(receive, limit)
            if body is None:
                return await answer(send, 413, {"error": f"the body has more than {limit:,} bytes"})
            receive = _again(body, receive)
        return await self._app(scope, receive, send)


async def _taken(receive: Receive, limit: int) -> bytes | None:
    """Return a body whose length nobody has said, None when it is larger than the limit."""
    parts, size, more = [], 0, True
    while more and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = bool(message.get("more_body"))
    return b"".join(parts) if size <= limit else None


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that has been taken, and then what comes after it."""
    waiting = [body]

    async def give() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return give


def is_open() -> bool:
    """Say whether this instance may take traffic."""
    gate = os.environ.get(GATE)
    if not gate:
        return True
    try:
        return Path(gate).read_text("utf-8").strip() == os.environ.get(COLOUR)
    except OSError:
        return False


async def answer(send: Send, status: int, document: dict[str, Any] | bytes) -> None:
    """Send a JSON document."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def call(app: App, body: bytes) -> tuple[int, bytes]:
    """Ask an application for predictions, within this process."""
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode()), (HEADER.encode(), b"1")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": ROUTE,
        "raw_path": ROUTE.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 0),
        "state": {},
    }
    status, parts = 0, []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)
