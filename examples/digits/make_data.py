"""Write the digits that scikit-learn ships: data to train and evaluate on, and batches of scans that come in later."""

from pathlib import Path

import polars as pl
from sklearn.datasets import load_digits

TRAIN = slice(0, 700)
FIRST = slice(700, 900)  # the first batch of scans: other people than in the training data, the same style
LATER = slice(900, 1500)  # the later writers, whose digits look different
EVALUATION = slice(1500, None)


def main() -> None:
    digits = load_digits()
    frame = pl.DataFrame(digits.data.astype("int64"), schema=[f"p{pixel:02d}" for pixel in range(64)])
    frame = frame.with_columns(digit=digits.target).with_row_index("position").cast(pl.Int64)
    later = frame[LATER]
    # Dealt like cards, so that all three batches come from the same people.
    scans = [frame[FIRST], *(later.gather_every(3, offset) for offset in range(3))]
    for folder in ("data", "scans"):
        Path(folder).mkdir(exist_ok=True)
    frame[TRAIN].write_csv("data/train.csv")
    frame[EVALUATION].write_csv("data/evaluation.csv")
    for number, batch in enumerate(scans, 1):
        batch.write_csv(f"scans/{number}.csv")


if __name__ == "__main__":
    main()
