"""Tiny ONNX models and projects, made by hand so that no training library is imported."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT, TEXT = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def build(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, np.ndarray] | None = None,
    domains: tuple[str, ...] = (),
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(values, name) for name, values in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    opsets = [helper.make_opsetid("", 18), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def value(name: str, kind: int = FLOAT, *shape: int | str | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def linear(
    weights: np.ndarray, bias: np.ndarray | None = None, *, softmax: bool = False, batch: int | str = "n"
) -> onnx.ModelProto:
    """Return x @ weights + bias with one 2-D input, logits or probabilities."""
    bias = np.zeros(weights.shape[1]) if bias is None else bias
    nodes = [helper.make_node("Gemm", ["x", "w", "b"], ["y" if not softmax else "z"])]
    nodes += [helper.make_node("Softmax", ["z"], ["y"], axis=1)] if softmax else []
    shapes = value("x", FLOAT, batch, weights.shape[0]), value("y", FLOAT, batch, weights.shape[1])
    return build(nodes, [shapes[0]], [shapes[1]], {"w": weights.astype(np.float32), "b": bias.astype(np.float32)})


def added(names: list[str]) -> onnx.ModelProto:
    """Return the sum of one n×1 input per column."""
    node = helper.make_node("Sum", names, ["y"])
    return build([node], [value(name, FLOAT, "n", 1) for name in names], [value("y", FLOAT, "n", 1)])


def save(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def write_csv(path: Path, rows: int, label: Callable[[np.ndarray], np.ndarray], *, seed: int = 0) -> Path:
    """Write two standard normal features `a` and `b` and a `target` made of them."""
    x = np.random.default_rng(seed).normal(size=(rows, 2)).round(4)
    lines = [f"{a},{b},{t}" for (a, b), t in zip(x, label(x), strict=True)]
    path.write_text("a,b,target\n" + "\n".join(lines) + "\n")
    return path


def project(root: Path, *, rows: int = 300, weight: float = 4.0, more: str = "", data: str = "") -> Path:
    """Write data whose label is noise around a > b, a model with that weight, and a configuration."""
    root.mkdir(exist_ok=True)
    noise = np.random.default_rng(1).normal(size=rows) * 0.3
    write_csv(root / "eval.csv", rows, lambda x: (x[:, 0] - x[:, 1] + noise > 0).astype(int))
    classifier(root, weight)
    (root / "ci-kit.yaml").write_text(f"data: {{evaluation: {{path: eval.csv{data}}}}}\nevaluate: {{{more}}}\n")
    (root / ".gitignore").write_text(".ci-kit/\n__pycache__/\n")
    return root


def classifier(root: Path, weight: float) -> None:
    save(linear(np.array([[-weight, weight], [weight, -weight]]) / 2), root / "model.onnx")
