"""The prediction log: JSON Lines, a file a day, one object a request row; what `ci-kit drift` reads.

Nothing ever waits for it: a request only appends its lines to a bounded queue, and one thread writes. What does not fit
into the queue, or can't be written, is counted and left out.
"""

import atexit
import itertools
import logging
import operator
import os
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from ci_kit.serving.request import Row

FOLDER, SAMPLE = "CI_KIT_LOG", "CI_KIT_LOG_SAMPLE"
PENDING = 64 * 2**20  # bytes that may wait to be written
PAUSE = 0.05  # seconds between two writes; what waits longer costs more, as new memory


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
        # A fifth of the time that others take for a batch, and bytes wait in less memory than rows.
        self._encoder = msgspec.json.Encoder(enc_hook=str)
        self._waiting: list[tuple[str, int, bytes]] = []
        self._size, self._lock = 0, threading.Lock()
        self._end = threading.Event()
        self._told = self._torn = False
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def add(self, rows: list[Row], predictions: list[Any]) -> None:
        """Take the rows of one request and their answers; return at once."""
        if self._sample < 1 and random.random() >= self._sample:  # noqa: S311 - a sample, no secret
            return
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        text = self._encoder.encode_lines(self._lines(f"{at[:26]}Z", rows, predictions))
        with self._lock:
            fits = self._size + len(text) <= PENDING
            if fits:
                self._size += len(text)
                self._waiting.append((at[:10], len(rows), text))
        if not fits:
            self._lost(len(rows))

    def _lines(self, at: str, rows: list[Row], predictions: list[Any]) -> list[Row]:
        marks = {"time": at} | self._mark
        lines = [row | {self._answer: prediction} for row, prediction in zip(rows, predictions, strict=True)]
        for line in lines:
            for name, value in marks.items():
                line.setdefault(name, value)  # a column of that name is the client's
        return lines

    def close(self) -> None:
        """Write what waits, and stop."""
        self._end.set()
        self._thread.join(timeout=5)

    def _work(self) -> None:
        while not self._end.wait(PAUSE):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            waiting, self._waiting, self._size = self._waiting, [], 0
        for day, entries in itertools.groupby(waiting, operator.itemgetter(0)):
            found = list(entries)
            start = b"\n" if self._torn else b""  # what a full disk cut in two must not take the next line with it
            try:
                self._write(self._folder / f"{day}.jsonl", start + b"".join(text for _, _, text in found))
                self._torn = False
            except OSError as error:
                self._torn = True
                self._lost(sum(rows for _, rows, _ in found))
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
