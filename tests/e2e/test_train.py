"""`ci-kit train` with real signals and a real DVC: nothing is left running, a checkpoint is kept, nothing is redone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ci_kit.config import read
from ci_kit.data import pulled
from ci_kit.job import Job
from ci_kit.result import Findings, load
from ci_kit.train import dvc, step

pytestmark = pytest.mark.e2e

LIMIT = 7.5  # seconds that GitHub leaves between SIGINT and SIGTERM
RUN = """
import sys
from pathlib import Path
from ci_kit.config import read
from ci_kit.errors import Cancelled
from ci_kit.job import Job
from ci_kit.train.step import run
config = read(f"{{train: {{command: {sys.argv[1]!r}, gpu: none}}}}".encode())
try:
    run(Job(root=Path.cwd(), config=config, say=lambda text: print(text, flush=True)))
except Cancelled as error:
    print(error)
    sys.exit(error.exit_code)
"""
TRAIN = """
import os, signal, subprocess, sys, time
kind = sys.argv[1]
if kind == "polite":
    def save(number, frame):
        open("checkpoint.part", "w").write("epoch 3")
        os.replace("checkpoint.part", "checkpoint.txt")
        sys.exit(143)
    signal.signal(signal.SIGTERM, save)
if kind == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
subprocess.Popen([sys.executable, "-c", stubborn], start_new_session=True)
subprocess.Popen(["sh", "-c", "(sleep 99 &) ; exec sleep 99"], start_new_session=True)
time.sleep(0.5)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "train.py").write_text(TRAIN)
    yield tmp_path
    for process in inside(tmp_path):
        process.kill()


def inside(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def start(folder: Path, command: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, command], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n":
            return process
    raise AssertionError(f"the command ended early with {process.wait()}")


def stop(process: subprocess.Popen[str], *numbers: int, apart: float = 1.0) -> tuple[float, str]:
    """Send the signals, `apart` seconds between them, and return how long it took to end and what was said."""
    started = time.monotonic()
    for index, number in enumerate(numbers):
        if index:
            time.sleep(apart)
        process.send_signal(number)
    said, _ = process.communicate(timeout=20)
    return time.monotonic() - started, said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    "command",
    ["python train.py polite", "cd . && python train.py polite; exit 0", "bash -c 'python train.py polite' | cat"],
)
def test_a_cancel_saves_a_checkpoint_and_leaves_no_process(folder: Path, command: str, number: int) -> None:
    process = start(folder, command.replace("python", sys.executable))
    assert len(inside(folder)) >= 5
    seconds, said = stop(process, number)
    assert process.returncode == 130, said
    assert seconds < LIMIT
    assert (folder / "checkpoint.txt").read_text() == "epoch 3"
    assert inside(folder) == []
    assert signal.Signals(number).name in said
    assert "checkpoint.txt" in said


def test_a_command_without_a_handler_ends_at_once(folder: Path) -> None:
    process = start(folder, f"{sys.executable} train.py plain")
    seconds, said = stop(process, signal.SIGINT)
    assert (process.returncode, inside(folder)) == (130, []), said
    assert seconds < LIMIT


def test_a_command_that_ignores_sigterm_is_killed_inside_the_limit(folder: Path) -> None:
    process = start(folder, f"trap '' TERM; {sys.executable} train.py stubborn; true")
    seconds, said = stop(process, signal.SIGINT)
    assert (process.returncode, inside(folder)) == (130, []), said
    assert 5.5 < seconds < LIMIT
    assert "It wrote no file" in said


def test_a_second_signal_kills_at_once(folder: Path) -> None:
    process = start(folder, f"{sys.executable} train.py stubborn")
    seconds, said = stop(process, signal.SIGINT, signal.SIGINT, apart=0.5)
    assert (process.returncode, inside(folder)) == (130, []), said
    assert seconds < 3


