"""What a served model costs: our bento beside a BentoML service written by hand, and beside FastAPI.

The digits of scikit-learn (64 columns), a logistic regression as ONNX, packaged by `ci-kit package --build`. All four
servers check the same: types, ranges, missing and extra columns. They run at the same time and are asked one after the
other, in rounds, by clients that keep their connections; user and system time of a server's whole process tree are
counted, the clients' own is not.

hand  a BentoML service with a strict pydantic model and an async method, one session of ONNX Runtime
ours  the bento, prediction log off; log: the same with the log on
fast  FastAPI with the same pydantic model, served by uvicorn

Exit code 1 when a request fails, or when, as medians over the rounds, ours takes more than 1.15 times the CPU of hand,
or the log adds more than 8 %.

    python benchmarks/serving.py [--rounds 5] [--requests 1500] [--clients 1] [--rows 1]
"""

import argparse
import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from ci_kit.bento.server import command, environment, free_port
from ci_kit.export import export_sklearn

COST, LOG = 1.15, 0.08
NAMES = [f"p{pixel:02d}" for pixel in range(64)]
SCHEMA = """
import pandera.polars as pa

SCHEMA = pa.DataFrameSchema({{name: pa.Column(int, pa.Check.in_range(0, 16)) for name in {names}}})
"""
ROWS = """
from typing import Annotated

import numpy as np
import onnxruntime
from pydantic import BaseModel, ConfigDict, Field, create_model

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({model!r}, options, providers=["CPUExecutionProvider"])
NAMES = {names}
Pixel = Annotated[int, Field(ge=0, le=16, strict=True)]
Row = create_model("Row", __config__=ConfigDict(extra="forbid"), **{{name: (Pixel, ...) for name in NAMES}})


def answers(rows):
    table = np.array([[getattr(row, name) for name in NAMES] for row in rows], dtype=np.float32)
    labels, probabilities = session.run(["label", "probabilities"], {{"features": table}})
    found = zip(labels.tolist(), probabilities.tolist())
    return [{{"prediction": one, "probabilities": dict(zip(map(str, range(10)), each))}} for one, each in found]
"""
HAND = """
import bentoml
from rows import Row, answers


@bentoml.service(workers=1)
class Digits:
    @bentoml.api
    async def predict(self, rows: list[Row]) -> dict:
        return {"predictions": answers(rows)}
"""
FAST = """
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from rows import Row, answers


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rows: list[Row] = Field(min_length=1, max_length=1000)


app = FastAPI()


@app.post("/predict")
async def predict(request: Request) -> dict:
    return {"predictions": answers(request.rows)}
"""


