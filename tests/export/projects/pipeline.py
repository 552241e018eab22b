"""scikit-learn: numbers, a flag and text, some of them missing; three labels that are words."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ci_kit.export import export_sklearn

HERE = Path(__file__).parent


def fitted() -> Pipeline:
    frame = filled(pl.read_parquet(HERE / "train.parquet"))
    cities = make_pipeline(SimpleImputer(missing_values=None, strategy="most_frequent"), OneHotEncoder())
    parts = [
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["distance", "people"]),
        ("cities", cities.set_params(onehotencoder__handle_unknown="ignore"), ["city"]),
        ("words", TfidfVectorizer(), "note"),
        ("flags", "passthrough", ["member"]),
    ]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression(C=10, max_iter=1000))
    return model.fit(frame, frame["kind"].to_numpy())


def filled(frame: pl.DataFrame) -> pl.DataFrame:
    """A vectorizer takes no missing text."""
    return frame.with_columns(pl.col("note").fill_null(""))


def answers(frame: pl.DataFrame) -> Any:
    """scikit-learn has no plain file of weights: the same fit is made again."""
    return fitted().predict_proba(filled(frame))


def main() -> None:
    frame = pl.read_parquet("data.parquet")
    export_sklearn(fitted(), filled(frame), "model.onnx")
    np.save("answers.npy", answers(frame))


if __name__ == "__main__":
    main()
