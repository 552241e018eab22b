"""The few things that we do with ASGI by ourselves: read a body, answer, and ask an application within this process."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ci_kit.serving.golden import HEADER

JSON = "application/json"
ROUTE = "/predict"
Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


async def taken(receive: Receive, limit: int) -> bytes | None:
    """Return a body whose length nobody has said, None when it is larger than the limit."""
    parts, size, more = [], 0, True
    while more and size <= limit:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = bool(message.get("more_body"))
    return b"".join(parts) if size <= limit else None


def again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that has been taken, and then what comes after it."""
    waiting = [body]

    async def give() -> Message:
        return {"type": "http.request", "body": waiting.pop(), "more_body": False} if waiting else await receive()

    return give


async def answer(send: Send, status: int, document: dict[str, Any] | bytes) -> None:
    """Send a JSON document."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def call(app: App, body: bytes) -> tuple[int, bytes]:
    """Ask an application for predictions, within this process."""
    headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode()), (HEADER.encode(), b"1")]
    scope: Scope = {
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