class Server:
    """One process tree that listens on a port."""

    def __init__(self, name: str, words: list[str], port: int, folder: Path, extra: dict[str, str]) -> None:
        folder.mkdir(exist_ok=True)
        self.name, self.port = name, port
        env = environment(folder / "home", {"PYTHONPATH": str(folder)} | extra)
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(words, cwd=folder, env=env, stdout=log, stderr=log)

    def cpu(self) -> float:
        root = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (root, *root.children(recursive=True))]
        return sum(one.user + one.system for one in times)

    def ask(self, body: bytes, count: int, clients: int) -> list[float]:
        """Return the seconds of each request; raise SystemExit for one that fails."""
        took: list[float] = []
        failed: list[str] = []

        def run() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            for _ in range(count // clients):
                started = time.perf_counter()
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                took.append(time.perf_counter() - started)
                if answer.status != 200:
                    failed.append(content[:200].decode())
            connection.close()

        threads = [threading.Thread(target=run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise SystemExit(f"broken: {self.name} answered {failed[0]}")
        return took


@contextmanager
def served(name: str, words: list[str], port: int, folder: Path, **extra: str) -> Iterator[Server]:
    server = Server(name, words, port, folder, extra)
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=5).request("GET", "/")
                break
            except OSError:
                time.sleep(0.2)
        yield server
    finally:
        for one in [*psutil.Process(server.process.pid).children(recursive=True), psutil.Process(server.process.pid)]:
            one.kill()
        server.process.wait(timeout=20)


def project(root: Path) -> Path:
    """Package the digits and return the bento."""
    digits = load_digits()
    frame = pl.DataFrame(digits.data.astype(np.int64), schema=NAMES)
    model = LogisticRegression(max_iter=500).fit(digits.data, digits.target)
    export_sklearn(model, frame.to_pandas(), root / "model.onnx")
    frame.with_columns(digit=pl.Series(digits.target)).write_csv(root / "digits.csv")
    (root / "schema.py").write_text(SCHEMA.format(names=NAMES))
    settings = "data: {evaluation: {path: digits.csv, schema: 'schema.py:SCHEMA'}}\nevaluate: {target: digit}\n"
    (root / "ci-kit.yaml").write_text(settings + "package: {name: digits}\n")
    done = subprocess.run(
        [sys.executable, "-m", "ci_kit", "package", "--build"], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return root / ".ci-kit" / "bento" / "digits"


def servers(root: Path, stack: ExitStack) -> list[Server]:
    bento, found = project(root), []
    for name, text in {"hand": HAND, "fast": FAST}.items():
        folder, port = root / name, free_port()
        folder.mkdir()
        (folder / "rows.py").write_text(ROWS.format(model=str(root / "model.onnx"), names=NAMES))
        (folder / "service.py").write_text(text)
        words = [sys.executable, "-m", "bentoml", "serve", "service:Digits", "--host", "127.0.0.1"]
        words += ["--port", str(port)]
        if name == "fast":
            words = [sys.executable, "-m", "uvicorn", "service:app", "--port", str(port), "--no-access-log"]
        found.append(stack.enter_context(served(name, words, port, folder)))
    for name in ("ours", "log"):
        port = free_port()
        extra = {"CI_KIT_LOG": str(root / "predictions")} if name == "log" else {}
        found.append(stack.enter_context(served(name, command(bento, port), port, root / name, **extra)))
    return found


def main() -> int:
    """Measure, print every round, and judge the medians."""
    parser = argparse.ArgumentParser()
    for name, default in {"rounds": 5, "requests": 1500, "clients": 1, "rows": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    names = ("bentoml", "fastapi", "uvicorn", "pydantic", "onnxruntime", "ci-kit")
    print(f"{machine}, Python {platform.python_version()}, {', '.join(f'{one} {version(one)}' for one in names)}")
    row = dict(zip(NAMES, load_digits().data[0].astype(int).tolist(), strict=True))
    body = json.dumps({"rows": [row] * given.rows}).encode()
    costs: dict[str, list[float]] = {}
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        running = servers(Path(folder), stack)
        time.sleep(5)
        for one in running:
            one.ask(body, 300, given.clients)
        for turn in range(given.rounds):
            for one in running if turn % 2 else reversed(running):
                before = one.cpu()
                times.setdefault(one.name, []).extend(one.ask(body, given.requests, given.clients))
                costs.setdefault(one.name, []).append((one.cpu() - before) / given.requests)
            print("   ".join(f"{name} {took[-1] * 1e6:6.0f} µs" for name, took in sorted(costs.items())))
        time.sleep(1)
        written = sum(len(path.read_bytes().splitlines()) for path in (Path(folder) / "predictions").glob("*.jsonl"))
    asked = (300 // given.clients + given.rounds * (given.requests // given.clients)) * given.clients * given.rows
    if written != asked:
        raise SystemExit(f"broken: {written:,} of {asked:,} rows are in the prediction log")
    return judged(costs, times)


def judged(costs: dict[str, list[float]], times: dict[str, list[float]]) -> int:
    hand = costs["hand"]
    for name, took in costs.items():
        ratio = statistics.median(one / two for one, two in zip(took, hand, strict=True))
        spans = np.percentile(times[name], [50, 99]) * 1000
        print(
            f"{name:5} CPU a request {statistics.median(took) * 1e6:6.0f} µs, {ratio:.2f} × hand;"
            f" p50 {spans[0]:.2f} ms, p99 {spans[1]:.2f} ms"
        )
    cost = statistics.median(one / two for one, two in zip(costs["ours"], hand, strict=True))
    log = statistics.median(one / two for one, two in zip(costs["log"], costs["ours"], strict=True)) - 1
    print(f"ours / hand {cost:.2f} (bound {COST}), the log adds {log:.1%} (bound {LOG:.0%})")
    return int(cost > COST or log > LOG)


if __name__ == "__main__":
    sys.exit(main())
