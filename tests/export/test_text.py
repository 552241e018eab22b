"""Text is where a converter of scikit-learn goes wrong without a word."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from ci_kit.export import export_sklearn
from ci_kit.export.parts import tokens
from ci_kit.models.model import load

DOCUMENTS = ["", "a", "Ab bC", "ÉTÉ été", "東京 tower x", "x_1 don't", "Straße STRASSE 42", "ЁЖ ёж"] * 6


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        TfidfVectorizer(ngram_range=(1, 2)),
        TfidfVectorizer(lowercase=False),
        CountVectorizer(token_pattern=r"(?u)\b\w+\b"),
        CountVectorizer(token_pattern=r"[\w']+"),
        CountVectorizer(binary=True),
    ],
)
def test_text_is_cut_into_the_words_that_python_sees(tmp_path: Path, vectorizer: Any) -> None:
    labels = [len(text) % 3 for text in DOCUMENTS]
    fitted = make_pipeline(vectorizer, LogisticRegression()).fit(DOCUMENTS, labels)
    frame = pl.DataFrame({"text": DOCUMENTS})
    export_sklearn(fitted, frame, tmp_path / "model.onnx")
    loaded = load("model.onnx", tmp_path, task="classification", features=("text",))
    np.testing.assert_allclose(loaded.bind(frame, np.array(labels)), fitted.predict_proba(DOCUMENTS), atol=1e-5)
    for row in range(8):  # a single text, the empty one too
        assert loaded.predict(frame[row]) == pytest.approx(fitted.predict_proba(DOCUMENTS[row : row + 1]), abs=1e-5)
    assert b"en_US" not in (tmp_path / "model.onnx").read_bytes()


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        (r"(?u)\b\w\w+\b", r"[\p{L}\p{N}_][\p{L}\p{N}_]+"),
        (r"\w{3,}", r"[\p{L}\p{N}_]{3,}"),
        (r"\b\w\w\b", r"\b[\p{L}\p{N}_][\p{L}\p{N}_]\b"),
        (r"[\w']+", r"[\p{L}\p{N}_']+"),
        (r"[a-z]+", r"[a-z]+"),
    ],
)
def test_a_word_is_a_run_of_letters_of_any_alphabet(pattern: str, read: str) -> None:
    assert tokens(CountVectorizer(token_pattern=pattern)) == read
