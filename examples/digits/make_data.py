"""Write the digits that scikit-learn ships as two CSV files, in their original order."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_digits

TRAIN_ROWS = 1347


def main() -> None:
    digits = load_digits()
    frame = pl.DataFrame(digits.data.astype("int64"), schema=[f"p{pixel:02d}" for pixel in range(64)])
    frame = frame.with_columns(digit=digits.target).with_row_index("position").cast(pl.Int64)
    folder = Path("data")
    folder.mkdir(exist_ok=True)
    frame[:TRAIN_ROWS].write_csv(folder / "train.csv")
    frame[TRAIN_ROWS:].write_csv(folder / "evaluation.csv")


if __name__ == "__main__":
    main()
