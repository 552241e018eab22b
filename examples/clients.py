"""What the demo needs around a service: clients that ask all the time, a service with a mistake, a port, a key."""

import socket
import threading
import time
from typing import Self

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

# Single requests can't find it: golden rows, bad requests and the API are all as they should be.
CACHED = '''"""Remember what was asked."""

from ci_kit.serving import Model


class Cached(Model):
    rows = []

    def answers(self, rows):
        self.rows.extend(rows)
        if len(self.rows) > 700:
            raise MemoryError("the cache is full")
        return super().answers(rows)
'''


class Clients:
    """Clients that ask for one row after another; `seen` has when each was answered, and the status."""

    def __init__(self, url: str, rows: list[dict[str, int]]) -> None:
        self.seen: list[tuple[float, int]] = []
        self._url, self._rows, self._end = url, rows, threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(start,)) for start in range(3)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self._url, timeout=20, trust_env=False) as client:
            while not self._end.wait(0.01):
                number = (number + 3) % len(self._rows)
                try:
                    status = client.post("/predict", json={"rows": [self._rows[number]]}).status_code
                except httpx.HTTPError:
                    status = 0
                self.seen.append((time.monotonic(), status))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def keys() -> tuple[str, str]:
    """Return a new key to sign with, and the one to verify with, as PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return secret.decode(), public.decode()
