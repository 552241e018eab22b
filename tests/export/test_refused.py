"""What `export_sklearn` refuses, and that nothing is written then."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from ci_kit.errors import UserError
from ci_kit.export import estimators, export_sklearn, needs, proof
from tests.export.made import FULL, NUMBERS, TEXT, THREE, VALUES, table


class XGBLike(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Comes from another library, as far as its module says."""

    def predict(self, rows: Any) -> Any:
        """Never asked."""


XGBLike.__module__ = "xgboost.sklearn"
NUMERIC = table("polars", FULL)
GAPS = pl.DataFrame({"city": ["Oslo", None] * 60})
WORDS = ColumnTransformer([("c", CountVectorizer(), "city")])


@pytest.mark.parametrize(
    ("model", "frame", "says"),
    [
        (
            lambda: StandardScaler().fit(NUMERIC),
            NUMERIC,
            "StandardScaler can't be exported (it is neither a classifier nor a",
        ),
        (lambda: IsolationForest(n_estimators=2).fit(NUMERIC), NUMERIC, "IsolationForest can't be exported"),
        (
            lambda: XGBLike(),
            NUMERIC,
            "XGBLike is no model of scikit-learn. Use its own converter: the docstring of ci_kit.ex",
        ),
        (
            LogisticRegression,
            NUMERIC,
            "LogisticRegression fails on the frame (NotFittedError: This LogisticRegressio",
        ),
        (lambda: Ridge().fit(NUMERIC, VALUES), NUMERIC.to_numpy(), "a ndarray is no table"),
        (lambda: Ridge().fit(NUMERIC, VALUES), NUMERIC.head(0), "the frame is empty"),
        (
            lambda: Ridge().fit(NUMERIC, VALUES),
            NUMERIC.select("visits"),
            "Ridge fails on the frame (ValueError: The feature na",
        ),
        (lambda: LinearRegression().fit(NUMERIC, np.c_[VALUES, VALUES]), NUMERIC, "it answers several values to a row"),
        (
            lambda: RandomForestClassifier(2).fit(NUMERIC, np.c_[THREE, THREE]),
            NUMERIC,
            "it answers several values to a row",
        ),
        (
            lambda: GaussianProcessClassifier().fit(NUMERIC, TEXT),
            NUMERIC,
            "skl2onnx can't convert model.onnx (ValueError: inv",
        ),
        (
            lambda: make_pipeline(WORDS, LogisticRegression()).fit(GAPS.fill_null(""), TEXT),
            GAPS,
            "'lower'). Missing text is served as '': fill it so before fit, and here",
        ),
        (
            lambda: LogisticRegression().fit(np.arange(120).reshape(-1, 1), THREE),
            pl.DataFrame({"day": [datetime.date(2026, 1, 1)] * 120}),
            "column 'day' holds neither numbers, text nor flags",
        ),
    ],
)
def test_what_can_not_be_exported_is_told_in_one_line(tmp_path: Path, model: Any, frame: Any, says: str) -> None:
    with pytest.raises(UserError) as error:
        export_sklearn(model(), frame, tmp_path / "model.onnx")
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


NUMERIC_GAPS = table("polars", NUMBERS)
SAID = pl.DataFrame({"city": ["to be or not to be", "to be", "or not", "not not"] * 30})
COUNTED = ColumnTransformer([("w", TfidfVectorizer(sublinear_tf=True), "city")])
FILLED = ColumnTransformer([("n", SimpleImputer(add_indicator=True), list(NUMBERS))])


