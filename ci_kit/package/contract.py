"""From the schema of the evaluation data, and the model's own inputs, to what the service may be asked."""

import math
from dataclasses import replace
from typing import Any

from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.models.columns import described, kind_of
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import column as values_of
from ci_kit.models.inputs import wanted
from ci_kit.models.model import Model
from ci_kit.serving.contract import ANSWER, Column, Contract
from ci_kit.serving.engine import TYPES, wide

# What fits into the types of an ONNX input; all others hold what JSON can say.
_HALF = 65504.0
_WHOLES = {
    f"tensor({sign}int{bits})": (0 if sign else -(2 ** (bits - 1)), 2 ** (bits if sign else bits - 1) - 1)
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}


def contract_of(config: Config, dataset: Dataset, model: Model, digest: str) -> tuple[Contract, list[str]]:
    """Return the contract, and in words what of the schema the service does not enforce.

    The model must have been bound to the data. Raises UserError for a model that is no ONNX file, and for columns that
    JSON can't say.
    """
    if not model.inputs or model.reading is None:
        hint = "Export it: ci_kit.export has helpers for torch and scikit-learn"
        raise UserError(f"{model.name} can't be packaged", why="only an ONNX model can", hint=hint)
    names = wanted(list(model.inputs), dataset.features, model.name)
    columns = tuple(_column(dataset, name, _input(model, dataset.features, name)) for name in names)
    keys = tuple(_key(dataset, name) for name in config.data[dataset.name].key if name not in names)
    made = Contract(
        name=config.package.name,
        task=dataset.task,
        columns=columns,
        keys=keys,
        output=model.output,
        reading=model.reading.kind,
        classes=() if model.classes is None else tuple(model.classes.tolist()),
        answer=next(iter(config.drift.prediction), ANSWER),
        rows=config.package.max_rows,
        bytes=config.package.max_bytes,
        digest=digest,
    )
    return made, _unenforced(dataset, made)


def _input(model: Model, features: tuple[str, ...], name: str) -> str:
    one = model.inputs[0] if wide(model.inputs, features) else next(one for one in model.inputs if one.name == name)
    return str(one.type)


def _key(dataset: Dataset, name: str) -> Column:
    """Return a column that only the log keeps; what JSON has no type for, such as a date, is text in it."""
    try:
        return _column(dataset, name)
    except UserError:
        return Column(name=name, kind="text")


def _column(dataset: Dataset, name: str, kind: str = "") -> Column:
    """Return a column as schema and data have it, narrowed to what the model's input of that type can hold."""
    known = described(dataset.schema, name) if dataset.schema is not None else None
    if known is None:
        dtype = dataset.frame[name].dtype
        known = Column(name=name, kind=kind_of(name, str(dtype)), nullable=_missing(dataset, name))
    plain = {bound: _plain(getattr(known, bound)) for bound in ("low", "high", "short", "long")}
    known = replace(known, **plain, out=tuple(map(_plain, known.out)))
    if known.among is not None:
        known = replace(known, among=tuple(map(_plain, known.among)))
    return _narrowed(known, kind) if kind else known


def _narrowed(column: Column, kind: str) -> Column:
    if column.kind == "whole" and kind in _WHOLES:
        low, high = _WHOLES[kind]
        column = _within(column, low, high)
    if kind == "tensor(float16)" and column.kind in ("number", "whole"):
        column = _within(column, -_HALF, _HALF)
    # ONNX Runtime has no missing whole number and no missing flag.
    return replace(column, nullable=False) if TYPES[kind].__name__.startswith(("int", "uint", "bool")) else column


def _within(column: Column, low: float, high: float) -> Column:
    if column.low is None or column.low < low:
        column = replace(column, low=low, above=False)
    return replace(column, high=high, below=False) if column.high is None or column.high > high else column


def _missing(dataset: Dataset, name: str) -> bool:
    values = values_of(dataset.frame, name)
    return any(value is None or value != value for value in values.tolist())


def _plain(value: Any) -> Any:
    """Return a value that JSON can say: NumPy's and decimal numbers as Python's own; an infinite bound is none."""
    value = value.item() if hasattr(value, "item") else value
    if not isinstance(value, str | bool | int | None):
        value = float(value)
    return None if isinstance(value, float) and math.isinf(value) else value


def _unenforced(dataset: Dataset, contract: Contract) -> list[str]:
    """Name what only pandera can check: rules of the user's own, of the whole table, and uniqueness."""
    if dataset.schema is None:
        return ["every rule: the data set has no schema, so only the types of its columns are checked"]
    schema = dataset.schema.to_schema() if hasattr(dataset.schema, "to_schema") else dataset.schema
    own = [f"{column.name}: {', '.join(column.unknown)}" for column in contract.columns if column.unknown]
    own += [f"{column.name}: not described" for column in contract.columns if described(schema, column.name) is None]
    return own + ["rules of the whole table"] * bool(schema.checks)
