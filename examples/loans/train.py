"""Fit a pipeline that imputes, scales and encodes, and export all of it as one ONNX file."""

from pathlib import Path

import polars as pl
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ci_kit.export import export_sklearn

NUMBERS, TEXTS = ("age", "income", "amount"), ("job", "purpose", "region")


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    # Missing text is '', here and where the model is served.
    frame = pl.read_csv("data/train.csv").with_columns(pl.col(TEXTS).fill_null(""))
    numbers = [name for name in NUMBERS if name in params["columns"]]
    texts = [name for name in TEXTS if name in params["columns"]]
    prepared = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
        ]
    )
    model = make_pipeline(prepared, LogisticRegression(C=params["strength"], max_iter=1000))
    table = frame.select(numbers + texts).to_pandas()
    model.fit(table, frame["repaid"].to_numpy())
    export_sklearn(model, table, "model.onnx")
    print(f"fitted on {len(frame):,} loans, columns {', '.join(numbers + texts)}")


if __name__ == "__main__":
    main()
