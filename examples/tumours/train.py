"""Fit boosted trees with XGBoost and convert them to ONNX."""

import json
from pathlib import Path

import polars as pl
import xgboost
import yaml
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    frame = pl.read_csv("data/train.csv")
    # A plain array: names of columns can't be converted.
    x, y = frame.drop("row", "benign").to_numpy().astype("float32"), frame["benign"].to_numpy()
    held = len(x) // 5
    model = xgboost.XGBClassifier(
        n_estimators=params["trees"], max_depth=params["depth"], learning_rate=params["rate"], eval_metric="logloss"
    )
    model.fit(x[:-held], y[:-held], eval_set=[(x[:-held], y[:-held]), (x[-held:], y[-held:])], verbose=False)
    losses = [one["logloss"] for one in model.evals_result().values()]
    with Path("curves.jsonl").open("w") as curves:
        for step, (train, validation) in enumerate(zip(*losses, strict=True), 1):
            curves.write(json.dumps({"step": step, "train/loss": train, "validation/loss": validation}) + "\n")
    made = convert_xgboost(model, "model", [("features", FloatTensorType([None, x.shape[1]]))], target_opset=15)
    Path("model.onnx").write_bytes(made.SerializeToString())
    print(f"fitted {params['trees']} trees on {len(x) - held} tumours")


if __name__ == "__main__":
    main()
