"""An ONNX model in ONNX Runtime, on the CPU."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.models.frames import Frame
from ci_kit.models.inputs import feeds, wanted
from ci_kit.models.safety import external, look
from ci_kit.serving.engine import QUIET

Answer = Callable[[Frame], npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The model as a function of a table, the class labels that the file itself names, if it does, and its ends."""

    answer: Answer
    known: npt.NDArray[Any] | None
    inputs: tuple[Any, ...]
    output: str


def open_session(
    path: Path, shown: str, features: tuple[str, ...], output: str | None, *, quiet: bool = False
) -> Opened:
    """Open the file; raise UserError for one that is no safe, fitting ONNX model.

    `quiet` leaves out what ONNX Runtime says of the rows that it fails on.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(
            "onnxruntime is not installed", hint="Type: pip install 'ci-kit[evaluate]'", code="config/install"
        ) from error
    content, proto = look(path, shown)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = QUIET
    # Idle threads would else wait at full speed, and slow down whatever runs next to this model: the baseline.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # The bytes that were looked at are the bytes that run; weights in other files need the path.
        source = str(path) if external(proto) else content
        session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"{shown} can't be loaded", why=brief(error), hint="Export the model again") from error
    inputs = session.get_inputs()
    wanted(inputs, features, shown)
    chosen = _chosen([one.name for one in session.get_outputs()], session.get_outputs(), output, shown)

    def answer(frame: Frame) -> npt.NDArray[Any]:
        fed = feeds(inputs, frame, features, shown)
        try:
            (given,) = session.run([chosen], fed)
        except Exception as error:
            raise UserError(f"{shown} fails on {len(frame):,} rows", why="" if quiet else brief(error)) from error
        return _array(given)

    return Opened(answer=answer, known=_labels(proto), inputs=tuple(inputs), output=chosen)


def brief(error: BaseException) -> str:
    """Return the first line of an error, without the file names of ONNX Runtime's own source."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return line.removeprefix("[ONNXRuntimeError] : ")[:240]


def _chosen(names: list[str], outputs: list[Any], output: str | None, shown: str) -> str:
    if output is not None:
        if output not in names:
            raise UserError(
                f"{shown} has no output {output!r}", why=f"it has {', '.join(names)[:200]}", code="model/output"
            )
        return output
    likely = [one.name for one in outputs if "prob" in one.name.lower()]
    # skl2onnx wraps probabilities into a sequence of maps unless told not to; labels come first.
    likely += [one.name for one in outputs if one.type.startswith("seq(map(")]
    likely += [one.name for one in outputs if one.type in ("tensor(float)", "tensor(double)", "tensor(float16)")]
    return (likely or names)[0]


def _array(given: Any) -> npt.NDArray[Any]:
    if isinstance(given, list) and given and isinstance(given[0], dict):
        return np.array([list(row.values()) for row in given], dtype=np.float32)
    return np.asarray(given)


def _labels(proto: Any) -> npt.NDArray[Any] | None:
    """Return the labels that a classifier of the ONNX machine-learning operators or skl2onnx carries."""
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
                values = [text.decode("utf-8", "replace") for text in attribute.strings] or list(attribute.ints)
                if len(values) > 1:
                    return np.array(values)
    picked = {node.input[0] for node in proto.graph.node if node.op_type == "ArrayFeatureExtractor"}
    for tensor in proto.graph.initializer:
        if tensor.name in picked and tensor.name.startswith("classes"):
            import onnx

            values = onnx.numpy_helper.to_array(tensor)
            return np.array([one.decode() if isinstance(one, bytes) else one for one in values.ravel().tolist()])
    return None
