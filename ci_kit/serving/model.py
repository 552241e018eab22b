"""The service that is generated from a contract: `POST /predict` with rows, an answer per row."""

import gc
import time
from pathlib import Path
from typing import Any, ClassVar

import anyio.to_thread
import bentoml
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from ci_kit.serving.contract import Contract
from ci_kit.serving.engine import Engine
from ci_kit.serving.golden import HEADER, Golden
from ci_kit.serving.log import open_log
from ci_kit.serving.request import Refused, Row, reader

SLOW = 0.005  # seconds: a longer answer is given by a thread, so that health checks need not wait for it


class Model:
    """Answers rows; a subclass may override `answers`, and each check stays."""

    folder: ClassVar[Path]

    def __init__(self) -> None:
        self.engine = Engine(self.folder)
        self.contract: Contract = self.engine.contract
        self._read = reader(self.contract)
        count = bentoml.metrics.Counter
        self._rows = count(name="ci_kit_rows_total", documentation="Rows that were answered")
        self._lost = count(name="ci_kit_log_lost_total", documentation="Rows that the prediction log left out")
        mark = {"model": self.contract.digest[:12]}
        self._log = open_log(mark=mark, answer=self.contract.answer, lost=self._lost.inc)
        self._seconds = self._warm()
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked through again during requests

    def answers(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Return one answer per row, as the contract's output model has it; raise Refused for rows without one."""
        return self.engine.answers(rows)

    def _warm(self) -> float:
        """Return how long the model takes for one row."""
        rows = list(Golden.load(self.folder).rows[:1])
        self.engine.raw(rows)
        started = time.perf_counter()
        self.engine.raw(rows)
        return time.perf_counter() - started

    async def respond(self, request: Request) -> Response:
        """Answer one request, whatever it holds."""
        try:
            rows = self._read(await request.body())
            if self._seconds * len(rows) < SLOW:
                answers = self.answers(rows)
            else:
                answers = await anyio.to_thread.run_sync(self.answers, rows)
        except Refused as refused:
            return _json(refused.document, refused.status)
        if HEADER not in request.headers:
            self._rows.inc(len(rows))
            if self._log:
                self._log.add(rows, [answer["prediction"] for answer in answers])
        return _json({"predictions": answers}, 200)


def _json(document: Any, status: int) -> Response:
    return Response(to_json(document, inf_nan_mode="constants"), status, media_type="application/json")
