"""What a model's answer means: probabilities, logits, labels or numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.serving.reading import Kind, Reading

MANY = 50  # more distinct values than this are hardly labels
_SUM = 1e-3  # float16 probabilities of ten classes sum up to within 1e-3


def read(raw: npt.NDArray[Any], task: str, model: str) -> Reading:
    """Settle how to read these raw answers, from all rows that are finite.

    Classification: n×k is probabilities if all rows lie in [0, 1] and sum up to 1, else logits. n or n×1 is labels if
    it holds text, whole numbers or booleans; the probability of the second class if it lies in [0, 1]; else its logit.
    Regression: n or n×1 numbers. Raises UserError for any other shape.
    """
    single = raw.ndim == 1 or (raw.ndim == 2 and raw.shape[1] == 1)
    if raw.ndim not in (1, 2) or (task == "regression" and not single):
        wanted = "n or n×1" if task == "regression" else "n×k or n"
        shape = "×".join(["n", *map(str, raw.shape[1:])]) if raw.ndim else "a single value"
        raise UserError(f"{model} answers {shape}", why=f"{task} needs {wanted}", hint="Set `evaluate.output`")
    if task == "regression":
        if raw.dtype.kind not in "iufb":
            raise UserError(f"{model} answers {raw.dtype}", why="regression needs numbers")
        return Reading(kind="numbers")
    if single:
        return Reading(kind=_single(raw.reshape(len(raw))))
    if raw.dtype.kind not in "iuf":
        raise UserError(f"{model} answers {raw.dtype}", why="classification needs probabilities, logits or labels")
    rows = raw[np.isfinite(raw).all(axis=1)].astype(np.float64)
    sums = np.abs(rows.sum(axis=1) - 1) <= _SUM
    likely = rows.size and rows.min() >= -_SUM and rows.max() <= 1 + _SUM and sums.all()
    return Reading(kind="probabilities" if likely else "logits")


def _single(flat: npt.NDArray[Any]) -> Kind:
    if flat.dtype.kind != "f":
        return "labels"
    finite = flat[np.isfinite(flat)]
    if finite.size and np.isin(finite, (0.0, 1.0)).all():
        return "labels"
    return "probability" if finite.size and finite.min() >= 0 and finite.max() <= 1 else "logit"


def classes_of(
    known: npt.NDArray[Any] | None, truth: npt.NDArray[Any], width: int, model: str, *, quiet: bool = False
) -> npt.NDArray[Any]:
    """Return the label of each of the model's `width` columns.

    The labels that the ONNX file names itself; else 0 … k−1 where the target holds only such numbers; else the sorted
    distinct values of the target, if there are as many. Raises UserError when none of them fits, or when the target
    holds a label that the model does not know; `quiet` keeps the labels themselves out of the message.
    """
    present = np.unique(truth.astype(str) if truth.dtype == object else truth)
    if known is not None and len(known) == width:
        classes = known
    elif present.dtype.kind in "iub" and present.size and present.min() >= 0 and present.max() < width:
        classes = np.arange(width)
    elif len(present) == width:
        classes = present
    else:
        some = f": {', '.join(map(str, present[:5]))}{'…' if len(present) > 5 else ''}"
        why = f"the target holds {len(present)}{'' if quiet else some}"
        hint = "Is it a regression? Set `evaluate.task`" if len(present) > MANY else "Encode the target as 0 … k−1"
        raise UserError(f"{model} gives {width} classes", why=why, hint=hint)
    unknown = sorted(set(map(str, present)) - set(map(str, classes)))
    if unknown:
        shown = "a label" if quiet else repr(unknown[0])
        raise UserError(
            f"the target holds {shown}",
            why=f"{model} knows {len(classes) if quiet else ', '.join(map(str, classes[:8]))}",
            code="data/target",
        )
    return np.asarray(classes)
