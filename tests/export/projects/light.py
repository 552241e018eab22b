"""LightGBM: three labels that are words, and rows with missing numbers."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from onnxmltools import convert_lightgbm  # type: ignore[import-untyped]
from onnxmltools.convert.common.data_types import FloatTensorType  # type: ignore[import-untyped]

HERE = Path(__file__).parent
COLUMNS = ("distance", "people")


def matrix(frame: pl.DataFrame) -> Any:
    return frame.select(COLUMNS).to_numpy().astype("float64")


def answers(frame: pl.DataFrame) -> Any:
    return lightgbm.Booster(model_file=HERE / "model.txt").predict(matrix(frame))


def main() -> None:
    frame = pl.read_parquet("train.parquet")
    model = lightgbm.LGBMClassifier(n_estimators=30, num_leaves=8, verbose=-1)
    model.fit(matrix(frame), frame["kind"].to_numpy())
    types = [("features", FloatTensorType([None, 2]))]
    made = convert_lightgbm(model, "model", types, target_opset=15, zipmap=False)
    Path("model.onnx").write_bytes(made.SerializeToString())
    model.booster_.save_model("model.txt")
    np.save("answers.npy", answers(pl.read_parquet("data.parquet")))


if __name__ == "__main__":
    main()
