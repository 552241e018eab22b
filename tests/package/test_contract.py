"""From a pandera schema and a model's inputs to what the service may be asked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandera.pandas as pp
import pandera.polars as pa
import polars as pl
import pytest
from onnx import helper

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.models.columns import described
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model
from ci_kit.models.model import load as load_model
from ci_kit.package.contract import contract_of
from ci_kit.package.golden import choose, rows_of, sample, veiled
from ci_kit.serving.contract import Column, Contract
from tests.models.made import FLOAT, INT, TEXT, build, linear, save, value

THINGS = pa.DataFrameSchema(
    {
        "id": pa.Column(int, unique=True),
        "a": pa.Column(float, [pa.Check.ge(-5), pa.Check.lt(5)]),
        "b": pa.Column(float, pa.Check(lambda data: data.lazyframe.select(pl.lit(True)), name="own"), nullable=True),
        "kind": pa.Column(str, pa.Check.isin(["x", "y", "z"])),
        "code": pa.Column(str, [pa.Check.str_matches("[a-z]+"), pa.Check.str_length(1, 9)]),
    },
    checks=pa.Check(lambda data: data.lazyframe.select(pl.lit(True))),
)
WIDE = pa.DataFrameSchema({r"^p\d$": pa.Column(int, pa.Check.in_range(0, 16), regex=True)})
FRAME = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "a": [-5.0, 0.0, 1.0, 4.5],
        "b": [None, 1.5, float("nan"), 2.0],
        "kind": ["x", "y", "x", "z"],
        "code": ["a", "bb", "ccc", "dddd"],
        "target": [0.0, 1.0, 2.0, 3.0],
    }
)


def mixed(folder: Path) -> Model:
    """A model that reads each column by itself and answers a + b."""
    kinds = {"a": FLOAT, "b": FLOAT, "kind": TEXT, "code": TEXT}
    inputs = [value(name, kind, "n", 1) for name, kind in kinds.items()]
    model = build([helper.make_node("Sum", ["a", "b"], ["y"])], inputs, [value("y", FLOAT, "n", 1)])
    save(model, folder / "model.onnx")
    return load_model("model.onnx", folder, task="regression", features=tuple(kinds))


def dataset(schema: Any = THINGS, frame: Any = FRAME, **more: Any) -> Dataset:
    known: dict[str, Any] = {"name": "evaluation", "frame": frame, "schema": schema, "task": "regression"}
    known |= {"truth": np.asarray(frame["target"]), "target": "target", "features": ("a", "b", "kind", "code")}
    return Dataset(**(known | more))


def settings(text: str = "") -> config.Config:
    return config.read(f"data: {{evaluation: {{path: x.csv, key: id}}}}\n{text}".encode())


def test_schema_and_inputs_become_a_contract(tmp_path: Path) -> None:
    model = mixed(tmp_path)
    model.bind(FRAME, np.zeros(4))
    made, notes = contract_of(settings("package: {name: things, max-rows: 9}"), dataset(), model, "d" * 64)
    assert made.columns == (
        Column(name="a", kind="number", low=-5, high=5, below=True),
        Column(name="b", kind="number", nullable=True, unknown=("own",)),
        Column(name="kind", kind="text", among=("x", "y", "z")),
        Column(name="code", kind="text", short=1, long=9, patterns=("[a-z]+",)),
    )
    assert [key.name for key in made.keys] == ["id"]
    assert (made.name, made.task, made.output, made.reading, made.classes, made.rows) == (
        *("things", "regression", "y", "numbers", ()),
        9,
    )
    assert notes == ["b: own", "rules of the whole table"]


def test_the_answers_name_in_the_log_is_the_one_that_drift_looks_for(tmp_path: Path) -> None:
    model = mixed(tmp_path)
    model.bind(FRAME, np.zeros(4))
    assert contract_of(settings(), dataset(), model, "")[0].answer == "prediction"
    assert contract_of(settings("drift: {prediction: guess}"), dataset(), model, "")[0].answer == "guess"


def test_without_a_schema_the_data_says_the_types_and_that_is_told(tmp_path: Path) -> None:
    model = mixed(tmp_path)
    model.bind(FRAME, np.zeros(4))
    made, notes = contract_of(settings(), dataset(schema=None), model, "")
    assert [(one.kind, one.nullable) for one in made.columns] == [
        ("number", False),
        ("number", True),
        ("text", False),
        ("text", False),
    ]
    assert notes == ["every rule: the data set has no schema, so only the types of its columns are checked"]


def test_a_pattern_of_names_describes_each_column(tmp_path: Path) -> None:
    save(linear(np.eye(2)), tmp_path / "model.onnx")
    frame = pl.DataFrame({"p0": [0, 16], "p1": [1, 2], "target": [0, 1]})
    model = load_model("model.onnx", tmp_path, task="classification", features=("p0", "p1"))
    model.bind(frame, np.array([0, 1]))
    data = dataset(WIDE, frame, features=("p0", "p1"), task="classification")
    made, notes = contract_of(config.read(b"data: {evaluation: {path: x.csv}}"), data, model, "")
    assert [(one.name, one.low, one.high, one.kind) for one in made.columns] == [
        ("p0", 0, 16, "whole"),
        ("p1", 0, 16, "whole"),
    ]
    assert (made.classes, made.reading, notes) == ((0, 1), "logits", [])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (INT, (-(2**63), 2**63 - 1)),
        (6, (-(2**31), 2**31 - 1)),
        (5, (-(2**15), 2**15 - 1)),
        (2, (0, 255)),
        (3, (-128, 127)),
    ],
)
def test_a_whole_number_is_bounded_by_what_the_input_holds(
    tmp_path: Path, kind: int, expected: tuple[int, int]
) -> None:
    nodes = [helper.make_node("Cast", ["a"], ["y"], to=FLOAT)]
    save(build(nodes, [value("a", kind, "n", 1)], [value("y", FLOAT, "n", 1)]), tmp_path / "model.onnx")
    frame = pl.DataFrame({"a": [1, 2], "target": [1.0, 2.0]})
    model = load_model("model.onnx", tmp_path, task="regression", features=("a",))
    model.bind(frame, np.zeros(2))
    (column,) = contract_of(
        config.read(b"data: {evaluation: {path: x.csv}}"), dataset(None, frame, features=("a",)), model, ""
    )[0].columns
    assert (column.low, column.high) == expected


def test_code_is_no_model_to_package(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("def answer(frame):\n    return frame['a']\n")
    model = load_model("model.py:answer", tmp_path, task="regression", features=("a",))
    with pytest.raises(UserError, match="only an ONNX model can"):
        contract_of(settings(), dataset(), model, "")


def test_dates_are_no_columns_of_a_request(tmp_path: Path) -> None:
    model = mixed(tmp_path)
    model.bind(FRAME, np.zeros(4))
    dated = FRAME.with_columns(a=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(UserError, match="column 'a' holds neither numbers, text nor flags"):
        contract_of(settings(), dataset(None, dated), model, "")


def test_a_date_may_be_a_key_and_is_text_to_the_service(tmp_path: Path) -> None:
    model = mixed(tmp_path)
    model.bind(FRAME, np.zeros(4))
    dated = FRAME.with_columns(id=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)))
    made, _ = contract_of(settings(), dataset(None, dated), model, "")
    assert made.keys == (Column(name="id", kind="text"),)


PANDAS = pp.DataFrameSchema(
    {
        "a": pp.Column(float, [pp.Check.ge(0), pp.Check.gt(0), pp.Check.le(9), pp.Check.lt(12)]),
        "b": pp.Column("Int64", pp.Check.isin([1, 2, 3]), nullable=True),
        "c": pp.Column(str, [pp.Check.str_length(min_value=2), pp.Check.notin(["xx"])]),
        "d": pp.Column(bool),
        "e": pp.Column(float, [pp.Check.in_range(0, 1, include_max=False), pp.Check.ne(0.5)]),
        "f": pp.Column(int, pp.Check.eq(7)),
        "g": pp.Column(float, pp.Check(lambda x: x > 0)),
    }
)


def test_pandas_schemas_are_read_alike_and_the_narrowest_bound_counts() -> None:
    read = {name: described(PANDAS, name) for name in PANDAS.columns}
    assert read == {
        "a": Column(name="a", kind="number", low=0, high=9, above=True),
        "b": Column(name="b", kind="whole", nullable=True, among=(1, 2, 3)),
        "c": Column(name="c", kind="text", short=2, long=None, out=("xx",)),
        "d": Column(name="d", kind="flag"),
        "e": Column(name="e", kind="number", low=0, high=1, below=True, out=(0.5,)),
        "f": Column(name="f", kind="whole", among=(7,)),
        "g": Column(name="g", kind="number", unknown=("<lambda>",)),
    }


def test_golden_rows_reach_the_ends_of_columns_missing_values_and_each_answer() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=500)
    b = rng.normal(size=500)
    b[77] = np.nan
    kinds = rng.choice(["x", "y"], 500).astype(object)
    kinds[123] = "rare"
    frame = pl.DataFrame({"a": a, "b": b, "kind": kinds, "target": np.zeros(500)})
    data = dataset(None, frame, features=("a", "b", "kind"))
    columns = (
        Column(name="a", kind="number"),
        Column(name="b", kind="number", nullable=True),
        Column(name="kind", kind="text"),
    )
    made = Contract(name="c", task="classification", columns=columns, output="y", reading="probabilities")
    predicted = rng.dirichlet([1, 1, 1], 500)
    predicted[200] = [0, 0, 1]
    chosen = choose(data, made, predicted, 32)
    assert len(chosen) == len(set(chosen)) == 32
    assert {int(a.argmin()), int(a.argmax()), int(np.nanargmin(b)), int(np.nanargmax(b)), 77, 123} <= set(chosen)
    assert set(predicted[chosen].argmax(axis=1)) == {0, 1, 2}
    assert chosen == choose(data, made, predicted, 32)
    rows = rows_of(data, made)
    assert rows[77]["b"] is None
    assert rows[123]["kind"] == "rare"


def test_few_rows_are_all_golden() -> None:
    data = dataset()
    made = Contract(
        name="c", task="regression", columns=(Column(name="a", kind="number"),), output="y", reading="numbers"
    )
    assert sorted(choose(data, made, np.arange(4.0), 64)) == [0, 1, 2, 3]


def test_a_sample_is_spread_evenly_and_keeps_rows_with_their_truth() -> None:
    frame = pl.DataFrame({"a": np.arange(1000.0), "target": np.arange(1000.0)})
    few = sample(dataset(None, frame), 11)
    assert few.truth.tolist() == few.frame["a"].to_list()
    assert (len(few), few.truth[0], few.truth[-1]) == (11, 0, 999)


SECRET = tuple(Column(name=name, kind=kind) for name, kind in (("age", "whole"), ("pay", "number"), ("name", "text")))  # type: ignore[arg-type]


def test_what_is_sensitive_does_not_leave_with_the_model() -> None:
    frame = pl.DataFrame(
        {
            "age": range(20, 60),
            "pay": [float(i) for i in range(40)],
            "name": ["common"] * 15 + [f"n{i}" for i in range(25)],
        }
        | {"target": [0.0] * 40}
    )
    made = Contract(name="c", task="regression", columns=SECRET, output="y", reading="numbers")
    data = dataset(None, frame, features=("age", "pay", "name"), sensitive=("age", "name"))
    rows = veiled(rows_of(data, made), data, made)
    assert {row["age"] for row in rows} == {39}
    assert {row["name"] for row in rows} == {"common"}
    assert len({row["pay"] for row in rows}) == 40


def test_a_sensitive_text_that_nobody_shares_makes_no_golden_rows() -> None:
    frame = pl.DataFrame({"name": [f"n{i}" for i in range(40)], "target": [0.0] * 40})
    made = Contract(name="c", task="regression", columns=SECRET[2:], output="y", reading="numbers")
    data = dataset(None, frame, features=("name",), sensitive=("name",))
    with pytest.raises(UserError, match="no golden rows can be made with the column 'name'"):
        veiled(rows_of(data, made), data, made)
