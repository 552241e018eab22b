"""A server that answers as a bento of `made` does, and starts in half a second: `tiny.py BENTO PORT`."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ci_kit.serving.contract import Contract
from ci_kit.serving.golden import Golden
from ci_kit.serving.openapi import openapi
from ci_kit.serving.request import Refused, reader

BENTO = Path(sys.argv[1])
SERVED = BENTO / "src" / "served"
CONTRACT, GOLDEN = Contract.load(SERVED), Golden.load(SERVED)
READ = reader(CONTRACT)
FACTOR = GOLDEN.answers[1]["prediction"] / sum(GOLDEN.rows[1].values())
DOCUMENT = openapi(CONTRACT)


def is_open() -> bool:
    gate = Path(os.environ["CI_KIT_GATE"])
    return gate.is_file() and gate.read_text().strip() == os.environ["CI_KIT_COLOUR"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        known = {"version": os.environ["CI_KIT_VERSION"], "digest": os.environ["CI_KIT_DIGEST"]}
        known |= {"colour": os.environ["CI_KIT_COLOUR"], "model": CONTRACT.name, "model_digest": CONTRACT.digest}
        match self.path:
            case "/readyz":
                self.send(200 if is_open() else 503, b"")
            case "/about":
                self.send(200, json.dumps(known).encode())
            case "/docs.json":
                self.send(200, json.dumps(DOCUMENT).encode())
            case "/metrics":
                self.send(200, b'ci_kit_requests_total{status="200"} 5.0\nci_kit_request_seconds_sum 0.01\n')
            case _:
                self.send(404, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            rows = READ(body)
        except Refused as error:
            return self.send(error.status, json.dumps(error.document).encode())
        answers: list[Any] = [{"prediction": FACTOR * sum(row.values())} for row in rows]
        return self.send(200, json.dumps({"predictions": answers}).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
