"""Models of five frameworks, exported, packaged by the real command and served: the answers are the framework's own."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import polars as pl
import pytest

from ci_kit.bento.client import Client
from ci_kit.bento.server import Server
from ci_kit.result import Result, load, result_path

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PROJECTS = Path(__file__).parents[1] / "export" / "projects"
CONFIG = """\
data: {{evaluation: {{path: data.parquet, schema: "schemas.py:{schema}", key: {key}}}}}
evaluate: {{target: {target}{features}}}
package: {{name: proven, reference: "model.py:answers"}}
"""
NUMBERS = ", features: [distance, people]"
NOTES = ("Late AGAIN, a pity", "été à Łódź", "", "don't know", "a b c", "again again late")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A project: what its configuration says, and the labels in the order of the framework's answers."""

    target: str
    labels: list[str]
    schema: str = "Trips"
    key: str = "trip"
    features: str = NUMBERS


WORDS = ["holiday", "home", "work"]
CASES = {
    "mlp": Case(target="late", labels=["1"]),
    "cnn": Case(target="digit", labels=[str(digit) for digit in range(10)], schema="Digits", key="row", features=""),
    "pipeline": Case(target="kind", labels=WORDS, features=", features: [distance, people, city, note, member]"),
    "boosted": Case(target="code", labels=["0", "1", "2"]),
    "light": Case(target="kind", labels=WORDS),
}


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A project that was packaged: its Result, and what the served bento answers to each row of its data."""

    case: Case
    root: Path
    result: Result
    answers: list[dict[str, Any]] = field(repr=False)


def trips(rows: int, seed: int) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    distance, people = draw.gamma(2, 30, rows).round(1).clip(0, 500), draw.integers(1, 10, rows)
    score = distance / 40 + people / 3 + draw.normal(0, 0.7, rows)
    code = np.digitize(score, [2.3, 3.6])
    number = pl.int_range(rows)
    frame = pl.DataFrame(
        {
            "trip": np.arange(rows),
            "distance": distance,
            "people": people,
            "city": draw.choice(["Oslo", "Rome", "Bern", "Łódź"], rows).tolist(),
            "note": [NOTES[(one + row) % 6] for row, one in enumerate(code.tolist())],
            "member": draw.random(rows) < 0.5,
            "kind": np.array(WORDS)[code].tolist(),
            "code": code,
            "late": (score > 3).astype(int),
        }
    )
    gaps = {
        name: pl.when(number % every != 1).then(name)
        for name, every in {"distance": 7, "people": 11, "city": 5, "note": 13}.items()
    }
    return frame.with_columns(**gaps)


def digits() -> tuple[pl.DataFrame, pl.DataFrame]:
    from sklearn.datasets import load_digits

    known = load_digits()
    frame = pl.DataFrame(known.data.astype("int64"), schema=[f"p{pixel:02d}" for pixel in range(64)])
    frame = frame.with_columns(digit=known.target).with_row_index("row").cast(pl.Int64)
    return frame[:1400], frame[1400:]


def run(root: Path, *command: str, expect: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == expect, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def package(root: Path, expect: int = 0) -> Result:
    run(root, "-m", "ci_kit", "package", "--build", expect=expect)
    return load(result_path(root, "package", "build"))


def ask(bento: Path, folder: Path, rows: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Serve the bento and ask it all rows, so many in a request."""
    found: list[dict[str, Any]] = []
    with Server(bento, folder) as server, Client(server.url) as client:
        assert client.wait(60, server.alive), server.words()
        for start in range(0, len(rows), size):
            document = {"rows": rows[start : start + size]}
            answer = httpx.post(f"{server.url}/predict", json=document, timeout=30, trust_env=False)
            assert answer.status_code == 200, answer.text
            found += answer.json()["predictions"]
    return found


@pytest.fixture(scope="module", params=CASES)
def proven(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Proven:
    name: str = request.param
    case, root = CASES[name], tmp_path_factory.mktemp(name)
    train, data = digits() if case.schema == "Digits" else (trips(600, 0), trips(300, 1))
    train.write_parquet(root / "train.parquet")
    data.write_parquet(root / "data.parquet")
    shutil.copy(PROJECTS / f"{name}.py", root / "model.py")
    shutil.copy(PROJECTS / "schemas.py", root / "schemas.py")
    (root / "ci-kit.yaml").write_text(CONFIG.format(**vars(case)))
    run(root, "model.py")
    result = package(root)
    contract = json.loads((root / ".ci-kit/bento/proven/src/served/contract.json").read_text())
    rows = data.select(column["name"] for column in contract["columns"]).to_dicts()
    answers = ask(root / ".ci-kit/bento/proven", tmp_path_factory.mktemp("server"), rows, 53)
    return Proven(case=case, root=root, result=result, answers=answers)


def test_the_served_answers_are_the_framework_s_own(proven: Proven) -> None:
    own = np.load(proven.root / "answers.npy").astype(np.float64)
    if proven.case.target == "digit":  # the service makes probabilities of logits
        own = np.exp(own) / np.exp(own).sum(axis=1, keepdims=True)
    given = np.array([[row["probabilities"][label] for label in proven.case.labels] for row in proven.answers])
    assert given.shape == own.shape
    assert np.abs(given - own).max() <= 1e-5
    assert np.ptp(own, axis=0).min() > 0.3  # a model that always says the same would prove nothing


def test_the_result_says_by_how_much_all_three_differ(proven: Proven) -> None:
    checks = {check.id: check for check in proven.result.checks}
    for name in ("parity/framework", "parity/requests", "parity/served", "accepts", "refuses", "contract"):
        assert checks[name].status == "pass", checks[name]
    assert proven.result.metrics["parity/framework"].value <= 1e-5
    assert proven.result.metrics["parity/served"].value <= 1e-5


def test_rows_with_missing_values_are_among_the_golden_ones(proven: Proven) -> None:
    golden = json.loads((proven.root / ".ci-kit/bento/proven/src/served/golden.json").read_text())["rows"]
    missing = {name for row in golden for name, value in row.items() if value is None}
    assert missing == {"distance", "people", "city", "note"} & golden[0].keys()


@pytest.mark.parametrize("proven", ["cnn"], indirect=True)
def test_an_export_that_is_wrong_in_one_output_is_named_by_row_and_output(proven: Proven, tmp_path: Path) -> None:
    root = tmp_path / "wrong"
    shutil.copytree(proven.root, root, ignore=shutil.ignore_patterns(".ci-kit"))
    proto = onnx.load(root / "model.onnx")
    output = proto.graph.output[0].name
    for node in proto.graph.node:
        node.output[:] = ["right" if name == output else name for name in node.output]
    more = np.zeros(10, dtype=np.float32)
    more[7] = 1e-3
    proto.graph.initializer.append(onnx.numpy_helper.from_array(more, "more"))
    proto.graph.node.append(onnx.helper.make_node("Add", ["right", "more"], [output]))
    onnx.save(proto, root / "model.onnx")
    result = package(root, expect=1)
    (check,) = [check for check in result.checks if check.status == "fail"]
    assert check.id == "parity/framework"
    own, row = np.load(root / "answers.npy"), int((check.observed or "").split("row ")[1].split(",")[0])
    assert check.observed == f"largest error 0.001, row {row}, logits[7]"
    assert row == np.abs(own[:, 7]).argmin()  # where so much is the largest share of what is allowed
    assert not (root / ".ci-kit" / "bento").exists()
