"""The threads of the gateway: they read a request, let it fail where a test planned that, and write the answer."""

from __future__ import annotations

import base64
import re
import socket
import struct
import sys
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.e2e.faults import Entry, Fault
from tests.e2e.releases import STORAGE
from tests.e2e.rules import Answer

if TYPE_CHECKING:
    from tests.e2e.gateway import Gateway


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    gateway: Gateway

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, or was thrown out by a fault, is no news; a mistake of ours is."""
        if not isinstance(sys.exception(), OSError):
            self.gateway.violations.append(traceback.format_exc())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client to acknowledge its headers
    timeout = 60
    server: Server

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {key.lower(): value for key, value in self.headers.items()}
        target = re.sub(r"^/api/(v3|uploads)(?=/)", "", self.path)
        if target.startswith("/_test/"):
            return self.reply(self.store(target, body))
        fault, journal = self.planned(target.split("?")[0]), self.server.gateway.journal
        if fault and fault.kind == "stall":
            time.sleep(fault.seconds)
            if journal is not self.server.gateway.journal:  # the test that planned it is over
                return self.reset()
        if fault and fault.kind in ("reset", "answer"):
            answer = Answer(fault.status, {"content-type": "application/json", **fault.headers}, fault.content)
        elif target.startswith(STORAGE):
            answer = self.server.gateway.releases.bytes_at(target, headers)
        else:
            answer = self.server.gateway.answer(self.command, target, body, headers)
        entry = Entry(
            method=self.command,
            path=target,
            status=answer.status if not fault or "reset" not in fault.kind else 0,
            user_agent=headers.get("user-agent", ""),
            body=body[:2000].decode(errors="replace"),
            token=bearer(headers.get("authorization", "")),
        )
        journal.append(entry)
        if fault and "reset" in fault.kind:
            return self.reset()
        for barrier in self.server.gateway.barriers:
            barrier.wait(self.command, target.split("?")[0])
        return self.reply(answer, half=bool(fault and fault.kind == "truncate"))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve  # noqa: N815 - the names that the library calls

    def planned(self, path: str) -> Fault | None:
        with self.server.gateway.lock:
            return next((fault for fault in self.server.gateway.faults if fault.matches(self.command, path)), None)

    def store(self, target: str, body: bytes) -> Answer:
        *_, run, name = target.split("/")
        if run != "artifacts" and name != "artifacts":  # of an earlier run: /_test/artifacts/RUN/NAME
            found = self.server.gateway.past.get(run, {}).get(name)
            zipped = {"content-type": "application/zip"}
            return Answer(200, zipped, found) if found is not None else Answer.of(404, {"message": "Not Found"})
        if self.command == "POST":
            self.server.gateway.artifacts[name] = body
            return Answer.of(201, {"name": name, "size_in_bytes": len(body)})
        if name == "artifacts":
            return Answer.of(200, sorted(self.server.gateway.artifacts))
        if name not in self.server.gateway.artifacts:
            return Answer.of(404, {"message": "Not Found"})
        return Answer(200, {"content-type": "application/zip"}, self.server.gateway.artifacts[name])

    def reply(self, answer: Answer, *, half: bool = False) -> None:
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        if answer.status != 204:
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)
        self.close_connection = self.close_connection or half

    def reset(self) -> None:
        # Zero lingering time makes the kernel send a reset instead of a polite end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """The journal is the log."""


def bearer(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        return base64.b64decode(value).decode(errors="replace").rpartition(":")[2]
    return value.strip()
