import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from ci_kit.errors import UserError
from ci_kit.models.frames import column, is_pandas, matrix, names, take
from ci_kit.models.model import BATCH, Model, load
from ci_kit.models.reading import classes_of
from tests.models.made import FLOAT, INT, TEXT, added, build, linear, save, value

AB = ("a", "b")


def frame(rows: int = 3) -> pl.DataFrame:
    return pl.DataFrame({"a": np.arange(rows, dtype=float), "b": np.arange(rows) * 2})


def loaded(model: onnx.ModelProto, root: Path, features: tuple[str, ...] = AB, task: str = "regression") -> Model:
    save(model, root / "m.onnx")
    return load("m.onnx", root, task=task, features=features)


@pytest.mark.parametrize("features", [("a", "b"), ("b", "a")])
def test_one_input_gets_the_features_in_their_order(tmp_path: Path, features: tuple[str, ...]) -> None:
    model = loaded(linear(np.array([[1.0], [10.0]])), tmp_path, features)
    given = model.predict(frame().with_columns(c=pl.lit("not a feature")))
    assert given.tolist() == ([0, 21, 42] if features == ("a", "b") else [0, 12, 24])


@pytest.mark.parametrize("flavour", ["polars", "pandas"])
def test_one_input_per_column_is_fed_by_name(tmp_path: Path, flavour: str) -> None:
    model = loaded(added(["b", "a"]), tmp_path, ("a", "b"))
    table: Any = frame() if flavour == "polars" else pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [0, 2, 4]})
    assert model.predict(table).tolist() == [0, 3, 6]


def test_a_single_column_model_is_fed_by_name(tmp_path: Path) -> None:
    assert loaded(added(["b"]), tmp_path, ("a", "b")).predict(frame()).tolist() == [0, 2, 4]


def echo(kind: int) -> onnx.ModelProto:
    node = helper.make_node("Identity", ["a"], ["y"])
    return build([node], [value("a", kind, "n", 1)], [value("y", kind, "n", 1)])


@pytest.mark.parametrize(
    ("kind", "cells", "wanted"),
    [
        (FLOAT, [1.5, None], [1.5, np.nan]),
        (FLOAT, [1, None], [1.0, np.nan]),
        (FLOAT, [True, False], [1.0, 0.0]),
        (INT, [1.0, 2.0], [1, 2]),
        (INT, [True, False], [1, 0]),
        (TEXT, ["x", None], ["x", ""]),
        (TEXT, [1, 2], ["1", "2"]),
        (onnx.TensorProto.BOOL, [1, 0], [True, False]),
        (onnx.TensorProto.DOUBLE, [1.1, 2.2], [1.1, 2.2]),
    ],
)
@pytest.mark.parametrize("flavour", [pl.DataFrame, pd.DataFrame])
def test_each_column_is_cast_to_what_the_input_declares(
    tmp_path: Path, kind: int, cells: list[Any], wanted: list[Any], flavour: Any
) -> None:
    given = loaded(echo(kind), tmp_path, ("a",)).raw(flavour({"a": cells})).ravel()
    if (flavour is pd.DataFrame and kind == TEXT and cells == ["x", None]) or kind == TEXT:
        assert given.tolist() == wanted
    else:
        np.testing.assert_allclose(given.astype(float), np.array(wanted, dtype=float))


