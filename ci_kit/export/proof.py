"""The proof of an export: ONNX Runtime answers as the model does."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.normal import normalised
from ci_kit.models.session import brief
from ci_kit.serving.engine import QUIET, TYPES

Array = npt.NDArray[Any]


def written(write: Callable[[Path], object], shown: str) -> bytes:
    """Return, in their one form, the bytes of the model that `write` puts into a temporary file."""
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        write(Path(folder) / "model.onnx")
        return normalised(Path(folder) / "model.onnx", shown)


def opened(content: bytes, shown: str) -> Any:
    """Return the model in ONNX Runtime; raise UserError when it can't be loaded, or can't be fed from a table."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"ONNX Runtime can't load {shown}", why=brief(error)) from error
    for one in session.get_inputs():
        if one.type not in TYPES:
            raise UserError(f"{shown}: input {one.name!r} is a {one.type}", why="a table can't feed that")
    return session


def asked(session: Any, fed: dict[str, Array], shown: str) -> list[Array]:
    """Return the answers to all outputs; raise UserError when ONNX Runtime fails."""
    try:
        return [np.asarray(given) for given in session.run(None, fed)]
    except Exception as error:
        rows = len(next(iter(fed.values())))
        raise UserError(f"{shown} fails on {rows:,} rows", why=brief(error)) from error


def gap(given: Array, wanted: Array, output: str, tolerance: float) -> str:
    """Return in words, with row and output, where two sets of numbers are furthest apart; '' when they are alike.

    They may differ by `tolerance + tolerance × |wanted|`. n and n×1 are the same; NaN is like NaN alone.
    """
    if given.size == wanted.size and 1 in (given.shape[-1], wanted.shape[-1]):
        given = given.reshape(wanted.shape)
    if given.shape != wanted.shape:
        return f"{output} has the shape {given.shape} instead of {wanted.shape}"
    one, two = (np.asarray(values, dtype=np.float64).reshape(len(wanted), -1) for values in (given, wanted))
    with np.errstate(invalid="ignore"):
        error = np.where((one == two) | (np.isnan(one) & np.isnan(two)), 0.0, np.abs(one - two))
        share = np.where(error == 0, 0.0, error / (tolerance + tolerance * np.abs(two)))
        share = np.nan_to_num(share, nan=np.inf)
    if not share.size or share.max() <= 1:
        return ""
    row, column = np.unravel_index(int(share.argmax()), share.shape)
    name = f"{output}[{column}]" if share.shape[1] > 1 else output
    values = f"{one[row, column]:.6g} instead of {two[row, column]:.6g}"
    return f"row {row}, {name}: {values}, an error of {error[row, column]:.2g}"


def unlike(shown: str, why: str, hint: str = "") -> UserError:
    """Return the error that says that the exported model is another one."""
    return UserError(f"{shown} was not written: ONNX Runtime does not answer as the model does", why=why, hint=hint)
