"""How long does the drift check take on 10 million rows of 20 columns, beside a scan by DuckDB and Evidently's preset?

    python benchmarks/drift_speed.py [--rows N] [--rounds N] [--preset 100000,1000000]

Generates two seeded Parquet files of mixed columns in the temporary folder (and takes them from there the next time):
a reference, and a current one in which `f0` (half a standard deviation), `amount` (times 1.3) and `city` (10 % in new
levels) have moved. In turns, each in a process of its own: DuckDB sums every column; our decision surveys both files,
then the same with a stored reference. The seconds leave out the start of Python and the imports, on both sides;
the memory is the peak of the whole process. Then Evidently's page is drawn from samples of data of each size, and its
preset run on 100,000 and 1,000,000 rows. Exits with 1 when a bound is broken: 3 × DuckDB's scan of both files, 2 × that
of the current one with a stored reference, 1.5 GB, another decision than the truth.
"""

import argparse
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BOTH, STORED, MEMORY = 3.0, 2.0, 1.5e9
MOVED = ["amount", "city", "f0"]
GROUP = 1_000_000

DUCK = """
import duckdb, json, sys, time
began = time.perf_counter()
with duckdb.connect() as connection:
    for path in sys.argv[3:]:
        columns = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
        casts = {"VARCHAR": "length({})", "BOOLEAN": "{}::INT", "TIMESTAMP": "epoch_us({})"}
        sums = [f"sum({casts.get(kind, '{}').format(name)})" for name, kind, *_ in columns]
        connection.execute(f"SELECT count(*), {', '.join(sums)} FROM '{path}'").fetchall()
print(json.dumps({"seconds": time.perf_counter() - began}))
"""

OURS = """
import json, sys, time
import polars as pl, scipy.stats
from pathlib import Path
from ci_kit.drift import profile
from ci_kit.drift.decide import moved
from ci_kit.drift.survey import survey
from ci_kit.sections import Drift
mode, folder, reference, current = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[-1]
settings = Drift()
began = time.perf_counter()
if mode in ("both", "build"):
    old = survey(pl.scan_parquet(reference), None, sample=settings.sample, key=["id"])
else:
    old = profile.load(folder, "reference")
if mode == "build":
    profile.write(old, folder)
    found = {}
else:
    kinds = {name: column.kind for name, column in old.columns.items()}
    levels = {name: column.levels for name, column in old.columns.items() if column.levels is not None}
    new = survey(pl.scan_parquet(current), kinds, sample=settings.sample, key=["id"], levels=levels)
    tests = moved(old, new, settings, key=["id"])
    found = {"moved": sorted({test.column for test in tests if test.moved})}
seconds = time.perf_counter() - began
if mode == "draw":
    from ci_kit.drift.drawing import draw
    began = time.perf_counter()
    page, _ = draw(folder, old, new, [name for name, column in old.columns.items() if column.kind != "text"])
    found |= {"draw": time.perf_counter() - began, "bytes": page.stat().st_size}
print(json.dumps({"seconds": seconds} | found))
"""