@pytest.mark.parametrize(
    ("kind", "cells", "says"),
    [
        (FLOAT, ["x", "y"], "wants numbers in column 'a' (it holds text)"),
        (INT, [1, None], "wants whole numbers in column 'a' (1 of 2 are missing)"),
        (INT, [1.5, 2.0], "wants whole numbers in column 'a' (1 of 2 do not fit int64)"),
        (onnx.TensorProto.INT8, [1, 300], "wants whole numbers in column 'a' (1 of 2 do not fit int8)"),
    ],
)
def test_a_column_that_does_not_fit_is_named(tmp_path: Path, kind: int, cells: list[Any], says: str) -> None:
    model = loaded(echo(kind), tmp_path, ("a",))
    with pytest.raises(UserError) as error:
        model.raw(pl.DataFrame({"a": cells}))
    assert says in str(error.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    model = loaded(added(["a", "fare"]), tmp_path, ("a", "b"))
    with pytest.raises(UserError, match=r"m\.onnx wants a column 'fare' \(the data has a, b\)"):
        model.predict(frame())


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (linear(np.ones((3, 1))), "wants 3 columns (the data has 2 feature columns: a, b)"),
        (linear(np.ones((2, 1)), batch=2), "the batch size of input 'x' is frozen to 2"),
        (
            build(
                [helper.make_node("Flatten", ["x"], ["y"])],
                [value("x", FLOAT, "n", 8, 8)],
                [value("y", FLOAT, "n", 64)],
            ),
            "input 'x' has 3 dimensions",
        ),
        (
            build([helper.make_node("ReduceSum", ["x"], ["y"])], [value("x", FLOAT, "n", 2)], [value("y", FLOAT)]),
            "answers a single value to 3 rows",
        ),
        (build([helper.make_node("Nope", ["x"], ["y"])], [value("x")], [value("y")]), "can't be loaded"),
    ],
)
def test_a_model_of_the_wrong_shape_is_refused_in_one_line(tmp_path: Path, model: onnx.ModelProto, says: str) -> None:
    if "single" in says:
        model.graph.node[0].attribute.append(helper.make_attribute("keepdims", 0))
    with pytest.raises(UserError) as error:
        loaded(model, tmp_path).predict(frame())
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_output_is_named(tmp_path: Path) -> None:
    save(linear(np.ones((2, 1))), tmp_path / "m.onnx")
    with pytest.raises(UserError, match=r"has no output 'p' \(it has y\)"):
        load("m.onnx", tmp_path, task="regression", features=AB, output="p")


def test_batches_of_a_long_table_are_joined_in_order(tmp_path: Path) -> None:
    model = loaded(linear(np.array([[1.0], [0.0]])), tmp_path)
    rows = BATCH + 7
    assert model.predict(frame(rows)).tolist() == list(range(rows))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return frame.missing", "m.py:predict failed (AttributeError"),
        ("return 1.0", "answers a single value to 3 rows"),
        ("return [1.0]", "answers 1 rows to 3 rows"),
        ("return [[1, 2], [3, 4], [5, 6]]", "answers n×2 (regression needs n or n×1)"),
        ("return ['a', 'b', 'c']", "(regression needs numbers)"),
    ],
)
def test_a_function_that_misbehaves_is_told_in_one_line(tmp_path: Path, body: str, says: str) -> None:
    (tmp_path / "m.py").write_text(f"def predict(frame):\n    {body}\n")
    with pytest.raises(UserError) as error:
        load("m.py:predict", tmp_path, task="regression", features=AB).predict(frame())
    assert says in str(error.value)


def test_a_function_sees_its_features_alone(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def predict(frame):\n    assert frame.columns == ['b']\n    return frame['b']\n")
    assert load("m.py:predict", tmp_path, task="regression", features=("b",)).predict(frame()).tolist() == [0, 2, 4]


@settings(max_examples=15)
@given(st.lists(st.floats(allow_nan=False, width=32) | st.none(), min_size=1, max_size=20))
def test_both_flavours_give_the_same_numbers(cells: list[float | None]) -> None:
    left, right = (
        pl.DataFrame({"a": pl.Series(cells, dtype=pl.Float64)}),
        pd.DataFrame({"a": pd.Series(cells, dtype=float)}),
    )
    np.testing.assert_array_equal(column(left, "a"), column(right, "a"))
    np.testing.assert_array_equal(matrix(left, ("a",)), matrix(right, ("a",)))
    assert names(left) == names(right) == ["a"]
    assert is_pandas(right)
    assert not is_pandas(left)
    order = np.arange(len(cells))[::-1]
    np.testing.assert_array_equal(column(take(left, order), "a"), column(take(right, order), "a"))


def test_a_model_quotes_no_row_where_columns_are_sensitive(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("def predict(frame):\n    raise KeyError(frame['a'][1])\n")
    model = load("m.py:predict", tmp_path, task="regression", features=AB, sensitive=("a",))
    with pytest.raises(UserError) as error:
        model.predict(frame())
    assert str(error.value) == "m.py:predict failed (KeyError)"


@pytest.mark.parametrize(
    ("known", "truth"), [(None, ["ann", "bob", "cy"]), (np.array(["dee", "ed"]), ["ann", "bob"]), (None, ["7", "ann"])]
)
def test_labels_are_not_quoted_where_columns_are_sensitive(known: Any, truth: list[str]) -> None:
    width = 2 if known is not None else 5
    with pytest.raises(UserError) as error:
        classes_of(known, np.array(truth), width, "m", quiet=True)
    assert not {"ann", "bob", "cy"} & set(re.findall(r"\w+", str(error.value)))
