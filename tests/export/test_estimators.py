import copy
import datetime
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC

from ci_kit.export import export_sklearn
from ci_kit.models.frames import same
from ci_kit.models.model import load
from tests.export.made import FULL, NUMBERS, TEXT, THREE, VALUES, pipeline, table

FLAVOURS = ("polars", "pandas")
STEPS = {"max_iter": 4, "min_samples_leaf": 5}


def exported(model: Any, frame: Any, folder: Path, task: str = "classification") -> Any:
    """Export and load the model as evaluate does."""
    export_sklearn(model, frame, folder / "model.onnx")
    return load("model.onnx", folder, task=task, features=tuple(frame.columns))


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    ("model", "columns", "labels"),
    [
        (LogisticRegression(), FULL, THREE),
        (LogisticRegression(), FULL, TEXT),
        (LogisticRegression(), FULL, (TEXT == "yes") * 2 + 1),
        (make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)), FULL, THREE),
        (HistGradientBoostingClassifier(**STEPS), NUMBERS, TEXT),
        (HistGradientBoostingClassifier(**STEPS), NUMBERS, THREE),
        (StackingClassifier([("a", HistGradientBoostingClassifier(**STEPS))]), NUMBERS, THREE),
        (GridSearchCV(LogisticRegression(), {"C": [1, 2]}), FULL, TEXT),
    ],
)
def test_a_table_of_numbers_is_one_matrix(
    tmp_path: Path, model: Any, columns: tuple[str, ...], labels: Any, flavour: str
) -> None:
    frame = table(flavour, columns)
    fitted = copy.deepcopy(model).fit(frame, labels)
    loaded = exported(fitted, frame, tmp_path)
    assert [(one.type, one.shape) for one in loaded.inputs] == [("tensor(float)", [None, len(columns)])]
    np.testing.assert_allclose(loaded.bind(frame, labels), fitted.predict_proba(frame), atol=1e-5)
    assert same(loaded.labels(frame), fitted.predict(frame)).all()


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize(
    "model",
    [LinearRegression(), RandomForestRegressor(5, random_state=0), HistGradientBoostingRegressor(**STEPS)],
)
def test_a_regressor_gives_its_values(tmp_path: Path, model: Any, flavour: str) -> None:
    frame = table(flavour, NUMBERS if isinstance(model, HistGradientBoostingRegressor) else FULL)
    fitted = model.fit(frame, VALUES)
    loaded = exported(fitted, frame, tmp_path, "regression")
    np.testing.assert_allclose(loaded.predict(frame), fitted.predict(frame), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("last", [LogisticRegression(), HistGradientBoostingClassifier(**STEPS)])
def test_a_pipeline_takes_an_input_of_its_type_per_column_that_it_reads(
    tmp_path: Path, last: Any, flavour: str
) -> None:
    frame = table(flavour)
    fitted = pipeline(flavour, last).fit(frame, TEXT)
    loaded = exported(fitted, frame, tmp_path)
    assert {one.name: one.type for one in loaded.inputs} == {
        "age of (x)": "tensor(float)",
        "visits": "tensor(int64)",
        "member": "tensor(bool)",
        "city": "tensor(string)",
        "note": "tensor(string)",
    }
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_whole_numbers_are_floats_where_an_imputer_takes_nothing_else(tmp_path: Path, flavour: str) -> None:
    frame = table(flavour, ("visits", "city"))
    prepared = ColumnTransformer(
        [("n", make_pipeline(SimpleImputer(), StandardScaler()), ["visits"]), ("c", OneHotEncoder(), ["city"])]
    )
    fitted = make_pipeline(prepared, LogisticRegression()).fit(frame, TEXT)
    loaded = exported(fitted, frame, tmp_path)
    assert {one.name: one.type for one in loaded.inputs} == {"visits": "tensor(float)", "city": "tensor(string)"}
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame), atol=1e-5)


def test_whole_numbers_and_flags_of_which_some_are_missing_are_floats(tmp_path: Path) -> None:
    frame = table("polars", ("kids", "member")).with_columns(member=pl.when(pl.col("kids") != 1).then("member"))
    picked = ColumnTransformer([("all", "passthrough", ["kids", "member"])])
    fitted = make_pipeline(picked, HistGradientBoostingClassifier(**STEPS)).fit(frame, TEXT)
    loaded = exported(fitted, frame, tmp_path)
    assert {one.type for one in loaded.inputs} == {"tensor(float)"}
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame), atol=1e-5)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_encoder_that_was_fitted_on_missing_text_takes_none_for_it(tmp_path: Path, flavour: str) -> None:
    frame = table(flavour, ("city",))
    encoder = OneHotEncoder(handle_unknown="ignore")
    fitted = make_pipeline(ColumnTransformer([("c", encoder, ["city"])]), LogisticRegression()).fit(frame, TEXT)
    before = pickle.dumps(fitted)
    loaded = exported(fitted, frame, tmp_path)
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame), atol=1e-5)
    assert pickle.dumps(fitted) == before


@pytest.mark.parametrize("last", [SVC(), LinearSVC()])
@pytest.mark.parametrize("labels", [TEXT, THREE])
def test_a_classifier_without_probabilities_gives_its_labels_alone(tmp_path: Path, last: Any, labels: Any) -> None:
    frame = table("polars", FULL)
    fitted = make_pipeline(StandardScaler(), last).fit(frame, labels)
    loaded = exported(fitted, frame, tmp_path)
    assert len(onnxruntime.InferenceSession(tmp_path / "model.onnx").get_outputs()) == 1
    assert same(loaded.bind(frame, labels), fitted.predict(frame)).all()


def test_the_target_and_other_columns_may_stand_in_the_frame(tmp_path: Path) -> None:
    frame = table("polars", FULL)
    fitted = LogisticRegression().fit(frame, TEXT)
    day = datetime.date(2026, 1, 1)
    export_sklearn(fitted, frame.with_columns(target=pl.Series(TEXT), day=day), tmp_path / "model.onnx")
    loaded = load("model.onnx", tmp_path, task="classification", features=FULL)
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame), atol=1e-5)


def test_a_model_of_plain_arrays_is_asked_the_columns_in_their_order(tmp_path: Path) -> None:
    frame = table("pandas", FULL)
    fitted = LogisticRegression().fit(frame.to_numpy(), TEXT)
    loaded = exported(fitted, frame, tmp_path)
    np.testing.assert_allclose(loaded.bind(frame, TEXT), fitted.predict_proba(frame.to_numpy()), atol=1e-5)


def test_nothing_stays_patched_and_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    from skl2onnx.common._registration import get_converter

    known = onnx.helper.make_attribute, get_converter("SklearnHistGradientBoostingClassifier")
    frame = table("polars")
    fitted = pipeline("polars", HistGradientBoostingClassifier(**STEPS)).fit(frame, TEXT)
    for name in ("a.onnx", "b.onnx"):
        export_sklearn(copy.deepcopy(fitted), frame, tmp_path / name)
    assert (onnx.helper.make_attribute, get_converter("SklearnHistGradientBoostingClassifier")) == known
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    domains = [one.domain for one in onnx.load(tmp_path / "a.onnx").opset_import]
    assert domains == sorted(domains)  # they come from a set, whose order differs from process to process
