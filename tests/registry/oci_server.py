"""A small OCI registry on 127.0.0.1: tokens, blobs behind a redirect to another origin, manifests, planned faults."""

import base64
import hashlib
import json
import re
import socket
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD = "octo", "open sesame"
MOST = 500  # requests of one server; then it answers none
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Fault:
    """What the next `times` requests that match get: an answer, or a connection that breaks (`status` 0)."""

    match: str
    status: int
    times: int = 1


class Registry:
    """A server in threads; `host` is what stands in an address."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}  # by digest and by tag
        self.journal: list[tuple[str, str, str]] = []  # call, origin, Authorization
        self.faults: list[Fault] = []
        self.kind = "bearer"
        self._servers = [_Server(self, origin) for origin in ("api", "storage")]
        self.host, self.storage = (f"127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self) -> Self:
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def answer(self, call: str, body: bytes, headers: Any) -> Answer:
        method, _, target = call.partition(" ")
        parts, login = urlsplit(target), headers.get("authorization", "")
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        query = parse_qs(parts.query)
        if parts.path == "/token":
            token = {"token": f"good for {query['scope'][0]}".replace(" ", ".")}
            return (200, {}, json.dumps(token).encode()) if login == basic else _no(401, "UNAUTHORIZED")
        rights = "push" if method in ("POST", "PUT") else "pull"
        if self.kind == "bearer" and not (login.startswith("Bearer good.for") and rights in login):
            challenge = f'Bearer realm="http://{self.host}/token",service="here",scope="repository:x:pull"'
            return _no(401, "UNAUTHORIZED", {"www-authenticate": challenge})
        if self.kind == "basic" and login != basic:
            return _no(401, "UNAUTHORIZED", {"www-authenticate": 'Basic realm="here"'})
        match = re.fullmatch(r"/v2/acme/models/(blobs/uploads|blobs|manifests)/(.*)", parts.path)
        if match is None:
            return _no(404, "NAME_UNKNOWN")
        kind, name = match.groups()
        if kind == "manifests":
            return self._manifest(method, name, body, headers)
        return self._blob(method, name) if kind == "blobs" else self._upload(method, name, query, body)

    def stored(self, call: str, _: bytes, headers: Any) -> Answer:
        """Answer as the storage behind a registry does, which takes a signed address and no other credentials."""
        name = urlsplit(call.partition(" ")[2]).path.removeprefix("/")
        if "authorization" in headers or "sig=" not in call:
            return _no(400, "DENIED")
        return (200, {}, self.blobs[name]) if name in self.blobs else _no(404, "BLOB_UNKNOWN")

    def _upload(self, method: str, name: str, query: dict[str, list[str]], body: bytes) -> Answer:
        if method == "POST":
            return 202, {"location": "/v2/acme/models/blobs/uploads/7?_state=a%2Bb%3D"}, b""
        digest = query.get("digest", [""])[0]
        if name != "7" or query.get("_state") != ["a+b="] or digest != _sha256(body):
            return _no(400, "DIGEST_INVALID")
        self.blobs[digest] = body
        return 201, {"docker-content-digest": digest}, b""

    def _blob(self, method: str, name: str) -> Answer:
        if name not in self.blobs:
            return _no(404, "BLOB_UNKNOWN")
        place = {"location": f"http://{self.storage}/{name}?sig=a%2Fsecret"}
        return (307, place, b"") if method == "GET" else (200, {}, self.blobs[name])

    def _manifest(self, method: str, name: str, body: bytes, headers: Any) -> Answer:
        if method != "PUT":
            return (200, {}, self.manifests[name]) if name in self.manifests else _no(404, "MANIFEST_UNKNOWN")
        document = json.loads(body)
        lacking = any(one["digest"] not in self.blobs for one in [document["config"], *document["layers"]])
        if lacking or headers.get("content-type") != document["mediaType"]:
            return _no(400, "MANIFEST_INVALID")
        self.manifests[_sha256(body)] = self.manifests[name] = body
        return 201, {"docker-content-digest": _sha256(body)}, b""


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _no(status: int, code: str, headers: dict[str, str] | None = None) -> Answer:
    return status, headers or {}, json.dumps({"errors": [{"code": code, "message": "no"}]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, registry: Registry, origin: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry, self.origin = registry, origin

    def handle_error(self, *_: Any) -> None:
        """A client that went away, or was thrown out, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version, timeout, disable_nagle_algorithm = "HTTP/1.1", 10, True
    server: _Server

    def serve(self) -> None:
        registry, call = self.server.registry, f"{self.command} {self.path}"
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        registry.journal.append((call, self.server.origin, self.headers.get("authorization", "")))
        fault = next((one for one in registry.faults if one.times and re.search(one.match, call)), None)
        if fault:
            fault.times -= 1
        if len(registry.journal) > MOST or (fault and not fault.status):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionAbortedError
        ask = registry.answer if self.server.origin == "api" else registry.stored
        status, headers, content = (fault.status, {}, b"a fault") if fault else ask(call, body, self.headers)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else content)

    do_GET = do_HEAD = do_POST = do_PUT = serve  # noqa: N815 - the names that the library calls

    def log_message(self, *_: object) -> None:
        """The journal is the log."""
