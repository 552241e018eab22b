"""Generate loans: numbers, categories and dates, some of them missing, and whether each was paid back."""

from pathlib import Path

import numpy as np
import polars as pl

ROWS, KEPT = 6000, 4000
JOBS = ["employed", "self-employed", "retired", "student"]
PURPOSES = ["car", "education", "home", "other"]
REGIONS = ["north", "east", "south", "west"]


def main() -> None:
    random = np.random.default_rng(7)
    age = random.integers(19, 81, ROWS)
    income = np.exp(random.normal(10.2, 0.5, ROWS)).round(-2)
    amount = (np.exp(random.normal(9.0, 0.7, ROWS))).round(-2).clip(500, 60_000)
    job = random.choice(JOBS, ROWS, p=[0.6, 0.15, 0.15, 0.1])
    purpose, region = random.choice(PURPOSES, ROWS), random.choice(REGIONS, ROWS)
    logit = 1.6 - 3.0 * amount / income + 0.02 * (age - 45) - 0.9 * (job == "student") - 0.5 * (purpose == "education")
    repaid = (random.random(ROWS) < 1 / (1 + np.exp(-2 * logit))).astype(int)
    start = np.datetime64("2024-01-01")
    granted = np.sort(start + random.integers(0, 700, ROWS).astype("timedelta64[D]"))
    frame = pl.DataFrame(
        {
            "loan": np.arange(10_000, 10_000 + ROWS),
            "granted": granted,
            "age": age,
            "income": np.where(random.random(ROWS) < 0.08, np.nan, income),
            "amount": amount,
            "job": [None if lost else one for one, lost in zip(job, random.random(ROWS) < 0.05, strict=True)],
            "purpose": purpose,
            "region": region,
            "repaid": repaid,
        }
    ).with_columns(pl.col("income").fill_nan(None), pl.col("granted").dt.date())
    Path("data").mkdir(exist_ok=True)
    frame[:KEPT].write_csv("data/train.csv")  # the older loans; the newer ones tell how good the model is
    frame[KEPT:].write_csv("data/evaluation.csv")


if __name__ == "__main__":
    main()