@pytest.mark.parametrize(
    ("model", "frame"),
    [
        # Two classes are told apart by a softmax, not by a logistic function.
        (LinearDiscriminantAnalysis(), NUMERIC),
        # Trees send what is missing to the right, always.
        (RandomForestClassifier(5, random_state=0), NUMERIC_GAPS),
        # The logarithm is that of 1 + the count.
        (
            make_pipeline(ColumnTransformer([("w", TfidfVectorizer(sublinear_tf=True), "city")]), LogisticRegression()),
            SAID,
        ),
        # The indicator of what is missing is left out.
        (make_pipeline(FILLED, LogisticRegression()), NUMERIC_GAPS),
    ],
)
def test_what_skl2onnx_gets_wrong_is_named_by_row_and_output(tmp_path: Path, model: Any, frame: Any) -> None:
    (tmp_path / "model.onnx").write_bytes(b"old")
    fitted = model.fit(frame, (np.arange(len(frame)) % 7 > 3).astype(int))
    with pytest.raises(UserError) as error:
        export_sklearn(fitted, frame, tmp_path / "model.onnx")
    assert "model.onnx was not written: ONNX Runtime does not answer as the model does (row " in str(error.value)
    assert ", probabilities[" in str(error.value)
    assert (tmp_path / "model.onnx").read_bytes() == b"old"


def test_missing_text_that_becomes_a_missing_number_is_told(tmp_path: Path) -> None:
    frame = table("pandas", ("city",))
    encoder = ColumnTransformer([("c", OrdinalEncoder(), ["city"])])
    fitted = make_pipeline(encoder, HistGradientBoostingClassifier(max_iter=4)).fit(frame, frame["city"].isna())
    with pytest.raises(UserError, match=r"Missing text is served as '': fill it so before fit, and here$"):
        export_sklearn(fitted, frame, tmp_path / "model.onnx")


def test_a_library_that_is_missing_is_named_with_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "sklearn" else object())
    with pytest.raises(UserError, match=r"sklearn is not installed. Type: pip install scikit-learn"):
        export_sklearn(Ridge(), NUMERIC, tmp_path / "model.onnx")


def test_labels_are_compared_where_no_tie_excuses_them() -> None:
    near, far = np.array([[0.5, 0.500001]]), np.array([[0.4, 0.6]])
    wanted = {"label": np.array(["b"]), "probabilities": near}
    assert estimators._gap(wanted | {"label": np.array(["a"])}, wanted) == ""
    wanted = {"label": np.array(["b"]), "probabilities": far}
    assert estimators._gap(wanted | {"label": np.array(["a"])}, wanted) == "row 0, label: a instead of b"
    assert estimators._gap({"label": np.array([1, 2])}, {"label": np.array([1, 3])}) == "row 1, label: 2 instead of 3"


NUMBER = st.floats(width=32, allow_infinity=False) | st.just(float("inf"))


@given(st.lists(st.tuples(NUMBER, st.floats(-3e-5, 3e-5)), min_size=1, max_size=9))
def test_two_answers_are_alike_when_numpy_says_so(pairs: list[tuple[float, float]]) -> None:
    wanted = np.array([value for value, _ in pairs])
    given_ = wanted + np.array([more for _, more in pairs])
    found = proof.gap(given_.reshape(-1, 1), wanted, "y", 1e-5)
    assert (found == "") == np.allclose(given_, wanted, atol=1e-5, rtol=1e-5, equal_nan=True)
    assert proof.gap(wanted, wanted.copy(), "y", 1e-5) == ""


@pytest.mark.parametrize(
    ("one", "two", "says"),
    [
        ([[1.0, 2.0]], [[1.0, 2.1]], "row 0, y[1]: 2 instead of 2.1, an error of 0.1"),
        ([[1.0, np.nan]], [[1.0, 2.0]], "row 0, y[1]: nan instead of 2, an error of nan"),
        ([[1.0], [np.nan]], [1.0, np.nan], ""),
        ([[1.0, 2.0]], [[1.0, 2.0, 3.0]], "y has the shape (1, 2) instead of (1, 3)"),
    ],
)
def test_the_furthest_answer_is_named(one: Any, two: Any, says: str) -> None:
    assert proof.gap(np.array(one), np.array(two), "y", 1e-5) == says
