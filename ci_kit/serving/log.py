"""The prediction log: JSON Lines, a file a day, one object a request row; what `ci-kit drift` reads.

Nothing ever waits for it: a request only appends to a bounded queue, and one thread writes. What does not fit into the
queue, or can't be written, is counted and left out.
"""

import atexit
import collections
import logging
import os
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from ci_kit.serving.request import Row

FOLDER, SAMPLE = "CI_KIT_LOG", "CI_KIT_LOG_SAMPLE"
MARKS = ("time", "model")
"""What a row of the log says beside its values: when it was answered, and by which model."""
PENDING = 10_000  # requests that may wait to be written
PAUSE = 0.25  # seconds between two writes
Entry = tuple[datetime, list[Row], list[Any]]


class PredictionLog:
    """Appends to `<folder>/<UTC date>.jsonl`; several processes may share a folder, as each line is written whole.

    `sample` is the share of requests that is kept, `mark` what each row says beside its values (the model's digest),
    `answer` the name of the answer's column. `lost` is called with the number of rows that were left out.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mark: dict[str, str],
        answer: str,
        sample: float = 1.0,
        lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._folder, self._mark, self._answer, self._sample, self._lost = folder, mark, answer, sample, lost
        self._waiting: collections.deque[Entry] = collections.deque()
        self._end = threading.Event()
        self._told = self._torn = False
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, rows: list[Row], predictions: list[Any]) -> None:
        """Take the rows of one request and their answers; return at once."""
        if self._sample < 1 and random.random() >= self._sample:  # noqa: S311 - a sample, no secret
            return
        if len(self._waiting) >= PENDING:
            self._lost(len(rows))
            return
        self._waiting.append((datetime.now(UTC), rows, predictions))

    def close(self) -> None:
        """Write what waits, and stop."""
        self._end.set()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._end.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        days: dict[str, list[bytes]] = {}
        while self._waiting:
            at, rows, predictions = self._waiting.popleft()
            lines = days.setdefault(f"{at:%Y-%m-%d}", [])
            before = {"time": f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"} | self._mark
            for row, prediction in zip(rows, predictions, strict=True):
                lines.append(to_json(before | row | {self._answer: prediction}))
        for day, lines in days.items():
            start = b"\n" if self._torn else b""  # what a full disk cut in two must not take the next line with it
            try:
                self._write(self._folder / f"{day}.jsonl", start + b"\n".join(lines) + b"\n")
                self._torn = False
            except OSError as error:
                self._torn = True
                self._lost(len(lines))
                if not self._told:  # once: a full disk must not fill the other log as well
                    logging.getLogger("bentoml.serve").error("the prediction log can't be written: %s", error)
                self._told = True

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            while content:
                content = content[os.write(handle, content) :]
        finally:
            os.close(handle)


def open_log(*, mark: dict[str, str], answer: str, lost: Callable[[int], None]) -> PredictionLog | None:
    """Return the log in the folder that `CI_KIT_LOG` names, None where it names none."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return None
    sample = float(os.environ.get(SAMPLE) or 1)
    return PredictionLog(Path(folder), mark=mark, answer=answer, sample=sample, lost=lost)
