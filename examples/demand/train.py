"""Fit boosted trees to the past and export them as ONNX."""

from pathlib import Path

import polars as pl
import yaml
from sklearn.ensemble import HistGradientBoostingRegressor

from ci_kit.export import export_sklearn

FEATURES = ["temperature", "hour", "weekday", "day_before", "week_before"]


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    frame = pl.read_csv("data/train.csv")
    table = frame.select(pl.col(FEATURES).cast(pl.Float32))
    model = HistGradientBoostingRegressor(
        max_iter=params["trees"], max_leaf_nodes=params["leaves"], learning_rate=params["rate"], random_state=0
    )
    model.fit(table.to_numpy(), frame["demand"].to_numpy())
    export_sklearn(model, table, "model.onnx")
    print(f"fitted {params['trees']} trees on {len(frame):,} hours")


if __name__ == "__main__":
    main()
