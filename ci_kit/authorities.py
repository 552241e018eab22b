"""The certificate authorities that we trust."""

import ssl
from functools import cache

import httpx


@cache
def authorities() -> ssl.SSLContext:
    """Return the context for all connections: for each of its clients httpx would read them again, 20 ms at a time."""
    return httpx.create_ssl_context()
