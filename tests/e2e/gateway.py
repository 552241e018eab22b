"""The strict door in front of emulate: GitHub's rules and limits, planned faults, a journal, the contract check.

It listens on 127.0.0.1 only, plainly or with TLS, serves `/`, `/api/v3`, `/api/uploads` and the artifact store of the
stand-ins (`/_test/artifacts/NAME`), and ends with the process. A second port is the storage behind it.
"""

import contextlib
import http.client
import json
import re
import ssl
import threading
import time
from typing import Any, Self
from urllib.parse import urlsplit

from tests.e2e.board import Board
from tests.e2e.contract import Contract
from tests.e2e.faults import Barrier, Entry, Fault
from tests.e2e.releases import Releases
from tests.e2e.rules import PERSON, TOKENS, Answer, Rules
from tests.e2e.server import Handler, Server, bearer

FORWARDED = ("accept", "content-type", "user-agent", "if-none-match")
DROPPED = {"content-length", "transfer-encoding", "connection", "keep-alive", "date"}
VERSIONS = {"2022-11-28", "2026-03-10"}
ALIASES = 100  # of each token: emulate's limit of 5,000 requests an hour goes by token and outlives its reset


class Gateway:
    """A server in threads; `url` is what a client takes for GitHub's API."""

    def __init__(self, upstream_port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.contract = Contract()
        self.journal: list[Entry] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.barriers: list[Barrier] = []
        self.artifacts: dict[str, bytes] = {}
        self.past: dict[str, dict[str, bytes]] = {}  # those of earlier runs
        self.lock = threading.RLock()
        self._upstream, self._alias = upstream_port, 0
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []
        self._servers = [self._listen(tls), self._listen(tls)]
        self.port, storage = (server.server_address[1] for server in self._servers)
        self.url, self.storage = (f"{'https' if tls else 'http'}://127.0.0.1:{port}" for port in (self.port, storage))
        self.rules, self.releases = Rules(self._ask), Releases(self._ask, self.url, self.storage)
        self.board = Board(self.url)

    def _listen(self, tls: ssl.SSLContext | None) -> Server:
        server = Server(("127.0.0.1", 0), Handler)
        server.gateway = self
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *reason: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for _, connection in self._idle:
            connection.close()

    def reset(self) -> None:
        """Forget everything but the server."""
        self._alias = (self._alias + 1) % ALIASES
        self.rules, self.releases = Rules(self._ask), Releases(self._ask, self.url, self.storage)
        self.board = Board(self.url)
        self.journal = []  # a new one, so that a request of the last test can't write into it
        for store in (self.violations, self.faults, self.barriers):
            store.clear()
        self.artifacts.clear()
        self.past.clear()

    def fault(self, fault: Fault) -> Fault:
        """Plan a failure."""
        self.faults.append(fault)
        return fault

    def barrier(self, method: str, path: str, count: int, timeout: float = 20.0) -> Barrier:
        """Hold the first `count` matching answers until all of them are there."""
        self.barriers.append(Barrier(method, path, count, timeout))
        return self.barriers[-1]

    def calls(self, pattern: str = ".*") -> list[str]:
        """Return the journal as `METHOD path status` lines that match."""
        return [str(entry) for entry in list(self.journal) if re.search(pattern, str(entry))]

    def forward(self, method: str, path: str, body: bytes, token: str, headers: dict[str, str]) -> Answer:
        """Send a request to emulate, one connection a thread."""
        headers = {**headers, "host": urlsplit(self.url).netloc}
        if token:
            headers["authorization"] = f"Bearer {token}.{self._alias}"
        connection = self._connection()
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        kept = {key.lower(): value for key, value in response.getheaders() if key.lower() not in DROPPED}
        answer = Answer(response.status, kept, response.read())
        self._idle.append((time.monotonic(), connection))
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        while self._idle:
            with contextlib.suppress(IndexError):
                used, connection = self._idle.pop()
                if time.monotonic() - used < 2:  # emulate ends a connection that was idle for 5 s
                    return connection
                connection.close()
        return http.client.HTTPConnection("127.0.0.1", self._upstream, timeout=20)

    def _ask(self, method: str, path: str, body: bytes) -> Answer:
        return self.forward(method, path, body, PERSON, {"content-type": "application/json"})

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Answer one request as GitHub would."""
        parts = urlsplit(target)
        token = bearer(headers.get("authorization", ""))
        if not headers.get("user-agent"):
            return Answer.of(403, {"message": "Request forbidden by administrative rules."})
        if headers.get("x-github-api-version", "2022-11-28") not in VERSIONS:
            return Answer.of(400, {"message": "unsupported API version"})
        problems = self.contract.request(method, parts.path, parts.query, body)
        if problems:
            self.violations += [f"{method} {target}: {problem}" for problem in problems]
            return Answer.of(422, {"message": "not GitHub's API", "errors": problems})
        sent = headers.get("content-type", "")
        document = json.loads(body) if body and sent != "application/octet-stream" else None
        # GitHub decides and acts in one transaction; so no other write comes between rule and deed.
        one = method == "POST" and parts.path.endswith(("/pulls", "/git/refs", "/releases", "/assets"))
        one |= method == "PATCH" and "/git/refs/" in parts.path
        with self.lock if one else contextlib.nullcontext():
            answer = self.rules.before(method, parts.path, token, document)
            accept = headers.get("accept", "")
            answer = answer or self.releases.before(method, parts.path, parts.query, accept, document)
            answer = answer or self.board.before(method, parts.path, parts.query, document)
            if answer is None:
                kept = {key: headers[key] for key in FORWARDED if key in headers}
                answer = self.rules.after(
                    method, parts.path, self.forward(method, self.rules.home(target), body, token, kept)
                )
                answer = self.releases.after(method, parts.path, body, answer)
                answer = self.board.after(method, parts.path, document, answer)
        self.violations += self.contract.answer(method, parts.path, answer.status, answer.body)
        return answer


def seed(repos: list[str]) -> dict[str, Any]:
    """Return emulate's first state: the tokens' users and empty public repositories of `octo`."""
    tokens = {
        f"{token}.{alias}": {"login": login, "scopes": ["repo", "workflow"]}
        for token, login in TOKENS.items()
        for alias in range(ALIASES)
    }
    users = [{"login": login} for login in sorted({*TOKENS.values()})]
    return {
        "tokens": tokens,
        "github": {
            "users": users,
            "repos": [{"owner": "octo", "name": name, "auto_init": False} for name in repos],
        },
    }
