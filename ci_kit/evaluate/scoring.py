"""Scores per row: what the gate compares, and what is kept so that tomorrow's change can be compared with it."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import same
from ci_kit.models.model import Model
from ci_kit.parts import Direction, Metric
from ci_kit.stats import Interval, log_loss_rows, mae, mean_interval, proportion, r2, rmse

Column = npt.NDArray[np.float32]
Rows = npt.NDArray[np.float64]
Proper = Literal["log_loss", "mistakes", "mae"]
FORMAT = 1
MARGIN = 4096  # bytes of an array file besides its numbers: more than any header of ours needs
DIRECTIONS: dict[str, Direction] = {"accuracy": "up", "macro_f1": "up", "r2": "up"}
UNITS = {"accuracy": "share", "macro_f1": "share"}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """One number per row and kind, float32 so that stored and fresh scores of the same model are the same.

    Classification: `loss` (nats; None for a model that gives labels only) and `correct` (0 or 1). Regression: `error`
    (prediction − truth). `truth` is a digest of the target, row by row.
    """

    truth: str
    loss: Column | None = None
    correct: Column | None = None
    error: Column | None = None


def score(model: Model, dataset: Dataset, predicted: npt.NDArray[Any]) -> Scores:
    """Compare finite predictions with the truth; raise UserError where the target has a label unknown to the model."""
    truth = truth_digest(dataset)
    if dataset.task == "regression":
        return Scores(truth=truth, error=(predicted - dataset.truth).astype(np.float32))
    correct = same(model.decide(predicted), dataset.truth).astype(np.float32)
    if predicted.ndim == 1:
        return Scores(truth=truth, correct=correct)
    position = {str(label): index for index, label in enumerate(model.classes if model.classes is not None else ())}
    indices = np.array([position[str(label)] for label in dataset.truth.tolist()], dtype=np.int64)
    return Scores(truth=truth, correct=correct, loss=log_loss_rows(predicted, indices).astype(np.float32))


def proper(candidate: Scores, baseline: Scores | None) -> tuple[Proper, Rows, Rows | None]:
    """Return the name and the rows of the sharpest score that both have, lower is better, as float64.

    Log loss (nats), else 1 for a wrong answer and 0 for a right one; for a regression the absolute error.
    """
    if candidate.error is not None:
        old = None if baseline is None or baseline.error is None else np.abs(baseline.error.astype(np.float64))
        return "mae", np.abs(candidate.error.astype(np.float64)), old
    if candidate.loss is not None and (baseline is None or baseline.loss is not None):
        old = None if baseline is None or baseline.loss is None else baseline.loss.astype(np.float64)
        return "log_loss", candidate.loss.astype(np.float64), old
    right, before = (None if one is None else one.correct for one in (candidate, baseline))
    wrong = 1.0 - (np.zeros(0) if right is None else right.astype(np.float64))
    return "mistakes", wrong, None if before is None else 1.0 - before.astype(np.float64)


def unusable(predicted: npt.NDArray[Any]) -> int:
    """Return how many rows have an answer that is NaN, infinite or missing."""
    if predicted.dtype.kind == "O":
        return sum(one is None or one != one for one in predicted.tolist())
    if predicted.dtype.kind != "f":
        return 0
    return int((~np.isfinite(predicted.reshape(len(predicted), -1))).any(axis=1).sum())


def truth_digest(dataset: Dataset) -> str:
    """Return a digest of the target's values in their order."""
    text = "\0".join(map(str, dataset.truth.tolist()))
    return hashlib.sha256(f"{dataset.task}\0{text}".encode()).hexdigest()


