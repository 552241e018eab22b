"""Bytes on their way to a server and back: files as they are sent, answers as they are read."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx

from ci_kit.errors import Unavailable

TIMEOUT = httpx.Timeout(30, connect=10)  # seconds
STORING = 300.0  # seconds that a server may take to answer once it has a whole file
HOPS = 4  # requests of one download, with those that it is redirected to
Sink = Callable[[Iterator[bytes]], None]
RAW = "application/octet-stream"
_BYTES = {"Accept": RAW, "Accept-Encoding": "identity"}


@contextlib.contextmanager
def sent(body: object) -> Iterator[dict[str, Any]]:
    """Yield what httpx takes as the body of a request: bytes, those of the file at a path, or else JSON."""
    raw, timeout = {"Content-Type": RAW}, httpx.Timeout(30, connect=10, read=STORING)
    if isinstance(body, Path):
        with body.open("rb") as file:
            yield {"content": file, "headers": raw, "timeout": timeout}
    else:
        yield {"content": body, "headers": raw} if isinstance(body, bytes) else {"json": body}


def whole(answer: httpx.Response, limit: int) -> httpx.Response:
    """Return an answer that is still coming as one that is here; raise Unavailable for more than `limit` bytes."""
    content = bytearray()
    for part in answer.iter_bytes():
        content += part
        if len(content) > limit:
            raise Unavailable(f"an answer of {answer.url.host} is larger than {limit:,} bytes")
    plain = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
    return httpx.Response(answer.status_code, headers=plain, content=bytes(content), request=answer.request)


@contextlib.contextmanager
def opened(http: httpx.Client, url: str, headers: Mapping[str, str] = MappingProxyType({})) -> Iterator[httpx.Response]:
    """Yield the answer to a GET of bytes, still coming, at the end of its redirects; no token leaves its own address.

    Raises Unavailable for a redirect to another scheme than the first one's, or for too many of them.
    """
    request = http.build_request("GET", url, headers=_BYTES | dict(headers))
    for _ in range(HOPS):
        with contextlib.closing(http.send(request, stream=True)) as answer:
            if not answer.has_redirect_location:
                yield answer
                return
            following = joined(answer.url, answer.headers["location"])
        token = request.headers.get("Authorization") if same(following, request.url) else None
        request = http.build_request("GET", following, headers=_BYTES)
        request.headers.pop("Authorization", None)
        request.headers.update({"Authorization": token} if token else {})
    raise Unavailable(f"{request.url.host} redirects a download more than {HOPS - 1} times")


def joined(url: httpx.URL, location: str) -> httpx.URL:
    """Return the address that a server sends us to; raise Unavailable for none, or one of another scheme."""
    try:
        found = url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise Unavailable(f"{url.host} sends us to an address that is none") from error
    if found.scheme != url.scheme or not found.host or (found.port or 0) > 65535:
        raise Unavailable(f"{url.host} sends us from {url.scheme} to {found.scheme[:20]}")
    return found


def same(one: httpx.URL, other: httpx.URL) -> bool:
    """Say whether two addresses are of one server."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)
