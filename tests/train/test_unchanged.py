"""`dvc repro` would run nothing: known without DVC, and never wrongly."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ci_kit.train import dvc, unchanged
from ci_kit.train.unchanged import unchanged as decide

pytestmark = pytest.mark.e2e
PIPELINE = """
stages:
  prepare:
    cmd: mkdir -p parts/deep && cp data.csv parts/a.csv && cp data.csv parts/deep/b.csv
    deps: [data.csv, folder]
    outs: [parts]
  train:
    cmd: python train.py --depth ${depth} --name ${names.model}
    wdir: .
    deps: [parts, train.py]
    params: [lr, depth, other.yaml: [seed], all.yaml: null]
    outs: [model.bin]
    metrics: [metrics.json: {cache: false}]
    plots: [curve.csv]
"""
TRAIN = """
import pathlib
pathlib.Path("model.bin").write_text("model")
pathlib.Path("metrics.json").write_text("{}")
pathlib.Path("curve.csv").write_text("x\\n1\\n")
pathlib.Path("ran").touch()
"""
FILES = {
    "dvc.yaml": PIPELINE,
    "train.py": TRAIN,
    "params.yaml": "lr: 0.1\ndepth: 3\nnames: {model: m}\nunused: 1\n",
    "other.yaml": "seed: 7\nmore: 1\n",
    "all.yaml": "a: 1\nb: [1, 2]\n",
    "data.csv": "a,b\n1,2\n",
    "folder/one": "1",
    "folder/zwei/ü": "2",
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose pipeline has run, all of it committed."""
    root = tmp_path_factory.mktemp("made")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for command in (
        ["git", "init", "-q"],
        tool("init", "-q"),
        tool("add", "-q", "data.csv", "folder"),
        tool("repro", "-q"),
    ):
        run(command, root)
    run(["git", "add", "-A"], root)
    run(["git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"], root)
    return root


def tool(*words: str) -> list[str]:
    return [dvc.executable(), *words]


def run(command: list[str], root: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = os.environ | {"DVC_NO_ANALYTICS": "1", "PATH": path}
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True, env=env).stdout


@pytest.fixture
def repo(trained: Path, tmp_path: Path) -> Path:
    run(["cp", "-a", f"{trained}/.", str(tmp_path)], trained)
    (tmp_path / "ran").unlink()
    return tmp_path


def test_it_is_as_dvc_says_where_nothing_changed(repo: Path) -> None:
    assert "Data and pipelines are up to date" in run(tool("status"), repo)
    assert decide(repo)


def test_a_checkout_without_the_data_is_unchanged_too(repo: Path) -> None:
    for name in ("parts", "folder"):
        subprocess.run(["rm", "-rf", name], cwd=repo, check=True)
    for name in ("data.csv", "model.bin"):
        (repo / name).unlink()
    assert decide(repo)


def write(name: str, text: str) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)

    return act


def swap(name: str, old: str, new: str) -> Callable[[Path], None]:
    def act(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new, 1))

    return act


CHANGES: dict[str, Callable[[Path], None]] = {
    "data": write("data.csv", "a,b\n1,3\n"),
    "a file of a folder": write("folder/one", "3"),
    "a file more in a folder": write("folder/more", "3"),
    "code": swap("train.py", "model", "modell"),
    "a parameter": swap("params.yaml", "0.1", "0.2"),
    "a template": swap("params.yaml", "model: m", "model: n"),
    "a parameter elsewhere": swap("other.yaml", "7", "8"),
    "a whole file of parameters": swap("all.yaml", "b: [1", "b: [2"),
    "the command": swap("dvc.yaml", "--depth", "--deep"),
    "a dependency more": swap("dvc.yaml", "[parts, train.py]", "[parts, train.py, params.yaml]"),
    "an output less": swap("dvc.yaml", "    plots: [curve.csv]\n", ""),
    "a stage more": swap("dvc.yaml", "  train:", "  more: {cmd: touch more, deps: [data.csv], outs: [more]}\n  train:"),
    "the model": write("model.bin", "another"),
    "the metrics": write("metrics.json", "[]"),
    "no lock": lambda root: (root / "dvc.lock").unlink(),
    "a lost stage": write("dvc.lock", "schema: '2.0'\nstages: {}\n"),
    "metrics that git alone has": lambda root: (root / "metrics.json").unlink(),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whatever_dvc_would_run_for_is_a_change(repo: Path, name: str) -> None:
    assert decide(repo)
    CHANGES[name](repo)
    assert not decide(repo)


UNSURE = {
    "another pipeline": write("sub/dvc.yaml", "stages: {}"),
    "a matrix": swap("dvc.yaml", "    wdir: .", "    matrix: {x: [1]}\n    wdir: ."),
    "a stage that always runs": swap("dvc.yaml", "    wdir: .", "    always_changed: true\n    wdir: ."),
    "variables": swap("dvc.yaml", "stages:", "vars: [other.yaml]\nstages:"),
    "a number with a point in a template": swap("dvc.yaml", "${depth}", "${lr}"),
    "a dependency far away": swap("dvc.yaml", "[parts, train.py]", "['s3://bucket/x', train.py]"),
    "rules for what counts": write(".dvcignore", "*.tmp\n"),
    "another format": swap("dvc.lock", "hash: md5", "hash: etag"),
    "an older format": swap("dvc.lock", "'2.0'", "'1.0'"),
    "nonsense": write("dvc.lock", "[" * 5000),
    "no stages": write("dvc.yaml", "stages: {}\n"),
    "data that was added anew": swap("data.csv.dvc", "md5: ", "md5: 0"),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_is_not_understood_is_left_to_dvc(repo: Path, name: str) -> None:
    UNSURE[name](repo)
    assert not decide(repo)


def test_more_data_than_is_quickly_read_is_left_to_dvc(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MOST", 10)
    assert not decide(repo)


def test_the_step_says_so_without_dvc_and_without_the_gpu_that_it_requires(repo: Path) -> None:
    (repo / "ci-kit.yaml").write_text("train: {outputs: model.bin, gpu: required}\n")
    watch = "import sys\nfrom ci_kit.__main__ import main\ntry: main()\nfinally: print('dvc' in sys.modules)"
    said = run([sys.executable, "-c", watch, "train"], repo)
    assert said.splitlines()[-1] == "False"
    result = json.loads((repo / ".ci-kit/train.json").read_text())
    checks = {check["id"]: check["status"] for check in result["checks"]}
    assert checks == {"command": "skip", "outputs/model.bin": "pass", "metrics": "warn"}
    assert not (repo / "ran").exists()