def metrics(scores: Scores, dataset: Dataset) -> dict[str, Metric]:
    """Return the metrics with their 95 % intervals."""
    found: dict[str, Interval] = {}
    if scores.loss is not None:
        found["log_loss"] = mean_interval(scores.loss)
    if scores.correct is not None:
        found["accuracy"] = proportion(scores.correct)
    if scores.error is not None:
        found |= {"mae": mae(scores.error), "rmse": rmse(scores.error)}
        if np.ptp(dataset.truth) > 0:
            found["r2"] = r2(scores.error.astype(np.float64), dataset.truth)
    return {name: metric(name, interval, len(dataset)) for name, interval in found.items()}


def metric(name: str, interval: Interval, rows: int) -> Metric:
    """Return a metric under its name's unit and direction."""
    return Metric(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        unit=UNITS.get(name, ""),
        direction=DIRECTIONS.get(name, "down"),
        n=rows,
    )


def macro_f1(model: Model, dataset: Dataset, predicted: npt.NDArray[Any]) -> float | None:
    """Return the unweighted mean of F1 over all labels in the truth or the predictions; None for a regression."""
    if dataset.task == "regression":
        return None
    given, right = (texts(labels) for labels in (model.decide(predicted), dataset.truth))
    scores = []
    for label in np.union1d(given, right):
        hits = int(((given == label) & (right == label)).sum())
        scores.append(2 * hits / (int((given == label).sum()) + int((right == label).sum())))
    return float(np.mean(scores))


def texts(labels: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return labels as texts, whole numbers the same whatever type they have."""
    whole = labels.dtype.kind == "f" and (labels == np.trunc(labels)).all()
    return (labels.astype(np.int64) if whole or labels.dtype.kind == "b" else labels).astype(str)


def pack(scores: Scores) -> bytes:
    """Return the bytes of `scores.npz`: the arrays of Scores that are there, `format` and `truth`."""
    columns = {name: getattr(scores, name) for name in ("loss", "correct", "error")}
    arrays = {name: values for name, values in columns.items() if values is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, format=np.array(FORMAT), truth=np.array(scores.truth), **arrays)
    return buffer.getvalue()


def unpack(content: bytes, rows: int) -> Scores:
    """Read scores that may be hostile; raise UserError unless they are `rows` finite numbers of each kind."""
    try:
        arrays = dict(_arrays(content, rows))
    except Exception as error:
        raise UserError("the stored scores are damaged", why=str(error)[:120]) from error
    if "truth" not in arrays or arrays.get("format", np.array(0)).tolist() != FORMAT:
        raise UserError("the stored scores have another format")
    columns: dict[str, Column | None] = {name: arrays.get(name) for name in ("loss", "correct", "error")}
    for name, values in columns.items():
        if values is None:
            continue
        if values.shape != (rows,):
            raise UserError(f"the stored scores have {values.shape[0] if values.ndim else 0:,} rows, not {rows:,}")
        bad = ~np.isfinite(values)
        if name != "error":
            bad |= (values < 0) | ((name == "correct") & ~np.isin(values, (0, 1)))
        if bad.any():
            raise UserError("the stored scores are damaged", why=f"{int(bad.sum()):,} impossible values of {name}")
    return Scores(truth=str(arrays["truth"]), **columns)


def _arrays(content: bytes, rows: int) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the arrays by name; none is made before its header is known to promise no more than it may."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, kind in (("format", "i"), ("truth", "U"), ("loss", "f"), ("correct", "f"), ("error", "f")):
            if f"{name}.npy" not in archive.namelist():
                continue
            with archive.open(f"{name}.npy") as file:
                raw = io.BytesIO(file.read(MARGIN + 4 * rows))
            version = np.lib.format.read_magic(raw)
            if version != (1, 0):
                raise ValueError(f"array format {version}")
            shape, _, dtype = np.lib.format.read_array_header_1_0(raw)
            if dtype.kind != kind or (kind == "f" and dtype != np.float32) or len(shape) > 1:
                raise ValueError(f"{name} is {dtype} of shape {shape}")
            yield name, np.frombuffer(raw.read(), dtype=dtype).reshape(shape)
