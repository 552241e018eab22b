"""The model in ONNX Runtime: rows in, answers out."""

import operator
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.serving.contract import Contract
from ci_kit.serving.reading import Reading
from ci_kit.serving.request import Refused, Row

MODEL = "model.onnx"
# ONNX Runtime casts nothing: each column is cast here, at the edge, to what the input declares.
TYPES: dict[str, type[Any]] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(int16)": np.int16,
    "tensor(int8)": np.int8,
    "tensor(uint64)": np.uint64,
    "tensor(uint32)": np.uint32,
    "tensor(uint16)": np.uint16,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.object_,
}
QUIET = 4  # only what kills the process: ONNX Runtime's errors reach us as exceptions, and its warnings mislead
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
Feeds = dict[str, npt.NDArray[Any]]


def wide(inputs: Sequence[Any], features: Sequence[str]) -> bool:
    """Say whether the model takes one matrix of all features rather than one input per column."""
    if len(inputs) != 1:
        return False
    shape = inputs[0].shape
    return not (inputs[0].name in features and (len(shape) < 2 or shape[1] == 1))


class Engine:
    """One session; `folder` holds `model.onnx` and `contract.json`."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        self.contract = Contract.load(folder)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = QUIET
        # A server answers many requests at a time: one of them has no claim on every core.
        options.intra_op_num_threads = int(os.environ.get("CI_KIT_THREADS") or 1)
        known = [name for name in PROVIDERS if name in onnxruntime.get_available_providers()]
        self.session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=known)
        self._feeds = _feeder(self.session.get_inputs(), self.contract)
        self._reading = Reading(kind=self.contract.reading)  # type: ignore[arg-type]
        self._names = [str(label) for label in self.contract.classes]

    def raw(self, rows: list[Row]) -> npt.NDArray[Any]:
        """Return what the model's output says, as `Reading` reads it: n×k probabilities, n labels or n numbers."""
        (given,) = self.session.run([self.contract.output], self._feeds(rows))
        if isinstance(given, list) and given and isinstance(given[0], dict):
            given = [list(row.values()) for row in given]
        with np.errstate(all="ignore"):
            return self._reading(np.asarray(given))

    def answers(self, rows: list[Row]) -> list[dict[str, Any]]:
        """Return one answer per row; raise Refused for rows that the model has no finite answer for."""
        values = self.raw(rows)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1)).tolist()
            problems = tuple({"row": row, "why": "the model has no finite answer"} for row in bad[:20])
            raise Refused(422, f"rows[{bad[0]}]: the model has no finite answer", problems, len(bad) - len(problems))
        if values.ndim == 1:
            return [{"prediction": value} for value in values.tolist()]
        labels = [self.contract.classes[best] for best in values.argmax(axis=1).tolist()]
        return [
            {"prediction": label, "probabilities": dict(zip(self._names, row, strict=True))}
            for label, row in zip(labels, values.tolist(), strict=True)
        ]


def _feeder(inputs: Sequence[Any], contract: Contract) -> Callable[[list[Row]], Feeds]:
    """Return the function from valid rows to what the session is fed."""
    features = contract.features
    if not wide(inputs, features):
        return lambda rows: {one.name: _column(rows, one) for one in inputs}
    (one,) = inputs
    dtype, flat = TYPES[one.type], len(one.shape) == 1
    pick: Callable[[Row], Any] = operator.itemgetter(*features)
    if len(features) == 1:
        pick = lambda row: (row[features[0]],)  # noqa: E731 - itemgetter of one name gives no tuple

    def feed(rows: list[Row]) -> Feeds:
        table = np.array([pick(row) for row in rows], dtype=dtype)
        if dtype is np.object_:
            table[table == None] = ""  # noqa: E711 - element by element
        return {one.name: table[:, 0] if flat else table}

    return feed


def _column(rows: list[Row], one: Any) -> npt.NDArray[Any]:
    values = [row[one.name] for row in rows]
    if TYPES[one.type] is np.object_:
        array = np.array(["" if value is None else str(value) for value in values], dtype=object)
    else:
        array = np.array(values, dtype=TYPES[one.type])
    return array if len(one.shape) < 2 else array.reshape(-1, 1)
