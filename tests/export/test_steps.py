"""Exported models through what `package` does before it builds a bento: contract, golden rows, parity of requests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.export import export_sklearn
from ci_kit.models.dataset import Dataset, load_dataset
from ci_kit.models.model import candidate
from ci_kit.package import parity
from ci_kit.package.contract import contract_of
from ci_kit.package.golden import choose, rows_of
from ci_kit.serving.contract import FILE, Contract
from ci_kit.serving.engine import Engine
from ci_kit.serving.request import reader
from tests.export.made import NUMBERS, TEXT, VALUES, pipeline, table
from tests.models.made import linear, save

STEPS = {"max_iter": 4, "min_samples_leaf": 5}


def steps(root: Path, frame: pl.DataFrame, task: str) -> tuple[Dataset, Contract, Engine, Any]:
    """Return data, contract, engine and the answers as evaluate has them, for `model.onnx` and the target `y`."""
    frame.write_parquet(root / "data.parquet")
    text = f"data: {{evaluation: {{path: data.parquet}}}}\nevaluate: {{task: {task}, target: y}}\n"
    (root / "ci-kit.yaml").write_text(text)
    settings = config.load(root / "ci-kit.yaml", {})
    dataset = load_dataset(settings, root)
    model = candidate(settings, root, dataset)
    predicted = model.bind(dataset.frame, dataset.truth)
    contract, _ = contract_of(settings, dataset, model, "")
    (root / FILE).write_text(contract.dump())
    return dataset, contract, Engine(root), predicted


def requested(engine: Engine, contract: Contract, dataset: Dataset) -> list[dict[str, Any]]:
    """Send all rows as one request, and return the answers."""
    read = reader(contract)
    return engine.answers(read(json.dumps({"rows": rows_of(dataset, contract)}).encode()))


@pytest.mark.parametrize("last", [LogisticRegression(), HistGradientBoostingClassifier(**STEPS)])
def test_rows_with_missing_text_and_numbers_get_the_model_s_own_probabilities(tmp_path: Path, last: Any) -> None:
    frame = table("polars")
    fitted = pipeline("polars", last).fit(frame, TEXT)
    export_sklearn(fitted, frame, tmp_path / "model.onnx")
    dataset, contract, engine, predicted = steps(tmp_path, frame.with_columns(y=pl.Series(TEXT)), "classification")
    assert set(contract.features) == {"age of (x)", "visits", "city", "member", "note"}
    nullable = {column.name for column in contract.columns if column.nullable}
    assert nullable == {"age of (x)", "city"}
    given = requested(engine, contract, dataset)
    own = fitted.predict_proba(frame)
    np.testing.assert_allclose(
        [[row["probabilities"][name] for name in ("no", "yes")] for row in given], own, atol=1e-5
    )
    assert [row["prediction"] for row in given] == fitted.predict(frame).tolist()
    assert parity.runtime(predicted, engine.raw(rows_of(dataset, contract)), "y", 1e-5).status == "pass"


def test_missing_whole_numbers_and_flags_may_be_asked_of_a_model_of_floats(tmp_path: Path) -> None:
    frame = table("polars", NUMBERS).with_columns(member=pl.when(pl.col("visits") > 1).then("member"))
    fitted = HistGradientBoostingRegressor(**STEPS).fit(frame, VALUES)
    export_sklearn(fitted, frame, tmp_path / "model.onnx")
    dataset, contract, engine, _ = steps(tmp_path, frame.with_columns(y=VALUES), "regression")
    kinds = [(column.kind, column.nullable) for column in contract.columns]
    assert kinds == [("number", True), ("whole", False), ("whole", True), ("flag", True)]
    given = [row["prediction"] for row in requested(engine, contract, dataset)]
    np.testing.assert_allclose(given, fitted.predict(frame), atol=1e-5, rtol=1e-5)


def test_whole_numbers_that_are_missing_later_are_told_with_what_to_do(tmp_path: Path) -> None:
    frame = table("polars").with_columns(visits=pl.col("kids").fill_null(0))
    fitted = pipeline("polars", LogisticRegression()).fit(frame, TEXT)
    export_sklearn(fitted, frame, tmp_path / "model.onnx")
    with pytest.raises(UserError, match=r"whole numbers in column 'visits' \(11 of 120 are missing\)\. Export it with"):
        steps(tmp_path, frame.with_columns(y=pl.Series(TEXT), visits="kids"), "classification")


def test_labels_are_served_where_there_are_no_probabilities(tmp_path: Path) -> None:
    frame = table("polars")
    fitted = pipeline("polars", SVC()).fit(frame, TEXT)
    export_sklearn(fitted, frame, tmp_path / "model.onnx")
    dataset, contract, engine, predicted = steps(tmp_path, frame.with_columns(y=pl.Series(TEXT)), "classification")
    own = [{"prediction": label} for label in fitted.predict(frame).tolist()]
    assert requested(engine, contract, dataset) == own
    assert parity.runtime(predicted, engine.raw(rows_of(dataset, contract)), "label", 1e-5).status == "pass"


def test_rows_without_a_finite_answer_are_a_warning_and_no_golden_rows(tmp_path: Path) -> None:
    save(linear(np.ones((2, 3)) * [[0, 1, 2]], softmax=True), tmp_path / "model.onnx")
    frame = pl.DataFrame({"a": [None if row % 4 == 0 else row / 10 for row in range(40)], "b": VALUES[:40]})
    frame = frame.with_columns(y=pl.Series([row % 3 for row in range(40)]))
    dataset, contract, engine, predicted = steps(tmp_path, frame, "classification")
    check = parity.runtime(predicted, engine.raw(rows_of(dataset, contract)), "y", 1e-5)
    assert check.status == "warn"
    assert check.detail == "10 of 40 rows have no finite answer: the service refuses them."
    chosen = choose(dataset, contract, predicted, 20)
    assert len(set(chosen)) == 20
    assert not {row for row in chosen if row % 4 == 0}
    with pytest.raises(UserError, match="no golden rows can be chosen"):
        choose(dataset, contract, predicted * np.nan, 20)


@pytest.mark.parametrize(
    ("one", "two", "status", "observed"),
    [
        ([[np.nan, 1]], [[np.nan, 1]], "pass", "no difference"),
        ([[np.inf, 1]], [[np.inf, 1]], "pass", "no difference"),
        ([[1.0, 1]], [[np.nan, 1]], "fail", "largest error nan, row 0, y[0]"),
        ([[1e6, 1]], [[1e6 + 1, 1.001]], "fail", "largest error 0.001, row 0, y[1]"),
    ],
)
def test_the_error_that_is_named_is_the_one_of_the_row_and_output(
    one: Any, two: Any, status: str, observed: str
) -> None:
    check, _ = parity.compared("parity/x", "Alike", np.array(one), np.array(two), "y", 1e-5)
    assert (check.status, check.observed) == (status, observed)