PRESET = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset
old, new = (pd.read_parquet(path) for path in sys.argv[3:])
numbers = [*(f"f{i}" for i in range(7)), "amount", "score", "age", "visits", "level", "maybe"]
categories = ["active", "color", "city", "note"]
began = time.perf_counter()
known = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
sides = [Dataset.from_pandas(frame[numbers + categories], data_definition=known) for frame in (new, old)]
report = Report([DataDriftPreset(columns=numbers + categories)]).run(*sides)
report.save_html(sys.argv[2] + "/preset.html")
print(json.dumps({"seconds": time.perf_counter() - began}))
"""


def generate(path: Path, rows: int, moved: bool) -> None:
    """Write one side, a group of rows at a time."""
    random = np.random.default_rng(20261121 + moved)
    partial, writer = path.with_suffix(".partial"), None
    for start in range(0, rows, GROUP):
        table = pa.table(_columns(random, start, min(GROUP, rows - start), moved=moved))
        writer = writer or pq.ParquetWriter(partial, table.schema, compression="snappy")
        writer.write_table(table)
    assert writer is not None
    writer.close()
    partial.rename(path)


def _columns(random: np.random.Generator, start: int, size: int, *, moved: bool) -> dict[str, Any]:
    def choice(values: list[str]) -> Any:
        return pa.array(values).take(pa.array(random.integers(0, len(values), size)))

    columns: dict[str, Any] = {"id": np.arange(start, start + size) + 10**9 * moved}
    columns |= {f"f{i}": random.normal(0.5 * (moved and i == 0), 1, size) for i in range(7)}
    columns["amount"] = random.lognormal(size=size) * (1.3 if moved else 1)
    columns["score"] = random.random(size)
    columns["age"] = random.integers(0, 100, size)
    columns["visits"] = random.poisson(3, size)
    columns["level"] = random.integers(0, 5, size)
    columns["active"] = random.random(size) < 0.5
    columns["color"] = choice(["red", "green", "blue"])
    columns["city"] = choice([f"city {i}" for i in range(45)] + [f"city {i + 50 * moved}" for i in range(45, 50)])
    columns["email"] = np.char.add(random.integers(0, 10**9, size).astype(str), "@example.org")
    columns["note"] = choice([f"note number {i}" for i in range(1000)])
    columns["ts"] = np.datetime64("2026-01-01", "us") + random.integers(0, 10**13, size)
    columns["maybe"] = pa.array(np.abs(random.normal(size=size)), mask=random.random(size) < 0.1)
    return columns


def timed(code: str, mode: str, folder: Path, *data: Path) -> dict[str, Any]:
    """Run the code in a process of its own and return what it printed, with its CPU seconds and peak bytes."""
    command = [sys.executable, "-W", "ignore", "-c", code, mode, str(folder), *map(str, data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"a measured process ended with {process.returncode}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found | {"cpu": usage.ru_utime + usage.ru_stime, "peak": peak}


def sides(rows: int) -> tuple[Path, Path]:
    """Return the two files of that size, written where they are not there."""
    folder = Path(tempfile.gettempdir())
    paths = folder / f"ci-kit-drift-{rows}-reference.parquet", folder / f"ci-kit-drift-{rows}-current.parquet"
    for path, moved in zip(paths, (False, True), strict=True):
        if not path.exists():
            print(f"writing {path} …", flush=True)
            # In a process of its own: a child's peak counts what its parent held when it started.
            writer = multiprocessing.get_context("spawn").Process(target=generate, args=(path, rows, moved))
            writer.start()
            writer.join()
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset", default="100000,1000000", help="rows for Evidently's preset, '' for none")
    arguments = parser.parse_args()
    began = time.perf_counter()
    reference, current = sides(arguments.rows)
    size = (reference.stat().st_size + current.stat().st_size) / 1e9
    print(f"{arguments.rows:,} rows × 20 columns a side, {size:.2f} GB in both files\n")
    with tempfile.TemporaryDirectory() as name:
        good = decisions(arguments.rounds, Path(name), reference, current)
        sizes = [int(one) for one in arguments.preset.split(",") if one]
        pages([*sizes, arguments.rows], sizes, Path(name))
    names = ("ci-kit", "duckdb", "evidently", "numpy", "pandas", "polars", "scipy")
    print(f"\n{time.perf_counter() - began:.0f} s, {os.cpu_count()} cores, {platform.system()} {platform.machine()},")
    print(f"Python {platform.python_version()}, {', '.join(f'{one} {version(one)}' for one in names)}")
    return 0 if good else 1


def decisions(rounds: int, folder: Path, reference: Path, current: Path) -> bool:
    """Print DuckDB's scans and our decisions and say whether all bounds hold."""
    jobs = {
        "DuckDB scans both": (DUCK, "scan", (reference, current)),
        "decision, both sides": (OURS, "both", (reference, current)),
        "DuckDB scans current": (DUCK, "scan", (current,)),
        "decision, stored reference": (OURS, "stored", (current,)),
    }
    built = timed(OURS, "build", folder, reference)
    stored = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, (code, mode, data) in jobs.items():
            runs[name].append(timed(code, mode, folder, *data))
    print(f"| {rounds} rounds, medians | seconds | × DuckDB | CPU s | × DuckDB | peak MB |\n|:--|--:|--:|--:|--:|--:|")
    ratios = []
    for name, found in runs.items():
        took, cpu = (statistics.median(one[what] for one in found) for what in ("seconds", "cpu"))
        if name.startswith("DuckDB"):
            base = took, cpu
        ratios.append(took / base[0])
        peak = max(one["peak"] for one in found) / 1e6
        print(f"| {name} | {took:.2f} | {took / base[0]:.2f} | {cpu:.2f} | {cpu / base[1]:.2f} | {peak:,.0f} |")
    took, cpu, peak = built["seconds"], built["cpu"], built["peak"] / 1e6
    print(f"| building the profile ({stored:.1f} MB) | {took:.2f} | | {cpu:.2f} | | {peak:,.0f} |\n")
    ours = [one for name in jobs for one in runs[name] if "moved" in one]
    peak = max(one["peak"] for one in ours)
    bounds = {
        f"both sides: {ratios[1]:.2f} × DuckDB (bound {BOTH})": ratios[1] <= BOTH,
        f"stored reference: {ratios[3]:.2f} × DuckDB (bound {STORED})": ratios[3] <= STORED,
        f"memory: {peak / 1e9:.2f} GB (bound {MEMORY / 1e9})": peak <= MEMORY,
        f"found: {', '.join(ours[0]['moved'])}": all(one["moved"] == MOVED for one in ours),
    }
    for text, good in bounds.items():
        print("ok  " if good else "FAIL", text)
    return all(bounds.values())


def pages(rows: list[int], preset: list[int], folder: Path) -> None:
    """Print what Evidently's page costs when it is drawn from the sample, and what its preset costs on all rows."""
    print("\n| rows a side | decision s | page s | page MB | peak MB | Evidently's preset s | peak MB |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for count in rows:
        reference, current = sides(count)
        timed(OURS, "build", folder, reference)
        ours = timed(OURS, "draw", folder, current)
        page = f"{ours['draw']:.2f} | {ours['bytes'] / 1e6:.1f} | {ours['peak'] / 1e6:,.0f}"
        line = f"| {count:,} | {ours['seconds']:.2f} | {page} |"
        if count in preset:
            other = timed(PRESET, "preset", folder, reference, current)
            line += f" {other['seconds']:.2f} | {other['peak'] / 1e6:,.0f} |"
        print(line if count in preset else f"{line} not run | |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