def test_the_command_line_exits_with_130_and_keeps_a_result_that_says_what_was_saved(folder: Path) -> None:
    (folder / "ci-kit.yaml").write_text(f"train: {{command: {sys.executable} train.py polite, gpu: none}}\n")
    command = [sys.executable, "-c", "from ci_kit.__main__ import main; main()", "train"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert "ready\n" in iter(process.stdout.readline, "")
    seconds, said = stop(process, signal.SIGINT)
    assert (process.returncode, inside(folder)) == (130, []), said
    assert seconds < LIMIT
    result = load(folder / ".ci-kit/train.json")
    assert result.status == "fail"
    assert "checkpoint.txt" in (result.checks[0].detail or "")


def test_workers_of_a_command_that_handles_sigterm_are_left_to_it(folder: Path) -> None:
    """A DataLoader worker killed from outside would make the trainer raise in the middle of its checkpoint."""
    (folder / "train.py").write_text("""
import signal, sys, time
import torch
from torch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    def __len__(self): return 10**6
    def __getitem__(self, index): time.sleep(0.001); return index

def save(number, frame):
    time.sleep(1)  # a checkpoint takes its time
    open("checkpoint.txt", "w").write("whole")
    sys.exit(143)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, save)
    for count, batch in enumerate(DataLoader(Numbers(), batch_size=4, num_workers=2)):
        if count == 3:
            print("ready", flush=True)
""")
    process = start(folder, f"{sys.executable} train.py; true")
    seconds, said = stop(process, signal.SIGINT)
    assert (process.returncode, inside(folder)) == (130, []), said
    assert (folder / "checkpoint.txt").read_text() == "whole"
    assert seconds < LIMIT


PIPELINE = """
stages:
  train:
    cmd: echo trained >> log.txt && cp params.yaml model.onnx && echo '{"accuracy":0.5}' > metrics.json
    deps: [params.yaml]
    outs: [model.onnx]
    metrics: [metrics.json: {cache: false}]
"""


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    root, remote = tmp_path / "repository", tmp_path / "remote"
    root.mkdir()
    (root / "dvc.yaml").write_text(PIPELINE)
    (root / "params.yaml").write_text("C: 1\n")
    tool = dvc.executable()
    for command in (
        ["git", "init", "-q"],
        [tool, "init", "-q"],
        [tool, "remote", "add", "-q", "-d", "here", str(remote)],
    ):
        subprocess.run(command, cwd=root, check=True, env=os.environ | {"DVC_NO_ANALYTICS": "1"})
    return root


def reproduce(root: Path) -> tuple[dict[str, str], Findings, int]:
    """Return the statuses, the findings and how often the stage has run so far."""
    findings = step.run(Job(root=root, config=read(b"train: {outputs: model.onnx, gpu: none}")))
    log = root / "log.txt"
    judged = [check for check in findings.checks if not check.id.startswith("preflight")]
    statuses: dict[str, str] = {check.id: check.status for check in judged}
    return statuses, findings, len(log.read_text().split()) if log.exists() else 0


def test_dvc_trains_once_skips_what_did_not_change_and_fetches_what_is_missing(pipeline: Path) -> None:
    before = pulled.total()
    statuses, findings, runs = reproduce(pipeline)
    expected = {"command": "pass", "dvc/lock/train": "warn", "outputs/model.onnx": "pass", "metrics": "pass"}
    assert (statuses, runs) == (expected, 1)
    assert [file.role for file in findings.files] == ["model"]
    assert "wall_time" in findings.metrics
    assert 0 < findings.metrics["stage/train"].value < findings.metrics["wall_time"].value
    assert pulled.total() == before  # what a stage makes here has not come from elsewhere
    tool = dvc.executable()
    subprocess.run([tool, "push", "-q", "--run-cache"], cwd=pipeline, check=True)

    statuses, findings, runs = reproduce(pipeline)
    assert (statuses["command"], runs) == ("skip", 1)
    assert findings.checks[0].title == "Nothing changed, training skipped"
    assert set(findings.metrics) == {"accuracy", "stage/train"}
    assert findings.metrics["stage/train"].value == 0

    (pipeline / "model.onnx").unlink()
    subprocess.run(["rm", "-rf", ".dvc/cache"], cwd=pipeline, check=True)
    statuses, findings, runs = reproduce(pipeline)
    assert (statuses["command"], statuses["outputs/model.onnx"], runs) == ("skip", "pass", 1)
    assert (pipeline / "model.onnx").read_text() == "C: 1\n"
    assert findings.metrics["stage/train"].value == 0
    assert pulled.total() - before == len("C: 1\n")

    (pipeline / "params.yaml").write_text("C: 2\n")
    statuses, findings, runs = reproduce(pipeline)
    assert (statuses["command"], runs) == ("pass", 2)
    assert (pipeline / "model.onnx").read_text() == "C: 2\n"
    assert pulled.total() - before == len("C: 1\n")


def test_what_one_runner_has_trained_another_does_not_train_again(pipeline: Path, tmp_path: Path) -> None:
    """The run cache goes through DVC's remote; the lock is not committed yet, as on a pull request's first run."""
    lines = PIPELINE.replace("metrics: [metrics.json: {cache: false}]", "metrics: [metrics.json]")
    (pipeline / "dvc.yaml").write_text(lines)
    other = tmp_path / "other"
    subprocess.run(["cp", "-r", str(pipeline), str(other)], check=True)
    config = read(b"train: {outputs: model.onnx, gpu: none, push: true}")
    found = {check.id: check for check in step.run(Job(root=pipeline, config=config)).checks}
    assert (found["command"].status, "push" in found) == ("pass", False)
    before, findings = pulled.total(), step.run(Job(root=other, config=config))
    again = {check.id: check for check in findings.checks}
    assert findings.metrics["stage/train"].value == 0
    assert pulled.total() - before == sum((other / name).stat().st_size for name in ("model.onnx", "metrics.json"))
    assert again["command"].title == "Restored from DVC's run cache, not trained again"
    assert not (other / "log.txt").exists()
    assert (other / "model.onnx").read_text() == "C: 1\n"
    subprocess.run(["rm", "-rf", str(tmp_path / "remote")], check=True)
    (tmp_path / "remote").touch()
    (pipeline / "params.yaml").write_text("C: 3\n")
    failed = {check.id: check.status for check in step.run(Job(root=pipeline, config=config)).checks}
    assert (failed["command"], failed["push"]) == ("pass", "fail")


def test_dvc_names_the_exit_code_of_its_stage_and_an_unreachable_output(pipeline: Path) -> None:
    text = (pipeline / "dvc.yaml").read_text()
    (pipeline / "dvc.yaml").write_text(text.replace("echo trained", "exit 9; echo trained"))
    statuses, findings, _ = reproduce(pipeline)
    assert statuses == {"command": "fail"}
    assert findings.checks[-1].observed == "exit 9"
    assert "exited with 9" in (findings.checks[-1].detail or "")

    (pipeline / "dvc.yaml").write_text(text)
    assert reproduce(pipeline)[0]["command"] == "pass"
    (pipeline / "model.onnx").unlink()
    subprocess.run(["rm", "-rf", ".dvc/cache"], cwd=pipeline, check=True)
    statuses, findings, _ = reproduce(pipeline)
    assert (statuses["pull"], statuses["outputs/model.onnx"]) == ("fail", "fail")
