"""A client of an ASGI application in this process, its lifespan included."""

import contextlib
from collections.abc import Iterator
from typing import Any

import anyio.from_thread
import httpx


class InProcess:
    """Sends requests to the application; an error that escapes it becomes a 500."""

    def __init__(self, application: Any, portal: anyio.from_thread.BlockingPortal) -> None:
        self._portal = portal
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://service")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            return await self._http.request(method, path, **more)

        return self._portal.call(send)

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@contextlib.contextmanager
def running(application: Any) -> Iterator[InProcess]:
    """Start the application, and end it with the block."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(application.router.lifespan_context(application)),
    ):
        yield InProcess(application, portal)
