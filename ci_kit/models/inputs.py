"""From the rows of a table to the inputs of an ONNX model."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.frames import Frame, column, matrix, names
from ci_kit.serving.engine import TYPES, wide


def wanted(inputs: list[Any], features: tuple[str, ...], model: str) -> tuple[str, ...]:
    """Return the columns that the model reads, in order; raise UserError where they and the features disagree."""
    for one in inputs:
        if one.type not in TYPES:
            raise UserError(f"{model}: input {one.name!r} is a {one.type}", hint="Export it with tensor inputs")
        if len(one.shape) > 2:
            why = f"input {one.name!r} has {len(one.shape)} dimensions"
            raise UserError(f"{model} can't be fed from a table", why=why, hint="Export it with one 2-D input")
        if one.shape and isinstance(one.shape[0], int):
            why = f"the batch size of input {one.name!r} is frozen to {one.shape[0]}"
            raise UserError(f"{model} can't score a table", why=why, hint="Export it with a dynamic batch")
    if not wide(inputs, features):
        return tuple(one.name for one in inputs)
    shape = inputs[0].shape
    width = shape[1] if len(shape) == 2 else 1
    if isinstance(width, int) and width != len(features):
        have = f"the data has {len(features)} feature columns: {', '.join(features[:5])}"
        raise UserError(
            f"{model} wants {width} columns", why=have + ("…" if len(features) > 5 else ""), hint="Set `features`"
        )
    return features


def feeds(inputs: list[Any], frame: Frame, features: tuple[str, ...], model: str) -> dict[str, npt.NDArray[Any]]:
    """Return what to feed: float64 becomes float32 where the model says so, missing numbers NaN, missing text ''.

    Raises UserError that names the column which is missing or does not fit the type of its input.
    """
    have = set(names(frame))
    columns = wanted(inputs, features, model)
    for name in columns:
        if name not in have:
            shown = ", ".join(sorted(have)[:8])
            hint = "Add it to the data, or export the model without it"
            raise UserError(f"{model} wants a column {name!r}", why=f"the data has {shown}", hint=hint)
    if wide(inputs, features):
        table = _matrix(frame, columns, TYPES[inputs[0].type], model)
        return {inputs[0].name: np.ascontiguousarray(table[:, 0] if len(inputs[0].shape) == 1 else table)}
    fed = {}
    for one in inputs:
        values = _cast(column(frame, one.name), TYPES[one.type], one.name, model)
        fed[one.name] = values if len(one.shape) < 2 else values.reshape(-1, 1)
    return fed


def _matrix(frame: Frame, columns: tuple[str, ...], kind: type[Any], model: str) -> npt.NDArray[Any]:
    whole = matrix(frame, columns) if np.dtype(kind).kind == "f" else None
    if whole is not None:
        with np.errstate(over="ignore"):
            return whole.astype(kind)
    return np.column_stack([_cast(column(frame, name), kind, name, model) for name in columns])


def _cast(values: npt.NDArray[Any], kind: type[Any], name: str, model: str) -> npt.NDArray[Any]:
    if kind is np.object_:
        return np.array(["" if value is None else str(value) for value in values.tolist()], dtype=object)
    if values.dtype == object and not all(isinstance(value, bool | int | float | None) for value in values.tolist()):
        raise UserError(f"{model} wants numbers in column {name!r}", why="it holds text", hint="Set `features`")
    if values.dtype.kind not in "biufO":
        raise UserError(f"{model} wants numbers in column {name!r}", why=f"it holds {values.dtype}")
    numbers = values.astype(np.float64) if values.dtype == object else values
    if numbers.dtype.kind == "f" and np.dtype(kind).kind in "iub" and (missing := int(np.isnan(numbers).sum())):
        why = f"{missing:,} of {len(values):,} are missing"
        hint = "Export it with rows of which some are missing there, too, so that the input is of floats"
        raise UserError(f"{model} wants whole numbers in column {name!r}", why=why, hint=hint)
    with np.errstate(over="ignore", invalid="ignore"):
        cast = numbers.astype(kind)
    if np.dtype(kind).kind in "iub" and (odd := int((cast != numbers).sum())):
        why = f"{odd:,} of {len(values):,} do not fit {np.dtype(kind)}"
        raise UserError(f"{model} wants whole numbers in column {name!r}", why=why)
    return cast
