"""The demo is what a stranger runs first, so it is a test."""

import subprocess
import sys
from pathlib import Path

import pytest

from ci_kit import result

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=380, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return folder, done.stdout


def test_the_better_model_passes_and_the_worse_one_and_the_broken_data_fail(demo: tuple[Path, str]) -> None:
    reports = demo[0] / "reports"
    first = {name: (reports / f"{name}.md").read_text().splitlines()[0] for name in ("better", "worse", "broken")}
    assert "✅" in first["better"]
    assert "❌" in first["worse"]
    assert "❌" in first["broken"]


def test_the_worse_model_is_told_by_how_much(demo: tuple[Path, str]) -> None:
    text = (demo[0] / "reports" / "worse.md").read_text()
    assert "log loss" in text
    assert "on the same 450 rows" in text


def test_the_broken_data_is_reported_with_every_planted_fault(demo: tuple[Path, str]) -> None:
    text = (demo[0] / "reports" / "broken.md").read_text()
    for rows in ("40 of 1,424", "12 of 1,424", "25 "):
        assert rows in text, rows


def test_main_is_recorded_in_the_history_and_the_training_there_was_not_repeated(demo: tuple[Path, str]) -> None:
    repository = demo[0] / "digits"
    names = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "ci-kit"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.split()
    recorded = [name for name in names if name.endswith("train.json")]
    assert len(recorded) == 1
    raw = subprocess.run(
        ["git", "show", f"ci-kit:{recorded[0]}"], cwd=repository, capture_output=True, check=True
    ).stdout
    skipped = [check for check in result.parse(raw, "train.json").checks if check.status == "skip"]
    assert skipped


def test_data_that_only_the_remote_has_is_pulled(demo: tuple[Path, str]) -> None:
    clone = demo[0] / "clone"
    subprocess.run(["git", "clone", "--quiet", str(demo[0] / "digits"), str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "ci_kit", "validate"], cwd=clone, check=True, timeout=120)
    assert (clone / "data" / "evaluation.csv").is_file()


def test_it_ends_by_saying_where_the_reports_are_and_what_to_try(demo: tuple[Path, str]) -> None:
    tail = demo[1][-1500:]
    for name in ("better.md", "worse.md", "broken.md", "Try next"):
        assert name in tail
