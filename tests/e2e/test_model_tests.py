"""Evaluate with real processes that take seconds: model tests in a pytest of their own, and a baseline out of DVC."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci_kit import config
from ci_kit.evaluate.step import run
from ci_kit.job import Job
from tests.evaluate.conftest import _plain_git  # noqa: F401
from tests.evaluate.test_step import check, commit, evaluate, record, statuses
from tests.forge.repository import git
from tests.models.made import classifier, project, write_csv

pytestmark = pytest.mark.e2e

TESTS = """
import numpy as np
import pytest
from ci_kit.testing import assert_metric

def test_good(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.5)

def test_bad(model, dataset):
    assert_metric(model, dataset, "accuracy", at_least=0.999)

def test_plain(model, dataset):
    right = model.labels(dataset.frame) == dataset.truth
    assert right.all()

@pytest.mark.skip(reason="not yet")
def test_later():
    pass

def test_needs_the_baseline(baseline):
    assert baseline

def test_says_commands():
    print("::error::from a test")
    assert False, "##[error]boom"
"""


def test_each_model_test_is_a_check_with_file_and_line(tmp_path: Path) -> None:
    root = project(tmp_path / "repo", more="tests: tests")
    (root / "tests").mkdir()
    (root / "tests" / "test_model.py").write_text(TESTS)
    (root / "tests" / "test_broken.py").write_text("import not_there\n")
    (root / "json.py").write_text("raise SystemExit('hijacked')")
    said: list[str] = []
    settings = config.load(root / config.FILE)
    findings = run(Job(root=root, config=settings, say=said.append))
    found = {name.partition("::")[2]: status for name, status in statuses(findings).items() if "::" in name}
    assert found == {}, "a file that can't be imported stops pytest before any test"
    broken = check(findings, "tests/tests/test_broken.py")
    assert (broken.status, "No module named 'not_there'" in broken.detail) == ("fail", True)
    (root / "tests" / "test_broken.py").unlink()
    findings = run(Job(root=root, config=settings, say=said.append))
    found = {name.partition("::")[2]: status for name, status in statuses(findings).items() if "::" in name}
    assert found == {
        "test_good": "pass",
        "test_bad": "fail",
        "test_plain": "fail",
        "test_later": "skip",
        "test_needs_the_baseline": "fail",
        "test_says_commands": "fail",
    }
    bad, plain = (check(findings, f"tests/tests/test_model.py::{name}") for name in ("test_bad", "test_plain"))
    assert bad.location.model_dump() == {"file": "tests/test_model.py", "line": 10}
    assert (bad.limit, bad.detail.startswith("accuracy is ")) == ("≥ 99.9 %", True)
    assert plain.location.line == 14
    needs = check(findings, "tests/tests/test_model.py::test_needs_the_baseline")
    assert needs.detail == "no baseline model: not a git repository"
    assert not [line for line in said if line.startswith("::") or "##[" in line]
    assert not (root / ".hypothesis").exists()


SECRETS = """
import os
import warnings

def test_plain(dataset):
    print("printed", dataset.frame["a"][0])
    warnings.warn(str(dataset.frame["a"][0]))
    assert dataset.frame["a"].to_list()[:6] == []
"""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("test_a.py", SECRETS),
        ("conftest.py", "raise RuntimeError(open('eval.csv').read())"),
        ("test_a.py", "raise RuntimeError(open('eval.csv').read())"),
        ("test_a.py", "import os\ndef test(): os.write(2, open('eval.csv', 'rb').read()); os._exit(9)"),
    ],
)
def test_no_value_of_a_sensitive_column_reaches_the_log_or_the_result(tmp_path: Path, file: str, text: str) -> None:
    root = project(tmp_path / "repo", more="tests: tests", data=", sensitive: a")
    (root / "tests").mkdir()
    (root / "tests" / file).write_text(text)
    said: list[str] = []
    findings = run(Job(root=root, config=config.load(root / config.FILE), say=said.append))
    value = (root / "eval.csv").read_text().splitlines()[1].partition(",")[0]
    told = "\n".join([*said, *map(str, findings.checks)])
    assert value not in told
    assert [line for line in said if "withheld: the data has sensitive columns; run pytest to see it" in line]
    failed = [one for one in findings.checks if one.id.startswith("tests") and one.status == "fail"]
    assert [one.detail for one in failed] == ["withheld: the data has sensitive columns; run pytest to see it"]


def test_no_secret_reaches_the_log_or_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORE_TOKEN", "hunter2hunter2")
    root = project(tmp_path / "repo", more="tests: tests")
    (root / "tests").mkdir()
    text = "import os\ndef test():\n    print(token := os.environ['STORE_TOKEN'])\n    assert token == ''\n"
    (root / "tests" / "test_a.py").write_text(text)
    said: list[str] = []
    findings = run(Job(root=root, config=config.load(root / config.FILE), say=said.append))
    assert "hunter2" not in "\n".join([*said, *map(str, findings.checks)])
    assert [line for line in said if "***" in line]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "No test was found"),
        ({"conftest.py": "raise RuntimeError('from conftest')"}, "from conftest"),
        ({"test_a.py": "import os\ndef test(): os._exit(9)"}, ""),
    ],
)
def test_a_pytest_that_tests_nothing_fails(tmp_path: Path, files: dict[str, str], says: str) -> None:
    root = project(tmp_path / "repo", more="tests: tests")
    (root / "tests").mkdir()
    for name, text in files.items():
        (root / "tests" / name).write_text(text)
    found = check(evaluate(root), "tests")
    assert (found.status, says in (found.detail or "")) == ("fail", True)


def test_a_baseline_model_in_dvc_is_scored_again(tmp_path: Path) -> None:
    """Its cache is gone: it comes from the remote, by a real DVC."""
    root, remote = project(tmp_path / "repo"), tmp_path / "remote"

    def dvc(*arguments: str) -> None:
        subprocess.run((sys.executable, "-m", "dvc", *arguments), cwd=root, check=True, capture_output=True)

    git(root, "init", "--quiet", "--initial-branch=main")
    dvc("init", "--quiet")
    dvc("remote", "add", "--default", "store", str(remote))
    dvc("add", "model.onnx")
    dvc("push")
    sha = commit(root)
    record(root, evaluate(root, **{"first-run": "allow"}), sha)
    git(root, "switch", "--quiet", "--create", "change")
    shutil.rmtree(root / ".dvc" / "cache")
    classifier(root, 0.1)
    write_csv(root / "eval.csv", 400, lambda x: (x[:, 0] > x[:, 1]).astype(int), seed=7)
    dvc("add", "model.onnx")
    commit(root)
    findings = evaluate(root)
    found = check(findings, "baseline")
    assert (found.status, found.observed.endswith("), so its model was scored again")) == ("warn", True)
    assert statuses(findings)["gate/log_loss"] == "fail"
