"""The golden rows: chosen from the evaluation data so that they reach the ends of each column and each answer."""

import statistics
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import column as values_of
from ci_kit.models.frames import take
from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.request import Row

COMMON = 10  # a text of a sensitive column that so many rows share names nobody


def rows_of(dataset: Dataset, contract: Contract) -> list[Row]:
    """Return all rows as a request would say them: plain values, None for what is missing."""
    columns = [
        [_said(value, column) for value in values_of(dataset.frame, column.name).tolist()]
        for column in contract.columns
    ]
    return [dict(zip(contract.features, row, strict=True)) for row in zip(*columns, strict=True)]


def choose(dataset: Dataset, contract: Contract, predicted: npt.NDArray[Any], count: int) -> list[int]:
    """Return which rows to keep, at most `count`, the same ones for the same data.

    First those that hold the least or greatest value of a column, a missing one, or one of its few texts, and each
    answer, the row with the most of these first; then the least certain answers; the rest evenly spread. Rows without a
    finite answer are none; raises UserError when there is no other.
    """
    rows = np.flatnonzero(answered(predicted))
    if not len(rows):
        raise UserError("no golden rows can be chosen", why="the model has no finite answer to any row")
    if len(rows) < len(predicted):
        kept = replace(dataset, frame=take(dataset.frame, rows), truth=dataset.truth[rows])
        return [int(rows[one]) for one in choose(kept, contract, predicted[rows], count)]
    total = len(dataset)
    facts: dict[int, set[tuple[str, str]]] = {}
    for column in contract.columns:
        for fact, row in _edges(values_of(dataset.frame, column.name), column):
            facts.setdefault(row, set()).add((column.name, fact))
    best = predicted.argmax(axis=1) if predicted.ndim == 2 else predicted
    for label, row in zip(*np.unique(best.astype(str), return_index=True), strict=True):
        facts.setdefault(int(row), set()).add(("", str(label)))
    chosen: list[int] = []
    while facts and len(chosen) < count * 3 // 4:
        row = max(facts, key=lambda one: (len(facts[one]), -one))
        seen = facts.pop(row)
        chosen.append(row)
        facts = {other: rest for other, known in facts.items() if (rest := known - seen)}
    if predicted.ndim == 2 and predicted.shape[1] > 1:
        two = np.sort(predicted, axis=1)[:, -2:]
        chosen += np.argsort(two[:, 1] - two[:, 0], kind="stable")[: count // 8].tolist()
    chosen += np.linspace(0, total - 1, min(total, count)).astype(int).tolist()
    return sorted(dict.fromkeys(chosen[: 2 * count]).keys(), key=chosen.index)[:count]


def answered(predicted: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Say of each row whether the model has an answer to it: a label, or finite numbers."""
    if predicted.dtype.kind != "f":
        return np.ones(len(predicted), dtype=np.bool_)
    return np.asarray(np.isfinite(predicted.reshape(len(predicted), -1)).all(axis=1))


def veiled(rows: list[Row], dataset: Dataset, contract: Contract) -> list[Row]:
    """Return the rows with what is sensitive replaced by what is typical, since they leave with the model.

    Raises UserError for a column of texts that nobody shares.
    """
    secret = [column for column in contract.columns if column.name in dataset.sensitive]
    typical = {column.name: _typical(values_of(dataset.frame, column.name).tolist(), column) for column in secret}
    return [row | typical for row in rows]


def sample(dataset: Dataset, most: int) -> Dataset:
    """Return at most so many rows of the data, evenly spread."""
    if len(dataset) <= most:
        return dataset
    rows = np.linspace(0, len(dataset) - 1, most).astype(np.intp)
    return replace(dataset, frame=take(dataset.frame, rows), truth=dataset.truth[rows])


def _said(value: Any, column: Column) -> Any:
    if value is None or value != value:
        return None
    if column.kind == "whole":
        return int(value) if float(value).is_integer() else float(value)
    return {"number": float, "flag": bool, "text": str}[column.kind](value)


def _edges(values: npt.NDArray[Any], column: Column) -> list[tuple[str, int]]:
    """Return facts of a column, each with the first row that has it."""
    plain = values.tolist()
    missing = [row for row, value in enumerate(plain) if value is None or value != value]
    found = [("missing", missing[0])] if missing else []
    present = {row: value for row, value in enumerate(plain) if value is not None and value == value}
    if not present:
        return found
    if column.kind == "text":
        first: dict[Any, int] = {}
        for row, value in present.items():
            first.setdefault(value, row)
        longest = max(first, key=len)
        few = list(first.items())[:20]
        return [*found, ("longest", first[longest]), *((str(value), row) for value, row in few)]
    return [*found, ("least", min(present, key=present.__getitem__)), ("most", max(present, key=present.__getitem__))]


def _typical(values: list[Any], column: Column) -> Any:
    present = [value for value in values if value is not None and value == value]
    if column.kind == "flag":
        return False
    if column.kind in ("whole", "number") and present:
        middle = statistics.median_low(present)
        return _said(middle, column)
    if column.among:
        return next(value for value in column.among if value not in column.out)
    (value, count), *_ = Counter(present).most_common(1) or [("", 0)]
    if count < COMMON:
        hint = "Leave it out of `features`, or give the schema the values that it may have (isin)"
        why = "it is sensitive, and no value is common enough to stand for all"
        raise UserError(f"no golden rows can be made with the column {column.name!r}", why=why, hint=hint)
    return str(value)
