"""Write the measurements of tumours that scikit-learn ships (Wisconsin, 569 rows): data to train and evaluate on."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer

TRAINED = 380


def main() -> None:
    tumours = load_breast_cancer()
    names = [name.replace(" ", "_") for name in tumours.feature_names]
    frame = pl.DataFrame(tumours.data, schema=names).with_columns(benign=tumours.target.astype("int64"))
    frame = frame.with_row_index("row").cast({"row": pl.Int64})
    Path("data").mkdir(exist_ok=True)
    frame[:TRAINED].write_csv("data/train.csv")
    frame[TRAINED:].write_csv("data/evaluation.csv")


if __name__ == "__main__":
    main()
