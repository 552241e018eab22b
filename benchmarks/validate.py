"""How long does `validate` take on 10 million rows of 20 columns, beside plain pandera, and does it count every fault?

    python benchmarks/validate.py [--rows N] [--rounds N]

Writes a seeded Parquet file with planted faults to the temporary folder (and takes it from there the next time), runs
plain `pandera.polars` on `scan_parquet` and our step in turns, each in a process of its own, and exits with 1 when
ours takes more than 1.3 times as long (ratio of medians, whole processes), more than 1.5 GB at its peak, or counts
one fault wrongly.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SLOWER, MEMORY = 1.3, 1.5e9
GROUP = 1_000_000
# Faults per 10 million rows; 60 pairs of equal ids are 120 rows.
FAULTS = {"age/le": 100, "color/isin": 200, "email/str_matches": 500, "score/not_null": 1000, "id/unique": 120}

SCHEMA = """
import pandera.polars as pa


class Rows(pa.DataFrameModel):
    id: int = pa.Field(unique=True)
    f0: float = pa.Field(in_range={"min_value": -20, "max_value": 20})
    f1: float = pa.Field(in_range={"min_value": -20, "max_value": 20})
    f2: float = pa.Field(in_range={"min_value": -20, "max_value": 20})
    f3: float = pa.Field(in_range={"min_value": -20, "max_value": 20})
    f4: float = pa.Field(in_range={"min_value": -20, "max_value": 20})
    f5: float
    f6: float
    amount: float = pa.Field(gt=0)
    score: float = pa.Field(ge=0, le=1)
    age: int = pa.Field(ge=0, le=120)
    visits: int = pa.Field(ge=0)
    level: int = pa.Field(isin=[0, 1, 2, 3, 4])
    active: bool
    color: str = pa.Field(isin=["red", "green", "blue"])
    city: str = pa.Field(str_length={"min_value": 1, "max_value": 20})
    email: str = pa.Field(str_matches=r"^[^@]+@[^@]+$")
    note: str
    ts: "datetime.datetime"
    maybe: float = pa.Field(nullable=True, ge=0)
""".replace("import pandera", "import datetime\n\nimport pandera", 1)

PLAIN = """
import json, sys
import polars as pl
from pandera.config import config_context
from pandera.errors import SchemaErrors
from ci_kit.data import load_object
from pathlib import Path
folder, data = sys.argv[1:3]
schema = load_object("schema.py:Rows", Path(folder))
with config_context(validation_depth="SCHEMA_AND_DATA"):
    try:
        schema.validate(pl.scan_parquet(data), lazy=True)
        cases = 0
    except SchemaErrors as errors:
        cases = errors.failure_cases.height
