"""A table with a column of each kind, and models of it."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 120
DRAW = np.random.default_rng(0)
COLUMNS: dict[str, list[Any]] = {
    "age of (x)": [None if row % 7 == 0 else round(float(DRAW.normal(40, 9)), 1) for row in range(ROWS)],
    "visits": DRAW.integers(0, 9, ROWS).tolist(),
    "kids": [None if row % 11 == 0 else row % 3 for row in range(ROWS)],
    "member": (DRAW.random(ROWS) < 0.5).tolist(),
    "city": [None if row % 5 == 0 else ("Rome", "Oslo", "Bern")[row % 3] for row in range(ROWS)],
    "note": [("a good été", "BAD", "", "Été in Ōsaka, bad")[row % 4] for row in range(ROWS)],
}
NUMBERS = ("age of (x)", "visits", "kids", "member")
FULL = ("visits", "member")
TEXT = np.array(["yes" if row % 3 else "no" for row in range(ROWS)])
THREE = np.arange(ROWS) * 7 % 5 % 3
VALUES = DRAW.normal(0, 3, ROWS)


def table(flavour: str, columns: tuple[str, ...] = tuple(COLUMNS)) -> Any:
    """Return these columns; what is missing is null in polars, and NaN or NA in pandas."""
    chosen = {name: COLUMNS[name] for name in columns}
    if flavour == "polars":
        return pl.DataFrame(chosen)
    frame = pd.DataFrame(chosen)
    return frame.astype({"kids": "Int64"}) if "kids" in columns else frame


def pipeline(flavour: str, last: Any) -> Pipeline:
    """Return an imputer, a scaler, an encoder, words and a flag before the last step; not fitted."""
    missing = None if flavour == "polars" else np.nan
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    cities = make_pipeline(
        SimpleImputer(missing_values=missing, strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    parts = [
        ("numbers", numbers, ["age of (x)", "visits"]),
        ("cities", cities, ["city"]),
        ("words", TfidfVectorizer(), "note"),
        ("flags", "passthrough", ["member"]),
    ]
    return make_pipeline(ColumnTransformer(parts), last)
