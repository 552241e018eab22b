"""Whole packagings: two folders and one digest, what goes along with the model, and what stops it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

from ci_kit import config
from ci_kit.bento.content import changes
from ci_kit.evaluate.step import run as evaluate
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.package import step
from ci_kit.package.lineage import model_file
from ci_kit.parts import Run, Source
from ci_kit.result import Findings
from tests.forge.repository import git
from tests.models.made import project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
SCHEMA = """
import pandera.polars as pa

SCHEMA = pa.DataFrameSchema(
    {
        "a": pa.Column(float, pa.Check.in_range(-9, 9)),
        "b": pa.Column(float, pa.Check.in_range(-9, 9)),
        "target": pa.Column(int),
    },
    checks=[pa.Check(lambda data: data.lazyframe.collect().height > 1, name="rows")],
)
"""
REFERENCE = """
import numpy as np


def answers(frame):
    first, second = (np.asarray(frame[name], dtype=np.float64) for name in ("a", "b"))
    {extra}
    return np.stack([-2 * (first - second), 2 * (first - second)], axis=1)
"""
RUN = Run(kit="0", started="2026-11-25T10:00:00+00:00", seconds=1.0)
WHEN = "2026-11-20T09:00:00+00:00"


def made(root: Path, *, source: str = "", reference: str = "", **package: object) -> Path:
    """Make a repository with one commit of one date, whose model carries the path of its export."""
    root.mkdir(parents=True)
    project(root)
    model = onnx.load(root / "model.onnx")
    model.doc_string = source
    for node in model.graph.node:
        node.metadata_props.add(key="stack", value=f"{source}/train.py:12")
    onnx.save(model, root / "model.onnx")
    (root / "schema.py").write_text(SCHEMA)
    (root / "reference.py").write_text(REFERENCE.format(extra=reference))
    document = {
        "data": {"evaluation": {"path": "eval.csv", "schema": "schema.py:SCHEMA"}},
        "evaluate": {"first-run": "allow"},
        "package": {"name": "halves", "licence": "Apache-2.0", "store": "store"} | package,
    }
    (root / "ci-kit.yaml").write_text(yaml.safe_dump(document))
    (root / ".gitignore").write_text(".ci-kit/\n__pycache__/\nstore/\nmodel.onnx\n")
    git(root, "init", "--quiet", "--initial-branch", "main")
    git(root, "add", ".")
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false")
    with dated(WHEN):
        git(root, *who, "commit", "--quiet", "-m", "start")
    return root


@contextmanager
def dated(when: str) -> Iterator[None]:
    names = ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")
    os.environ.update(dict.fromkeys(names, when))
    try:
        yield
    finally:
        for name in names:
            del os.environ[name]


def job(root: Path, **overrides: object) -> Job:
    settings = config.load(root / "ci-kit.yaml", {f"package.{name}": value for name, value in overrides.items()})
    return Job(root=root, config=settings, source=Source(repo="octo/demo", sha=Git(root).sha()), run=RUN)


def statuses(found: Findings) -> dict[str, str]:
    return {check.id: check.status for check in found.checks}


@dataclass
class Built:
    root: Path
    found: Findings

    @property
    def folder(self) -> Path:
        return self.root / ".ci-kit" / "bento" / "halves"

    @property
    def digest(self) -> str:
        (file,) = self.found.files
        return file.sha256


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    root = made(tmp_path_factory.mktemp("one") / "repo", source="/home/one", reference="")
    work = job(root, reference="reference.py:answers")
    evaluate(work).result("evaluate", None, work.source, work.run).save(root)
    return Built(root, step.build(work))


def test_everything_that_a_bento_needs_is_proven(built: Built) -> None:
    assert statuses(built.found) == {
        "evaluated": "pass",
        "contract": "warn",  # a rule of the whole table is none of a request
        "accepts": "pass",
        "parity/requests": "pass",
        "parity/framework": "pass",
        "packages": "pass",
        "parity/served": "pass",
        "refuses": "pass",
    }
    assert built.found.metrics["parity/framework"].value < 1e-5
    assert changes(built.folder, built.digest) == []


def test_two_builds_in_two_folders_have_one_digest(built: Built, tmp_path: Path) -> None:
    """Another folder, another umask, another time of day, another path in the exported model: the same bytes."""
    root = made(tmp_path / "somewhere" / "else", source="/srv/other")
    shutil.copytree(built.root / ".ci-kit", root / ".ci-kit", ignore=shutil.ignore_patterns("bento"))
    assert (root / "model.onnx").read_bytes() != (built.root / "model.onnx").read_bytes()
    before = os.umask(0o077)
    try:
        work = job(root, reference="reference.py:answers")
        evaluate(work).result("evaluate", None, work.source, work.run).save(root)
        again = Built(root, step.build(work))
    finally:
        os.umask(before)
    files = {path.relative_to(again.folder) for path in again.folder.rglob("*") if path.is_file()}
    assert files == {path.relative_to(built.folder) for path in built.folder.rglob("*") if path.is_file()}
    differ = [str(name) for name in files if (again.folder / name).read_bytes() != (built.folder / name).read_bytes()]
    own = {"manifest.json", "README.md", "sbom.cdx.json"}  # those that name the model's file, which is another one
    assert set(differ) <= own
    again.root.joinpath("model.onnx").write_bytes((built.root / "model.onnx").read_bytes())
    work = job(root, reference="reference.py:answers")
    evaluate(work).result("evaluate", None, work.source, work.run).save(root)
    assert Built(root, step.build(work)).digest == built.digest


def test_one_byte_anywhere_fails_and_names_its_file(built: Built, tmp_path: Path) -> None:
    copy = tmp_path / "halves"
    shutil.copytree(built.folder, copy)
    files = sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file())
    assert len(files) > 15
    for name in files:
        content = (copy / name).read_bytes()
        place = len(content) // 2
        (copy / name).write_bytes(
            content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :] if content else b"x"
        )
        found = changes(copy, built.digest)
        assert found, name
        assert name in found[0]
        (copy / name).write_bytes(content)
    assert changes(copy, built.digest) == []


def test_the_bill_of_materials_is_valid_and_names_what_serves(built: Built) -> None:
    text = (built.folder / "sbom.cdx.json").read_text()
    from cyclonedx.schema import SchemaVersion  # which reads the grammars of tests/schemas.py, too
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    parts = {one["name"]: one for one in document["components"]}
    pinned = [line.split()[0] for line in (built.folder / "env/python/requirements.txt").read_text().splitlines()]
    libraries = {f"{one['name']}=={one['version']}" for one in parts.values() if one["type"] == "library"}
    assert libraries == set(pinned)
    model = parts["halves"]
    assert model["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    measured = {one["type"] for one in model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]}
    assert "accuracy" in measured
    assert "serialNumber" not in document


def test_the_card_says_what_a_user_of_the_model_asks(built: Built) -> None:
    card = (built.folder / "README.md").read_text()
    for part in (
        "# halves",
        "| accuracy | ",
        "| `a`, `b` | number | ≥ -9, ≤ 9 | no |",
        "Not checked by the service: rules of the whole table.",
        '{"rows": [{"a": ',
    ):
        assert part in card
    assert Git(built.root).sha() in card
    assert "Apache-2.0" in card
    assert str(built.root) not in card
    assert "latency" not in card  # two machines, one bento


def test_nothing_of_this_machine_is_in_the_bento(built: Built) -> None:
    for path in built.folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(built.root).encode() not in content, path
            assert b"/home/one" not in content, path
            assert sys.prefix.encode() not in content, path


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ("first = np.where(np.arange(len(first)) == 17, first + 0.5, first)", "largest error 1, row 17, y["),
        ("first, second = second, first", "largest error"),
    ],
)
def test_a_framework_that_answers_otherwise_stops_it_with_row_and_output(tmp_path: Path, extra: str, said: str) -> None:
    root = made(tmp_path / "repo", reference=extra)
    found = step.build(job(root, reference="reference.py:answers"))
    (check,) = (one for one in found.checks if one.id == "parity/framework")
    assert check.status == "fail"
    assert said in (check.observed or "")
    assert not found.files
    assert not (root / ".ci-kit" / "bento").exists()


def test_a_reference_of_another_shape_is_told(tmp_path: Path) -> None:
    root = made(tmp_path / "repo", reference="return first")
    found = step.build(job(root, reference="reference.py:answers"))
    (check,) = (one for one in found.checks if one.id == "parity/framework")
    assert (check.status, check.observed) == ("fail", "shapes (300,) and (300, 2)")


def test_rows_that_the_contract_would_refuse_stop_it(tmp_path: Path) -> None:
    root = made(tmp_path / "repo")
    (root / "schema.py").write_text(SCHEMA.replace("in_range(-9, 9)", "in_range(-1, 1)", 1))
    found = step.build(job(root))
    (check,) = (one for one in found.checks if one.id == "accepts")
    assert check.status == "fail"
    assert ", a: " in (check.detail or "")
    assert not found.files


def test_the_command_builds_and_registers_in_one_go(built: Built) -> None:
    command = [sys.executable, "-m", "ci_kit", "package"]
    started = time.monotonic()
    done = subprocess.run(command, cwd=built.root, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - started < 100
    assert "halves@v0.1.0" in done.stdout
    tags = git(built.root, "tag", "--list").split()
    assert tags == ["halves@v0.1.0"]
    assert np.any([path.suffix == ".bento" for path in (built.root / "store").rglob("*")])


def test_a_clone_without_the_model_gets_it_and_the_weights_beside_it_from_dvc(tmp_path: Path) -> None:
    root = made(tmp_path / "repo")
    lock = {"train": {"outs": [{"path": name, "md5": "0" * 32} for name in ("model.onnx", "weights.npz", "other.bin")]}}
    (root / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": lock}))
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ci_kit.data.dvc._bring", lambda entry, *_: asked.append(entry))
        assert model_file(job(root)) == root / "model.onnx"
        assert asked == []
        (root / "model.onnx").unlink()
        model_file(job(root))
        assert asked == ["model.onnx"]
        model_file(job(root, reference="reference.py:answers"))
    assert asked == ["model.onnx"] * 2 + ["other.bin", "weights.npz"]
