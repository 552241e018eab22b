"""XGBoost: three classes, and rows with missing numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import xgboost
from onnxmltools import convert_xgboost  # type: ignore[import-untyped]
from onnxmltools.convert.common.data_types import FloatTensorType  # type: ignore[import-untyped]

HERE = Path(__file__).parent
COLUMNS = ("distance", "people")


def matrix(frame: pl.DataFrame) -> Any:
    return frame.select(COLUMNS).to_numpy().astype("float32")


def answers(frame: pl.DataFrame) -> Any:
    model = xgboost.XGBClassifier()
    model.load_model(HERE / "model.json")
    return model.predict_proba(matrix(frame))


def main() -> None:
    frame = pl.read_parquet("train.parquet")
    model = xgboost.XGBClassifier(n_estimators=30, max_depth=4).fit(matrix(frame), frame["code"].to_numpy())
    made = convert_xgboost(model, "model", [("features", FloatTensorType([None, 2]))], target_opset=15)
    Path("model.onnx").write_bytes(made.SerializeToString())
    model.save_model("model.json")
    np.save("answers.npy", answers(pl.read_parquet("data.parquet")))


if __name__ == "__main__":
    main()
