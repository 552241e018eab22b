"""Asking a served model whether it is ready, answers as it did when it was packaged, and refuses what is wrong."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

import httpx

from ci_kit.authorities import authorities
from ci_kit.errors import UserError
from ci_kit.serving.golden import HEADER, Gap, Golden

TIMEOUT = 60.0
SIZES = (1, 2, 7, 64)


class Client:
    """One served bento at an address such as `http://127.0.0.1:3000`."""

    def __init__(self, url: str, *, timeout: float = TIMEOUT) -> None:
        # No proxy, whatever the environment says: these are addresses of this machine or network.
        self._http = httpx.Client(
            base_url=url, timeout=timeout, trust_env=False, headers={HEADER: "1"}, verify=authorities()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def wait(self, seconds: float, alive: Callable[[], bool] = lambda: True) -> dict[str, Any] | None:
        """Return what `/about` says once the golden self-test is over; None when that takes too long or it has ended.

        `/readyz` runs the test, and stays 503 while the gate of the instance is closed.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and alive():
            try:
                if self._http.get("/readyz").status_code in (200, 503):
                    return self.about()
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        return None

    def about(self) -> dict[str, Any]:
        """Return what the instance says of itself; raise UserError when it answers something else."""
        answer = self._get("/about")
        try:
            found = answer.json()
        except ValueError:
            found = None
        if answer.status_code != 200 or not isinstance(found, dict):
            raise UserError(f"GET /about answers {answer.status_code}", why="no bento of ci-kit is there")
        return found

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document; raise UserError when there is none."""
        answer = self._get("/docs.json")
        if answer.status_code != 200:
            raise UserError(f"GET /docs.json answers {answer.status_code}")
        return dict(answer.json())

    def metrics(self) -> str:
        """Return the text of the Prometheus metrics; raise UserError when there are none."""
        answer = self._get("/metrics")
        if answer.status_code != 200:
            raise UserError(f"GET /metrics answers {answer.status_code}")
        return answer.text

    def golden(self, golden: Golden, sizes: tuple[int, ...] = SIZES) -> Gap:
        """Return the largest gap over all golden rows, sent in batches of each size."""
        worst = Gap()
        for size in dict.fromkeys(min(size, len(golden.rows)) for size in (*sizes, len(golden.rows))):
            for start, rows in golden.batches(size):
                status, found = self.predict({"rows": rows})
                if status != 200:
                    why = f"status {status} for a batch of {size}: {str(found)[:200]}"
                    return Gap(share=float("inf"), error=float("inf"), row=start, what="the request", why=why)
                predictions = found.get("predictions") if isinstance(found, dict) else None
                worst = max(worst, golden.compare(predictions, start, len(rows)), key=lambda gap: gap.share)
        return worst

    def probe(self, golden: Golden) -> str | None:
        """Send what must be refused; return what was not refused with a 4xx that names the column, None if all was."""
        for name, column, body in bad(golden):
            answer = self._post(body)
            if not 400 <= answer.status_code < 500:
                return f"{name} is answered with {answer.status_code}"
            if column and column not in answer.text:
                return f"{name} is refused without naming {column}"
        return None

    def predict(self, document: dict[str, Any]) -> tuple[int, Any]:
        """Return the status and the parsed answer of one request."""
        answer = self._post(json.dumps(document).encode())
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def _post(self, body: bytes) -> httpx.Response:
        try:
            return self._http.post("/predict", content=body, headers={"content-type": "application/json"})
        except httpx.TransportError as error:
            raise UserError("the service does not answer POST /predict", why=_why(error)) from error

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path)
        except httpx.TransportError as error:
            raise UserError(f"the service does not answer GET {path}", why=_why(error)) from error


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def bad(golden: Golden) -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, the column that must be named, and the body of requests that no model should answer."""
    row = golden.rows[0]
    first = next(iter(row))

    def body(changed: dict[str, Any]) -> bytes:
        return json.dumps({"rows": [changed]}).encode()

    yield "a row without a column", first, body({name: value for name, value in row.items() if name != first})
    yield "a row with a column too many", "ci_kit_extra", body(row | {"ci_kit_extra": 1})
    yield "NaN", first, body(row | {first: float("nan")})
    yield "a list for a value", first, body(row | {first: [1]})
    yield "no rows", "rows", b'{"rows": []}'
    yield "no JSON", "", b'{"rows": ['
