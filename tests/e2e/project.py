"""A user's model repository, as small as one can be: NumPy, ONNX, one schema, one test."""

import random

CONFIG = """\
data:
  train: {path: data/train.csv, schema: "schemas.py:Flowers", key: id}
  evaluation: {path: data/evaluation.csv, schema: "schemas.py:Flowers", key: id}
validate:
  overlap: [{between: [train, evaluation], by: id}]
train:
  command: python train.py
  outputs: model.onnx
  gpu: none
  disk: 0.1
evaluate:
  target: kind
  tests: tests
  first-run: allow
"""

SCHEMAS = """\
import pandera.polars as pa


class Flowers(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    length: float = pa.Field(ge=-20, le=20)
    width: float = pa.Field(ge=-20, le=20)
    kind: int = pa.Field(isin=[0, 1, 2])
"""

TRAIN = """\
import csv
import json

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

STEPS, FLIP = 200, 0.0

with open("data/train.csv") as file:
    rows = list(csv.DictReader(file))
x = np.array([[float(row["length"]), float(row["width"])] for row in rows])
y = np.array([int(row["kind"]) for row in rows])
wrong = np.random.default_rng(0).random(len(y)) < FLIP
y[wrong] = (y[wrong] + 1) % 3
weights, bias, truth = np.zeros((2, 3)), np.zeros(3), np.eye(3)[y]
for step in range(STEPS):
    scores = np.exp(x @ weights + bias)
    probabilities = scores / scores.sum(1, keepdims=True)
    weights -= 0.5 * x.T @ (probabilities - truth) / len(x)
    bias -= 0.5 * (probabilities - truth).mean(0)
print(f"::error::trained on {len(x)} rows")
nodes = [
    helper.make_node("Gemm", ["features", "weights", "bias"], ["scores"]),
    helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
]
graph = helper.make_graph(
    nodes,
    "flowers",
    [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", 2])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["rows", 3])],
    [
        numpy_helper.from_array(weights.astype("float32"), "weights"),
        numpy_helper.from_array(bias.astype("float32"), "bias"),
    ],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
checker.check_model(model)
save(model, "model.onnx")
with open("metrics.json", "w") as file:
    json.dump({"steps": STEPS, "loss": float(-np.log(probabilities[range(len(y)), y]).mean())}, file)
"""

TESTS = """\
from ci_kit.testing import assert_metric


def test_most_flowers_are_told_apart(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.4)
"""

IGNORED = ".ci-kit/\nmodel.onnx\nmetrics.json\n"


WATCH = """\
  recent: {path: data/recent.csv, schema: "schemas.py:Flowers", key: id}
  reference: {path: data/reference.csv, key: id}
  log: {path: data/log.csv, key: id}
drift:
  reference: reference
  current: log
  window: {rows: 300}
  min-rows: 300
  target: kind
retrain:
  update: python update.py
  compare: [evaluation, recent]
"""

# The newest two windows: the first is for the comparison, the second is trained on.
UPDATE = """\
from pathlib import Path

head, *rows = Path("data/log.csv").read_text().splitlines(keepends=True)
with open("data/train.csv", "a") as file:
    file.writelines(rows[-300:])
Path("data/recent.csv").write_text(head + "".join(rows[-600:-300]))
Path("data/reference.csv").write_text(head + "".join(rows[-600:]))
"""


def rows(count: int, seed: int, *, shift: float = 0.0) -> str:
    """Return CSV of three overlapping clouds, `shift` to the right; the ids of one seed never meet another's."""
    draw = random.Random(seed)
    lines = ["id,length,width,kind"]
    for number in range(count):
        kind = number % 3
        length, width = draw.gauss((-2, 0, 2)[kind] + shift, 1.0), draw.gauss((0, 2, 0)[kind], 1.0)
        lines.append(f"{seed * 100_000 + number},{length:.4f},{width:.4f},{kind}")
    return "\n".join([*lines, ""])


def files() -> dict[str, str | bytes]:
    """Return the repository: path → content."""
    return {
        "ci-kit.yaml": CONFIG,
        "schemas.py": SCHEMAS,
        "train.py": TRAIN,
        "tests/test_model.py": TESTS,
        ".gitignore": IGNORED,
        "data/train.csv": rows(600, 1),
        "data/evaluation.csv": rows(900, 2),
    }


def watched() -> dict[str, str | bytes]:
    """Return the repository with what the drift check and the retraining need; the log has no window yet."""
    data, rest = CONFIG.split("validate:\n")
    added = {"update.py": UPDATE, "data/recent.csv": rows(200, 3), "data/log.csv": rows(0, 4)}
    reference = {"data/reference.csv": rows(600, 5)}
    return {**files(), **added, **reference, "ci-kit.yaml": f"{data}{WATCH}validate:\n{rest}"}


def logged(log: str, seed: int, *, shift: float) -> str:
    """Return the log with one more window."""
    return log + rows(300, seed, shift=shift).partition("\n")[2]


def train(*, steps: int = 200, flip: float = 0.0) -> dict[str, str]:
    """Return a change of the training: fewer steps or flipped labels make a worse model."""
    return {"train.py": TRAIN.replace("STEPS, FLIP = 200, 0.0", f"STEPS, FLIP = {steps}, {flip}")}
