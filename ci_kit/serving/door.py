"""What stands before every service in a bento: limits, the golden self-test, the gate, and who is serving."""

import asyncio
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import bentoml

from ci_kit.serving.asgi import JSON, ROUTE, App, Message, Receive, Scope, Send, again, answer, call, taken
from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import HEADER, Golden

GATE, COLOUR, VERSION, DIGEST = "CI_KIT_GATE", "CI_KIT_COLOUR", "CI_KIT_VERSION", "CI_KIT_DIGEST"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


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
        self._count = bentoml.metrics.Counter(
            name="ci_kit_requests_total", documentation="Requests for predictions", labelnames=["status"]
        )
        self._time = bentoml.metrics.Histogram(
            name="ci_kit_request_seconds", documentation="How long they took", buckets=BUCKETS
        )
        self._fault: str | None = None
        self._tested = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        headers = {name.lower(): value for name, value in scope["headers"]}
        if path == ROUTE and HEADER.encode() not in headers:
            return await self._measured(scope, receive, send, headers)
        return await self._limited(scope, receive, send, headers)

    async def _measured(self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes]) -> None:
        """Count a request and its time, which a deployment watches; golden rows are none of them."""
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._limited(scope, receive, noted, headers)
        finally:
            self._count.labels(status=str(status)).inc()
            self._time.observe(time.perf_counter() - started)

    def about(self) -> dict[str, Any]:
        """Say which model this is, and whether it takes traffic."""
        known = {"model": self._contract.name, "model_digest": self._contract.digest, "pid": os.getpid()}
        told = {"version": os.environ.get(VERSION), "digest": os.environ.get(DIGEST), "colour": os.environ.get(COLOUR)}
        return known | told | {"golden": self._tested and not self._fault, "fault": self._fault, "open": is_open()}

    async def _ready(self, scope: Scope, receive: Receive, send: Send) -> None:
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
            gap = self._golden.compare(given, start, len(rows))
            if gap.broken:
                return str(gap)
        return None

    async def _limited(self, scope: Scope, receive: Receive, send: Send, headers: dict[bytes, bytes]) -> None:
        kind = headers.get(b"content-type", JSON.encode()).split(b";")[0].strip().lower()
        if scope["path"] == ROUTE and scope["method"] == "POST" and kind != JSON.encode():
            return await answer(send, 415, {"error": f"content-type: send {JSON}"})
        limit = self._contract.bytes
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > limit:
            return await answer(send, 413, {"error": f"the body has {int(length):,} bytes, the limit is {limit:,}"})

        if not length and scope["method"] not in ("GET", "HEAD"):
            body = await taken(receive, limit)
            if body is None:
                return await answer(send, 413, {"error": f"the body has more than {limit:,} bytes"})
            receive = again(body, receive)
        return await self._app(scope, receive, send)


def is_open() -> bool:
    """Say whether this instance may take traffic."""
    gate = os.environ.get(GATE)
    if not gate:
        return True
    try:
        return Path(gate).read_text("utf-8").strip() == os.environ.get(COLOUR)
    except OSError:
        return False
