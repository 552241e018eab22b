"""Stand in for the service and its users: answer a batch of scans, log what was seen and answered, learn the truth.

`python serve.py scans/2.csv` writes `log/2026-11-02.jsonl`, one JSON object a request, and `labels/2026-11-02.csv`.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import onnxruntime
import polars as pl


def answered(scans: pl.DataFrame) -> pl.DataFrame:
    """Return the scans with the model's answers."""
    session = onnxruntime.InferenceSession("model.onnx")
    (probabilities,) = session.run(None, {"pixels": scans.select(r"^p\d\d$").cast(pl.Float32).to_numpy()})
    return scans.with_columns(answer=pl.Series(probabilities.argmax(axis=1)))


def main() -> None:
    batch = Path(sys.argv[1])
    day = datetime(2026, 11, int(batch.stem), 9, tzinfo=UTC)
    scans = answered(pl.read_csv(batch))
    times = [f"{day + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}" for minute in range(len(scans))]
    for folder in ("log", "labels"):
        Path(folder).mkdir(exist_ok=True)
    scans.drop("digit").insert_column(0, pl.Series("time", times)).write_ndjson(f"log/{day:%Y-%m-%d}.jsonl")
    scans.select("position", "digit").write_csv(f"labels/{day:%Y-%m-%d}.csv")
    right = (scans["answer"] == scans["digit"]).mean()
    print(f"{len(scans)} scans answered and logged; people will find {right:.1%} of the answers right")


if __name__ == "__main__":
    main()
