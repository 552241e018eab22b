"""Bring the data up to date with what the service sees: half of the labelled scans to train on, half to expect.

Which half is decided by the scan's own number, so a row never changes sides, however often this is run. Before the
first scans, the evaluation data is what we expect. Either way `data/recent.csv` was not trained on and has the answers
that were given, so drift of data, predictions and performance can all be measured from it.
"""

import argparse
from pathlib import Path

import polars as pl
from serve import answered

RECENT = Path("data/recent.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--last", type=int, default=0, help="how many labelled scans to take")
    last = parser.parse_args().last
    if not last:
        answered(pl.read_csv("data/evaluation.csv")).write_csv(RECENT)
        return
    log = pl.scan_ndjson("log/*.jsonl").collect()
    scans = log.join(pl.read_csv("labels/*.csv"), on="position", maintain_order="left").tail(last)
    ours = pl.col("position") // 10 % 2 == 0
    train = pl.read_csv("data/train.csv")
    new = scans.filter(ours).select(train.columns).join(train, on="position", how="anti", maintain_order="left")
    pl.concat([train, new]).write_csv("data/train.csv")
    recent = scans.filter(~ours).select(pl.read_csv(RECENT, n_rows=1).columns)
    recent.write_csv(RECENT)
    print(f"{len(new)} labelled scans added to train on; {len(recent)} say what to expect from now on")


if __name__ == "__main__":
    main()