print(json.dumps({"cases": cases}))
"""

OURS = """
import json, sys
from pathlib import Path
from ci_kit.config import Config
from ci_kit.job import Job
from ci_kit.validate.step import run
folder, data = sys.argv[1:3]
config = Config.model_validate({"data": {"rows": {"path": data, "schema": "schema.py:Rows"}}})
checks = run(Job(root=Path(folder), config=config, say=lambda text: None)).checks
print(json.dumps({one.id.removeprefix("schema/rows/"): one.observed for one in checks if one.status != "pass"}))
"""


def expected(rows: int) -> dict[str, int]:
    """Return how many rows of a file of this size break each rule."""
    return {rule: max(2, count * rows // 10_000_000 // 2 * 2) for rule, count in FAULTS.items()}


def generate(path: Path, rows: int) -> None:
    """Write the file, a group of rows at a time."""
    random = np.random.default_rng(20261121)
    faults = expected(rows)
    places = {rule: np.sort(random.choice(rows, count, replace=False)) for rule, count in faults.items()}
    twins = places["id/unique"]
    first, second = twins[: len(twins) // 2], twins[len(twins) // 2 :]
    partial = path.with_suffix(".partial")
    writer = None
    for start in range(0, rows, GROUP):
        size = min(GROUP, rows - start)
        columns = _columns(random, start, size)
        for rule, value in (("age/le", 200), ("color/isin", "purple"), ("email/str_matches", "nobody")):
            _plant(columns[rule.split("/")[0]], places[rule], value, start, size)
        for to, like in zip(second, first, strict=True):
            _plant(columns["id"], np.array([to]), like, start, size)
        missing = np.zeros(size, dtype=bool)
        _plant(missing, places["score/not_null"], value=True, start=start, size=size)
        arrays = {name: pa.array(values) for name, values in columns.items()}
        arrays["score"] = pa.array(columns["score"], mask=missing)
        arrays["maybe"] = pa.array(np.abs(columns["f0"]), mask=random.random(size) < 0.1)
        table = pa.table(arrays)
        writer = writer or pq.ParquetWriter(partial, table.schema, compression="snappy")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    partial.rename(path)


def _columns(random: np.random.Generator, start: int, size: int) -> dict[str, Any]:
    columns: dict[str, Any] = {"id": np.arange(start, start + size)}
    columns |= {f"f{i}": random.normal(size=size) for i in range(7)}
    columns["amount"] = random.lognormal(size=size)
    columns["score"] = random.random(size)
    columns["age"] = random.integers(0, 100, size)
    columns["visits"] = random.poisson(3, size)
    columns["level"] = random.integers(0, 5, size)
    columns["active"] = random.random(size) < 0.5
    columns["color"] = np.array(["red", "green", "blue"], dtype=object)[random.integers(0, 3, size)]
    columns["city"] = np.array([f"city {i}" for i in range(50)], dtype=object)[random.integers(0, 50, size)]
    number = random.integers(0, 10**9, size)
    columns["email"] = np.char.add(number.astype(str), "@example.org").astype(object)
    columns["note"] = np.array([f"note number {i}" for i in range(1000)], dtype=object)[random.integers(0, 1000, size)]
    columns["ts"] = np.datetime64("2026-01-01", "us") + random.integers(0, 10**13, size)
    return columns


def _plant(values: Any, places: Any, value: Any, start: int, size: int) -> None:
    inside = places[(places >= start) & (places < start + size)] - start
    values[inside] = value


def timed(code: str, folder: Path, data: Path) -> tuple[float, float, int, dict[str, Any]]:
    """Run the code in a process of its own and return seconds, CPU seconds, peak bytes and what it printed."""
    began = time.perf_counter()
    command = [sys.executable, "-c", code, str(folder), str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"a measured process ended with {process.returncode}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, peak, json.loads(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    data = Path(tempfile.gettempdir()) / f"ci-kit-benchmark-{arguments.rows}.parquet"
    if not data.exists():
        print(f"writing {data} …", flush=True)
        generate(data, arguments.rows)
    print(f"{arguments.rows:,} rows × 20 columns, {data.stat().st_size / 1e9:.2f} GB")
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    peaks = {"plain": 0, "ours": 0}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "schema.py").write_text(SCHEMA)
        for _ in range(arguments.rounds):
            for who, code in (("plain", PLAIN), ("ours", OURS)):
                took, busy, peak, found[who] = timed(code, folder, data)
                seconds[who].append(took)
                peaks[who] = max(peaks[who], peak)
                print(f"{who:5} {took:6.2f} s, CPU {busy:6.2f} s, {peak / 1e9:.2f} GB", flush=True)
    return verdict(arguments.rows, seconds, peaks, found)


def verdict(rows: int, seconds: dict[str, list[float]], peaks: dict[str, int], found: dict[str, Any]) -> int:
    """Print what was found and return the exit code."""
    wanted = expected(rows)
    counted = {rule: int(str(seen).split(" of ")[0].replace(",", "")) for rule, seen in found["ours"].items()}
    ratio = statistics.median(seconds["ours"]) / statistics.median(seconds["plain"])
    bounds = {
        f"time: {ratio:.2f} × plain pandera (bound {SLOWER})": ratio <= SLOWER,
        f"memory: {peaks['ours'] / 1e9:.2f} GB, plain {peaks['plain'] / 1e9:.2f} GB (bound {MEMORY / 1e9})": peaks[
            "ours"
        ]
        <= MEMORY,
        f"faults: {counted}, planted {wanted}": counted == wanted,
        f"plain pandera: {found['plain']['cases']:,} cases, planted {sum(wanted.values()):,}": found["plain"]["cases"]
        == sum(wanted.values()),
    }
    for text, good in bounds.items():
        print("ok  " if good else "FAIL", text)
    return 0 if all(bounds.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
