"""The demo is what a stranger runs first, so it is a test."""

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ci_kit import result
from ci_kit.deploy import keeper

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, str(ROOT / "examples" / "demo.py"), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=880, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return folder, done.stdout


def test_the_better_model_passes_and_the_worse_one_and_the_broken_data_fail(demo: tuple[Path, str]) -> None:
    reports = demo[0] / "reports"
    names = ("better", "worse", "broken", "retrain")
    first = {name: (reports / f"{name}.md").read_text().splitlines()[0] for name in names}
    assert "✅" in first["better"]
    assert "✅" in first["retrain"]
    assert "❌" in first["worse"]
    assert "❌" in first["broken"]


def test_the_worse_model_is_told_by_how_much(demo: tuple[Path, str]) -> None:
    text = (demo[0] / "reports" / "worse.md").read_text()
    assert "log loss" in text
    assert "on the same 297 rows" in text


def test_the_broken_data_is_reported_with_every_planted_fault(demo: tuple[Path, str]) -> None:
    text = (demo[0] / "reports" / "broken.md").read_text()
    for rows in ("40 of 777", "12 of 777", "25 "):
        assert rows in text, rows


def git(demo: tuple[Path, str], *arguments: str) -> str:
    command = ["git", "-C", str(demo[0] / "digits"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def history(demo: tuple[Path, str], pattern: str) -> list[result.Result]:
    """Return the Results on the history branch whose path has the pattern, in the order of their paths."""
    paths = git(demo, "ls-tree", "-r", "--name-only", "ci-kit").split()
    chosen = [path for path in paths if re.search(pattern, path)]
    return [result.parse(git(demo, "show", f"ci-kit:{path}").encode(), path) for path in chosen]


def test_main_is_recorded_in_the_history_and_the_training_there_was_not_repeated(demo: tuple[Path, str]) -> None:
    (recorded,) = history(demo, r"^results/.*/train\.json$")
    assert [check for check in recorded.checks if check.status == "skip"]


def test_the_later_writers_are_a_warning_then_an_alarm_and_once_they_are_known_nothing(demo: tuple[Path, str]) -> None:
    days = history(demo, "^drift/default/")
    moved = [{check.id for check in day.checks if check.id.startswith("data/")} for day in days]
    assert [day.status for day in days] == ["pass", "warn", "fail", "pass"]
    assert [len(columns) for columns in moved] == [0, 11, 9, 0]
    alarmed = {check.id for check in days[2].checks if check.status == "fail"}
    assert alarmed == moved[1] & moved[2]
    assert len(alarmed) == 7


def test_one_retraining_opened_one_pull_request_that_is_merged_and_gone(demo: tuple[Path, str]) -> None:
    (attempt,) = history(demo, "^retrain/default/")
    assert attempt.status in ("pass", "warn")
    branches = git(demo, "branch", "--format=%(refname:short)").split()
    assert set(branches) == {"main", "ci-kit", "better", "worse", "broken", "cache"}
    changed = git(demo, "diff", "--numstat", "main^1", "main").splitlines()
    names = {line.split("\t")[2] for line in changed if not line.startswith("-")}
    assert names == {
        "curves.jsonl",
        "data/recent.csv.dvc",
        "data/train.csv.dvc",
        "dvc.lock",
        "metrics.json",
        "reference.dvc",
    }
    assert len(names) == len(changed)


def test_the_pull_request_says_what_moved_and_compares_both_models_on_old_and_new_data(demo: tuple[Path, str]) -> None:
    text = (demo[0] / "reports" / "pull-request-4.md").read_text()
    assert "7 columns drifted since row 201" in text
    for name in ("evaluation", "recent"):
        (row,) = re.findall(rf"\| {name} \| \*\*log loss ↓\*\* \|.*", text)
        assert "❌" not in row
    assert "since row 201" in (demo[0] / "reports" / "drift.html").read_text()


def test_a_replay_of_the_digits_in_their_order_alarms_in_the_second_window_of_the_later_writers(tmp_path: Path) -> None:
    """Rows 900 to 1199 of the original file, the windows after rows 300 of the current data here."""
    from sklearn.datasets import load_digits

    frame = pl.DataFrame(load_digits().data, schema=[f"p{pixel:02d}" for pixel in range(64)])
    frame[:600].write_csv(tmp_path / "first.csv")
    frame[600:].write_csv(tmp_path / "later.csv")
    (tmp_path / "ci-kit.yaml").write_text(
        "data: {train: {path: first.csv}, current: {path: later.csv}}\ndrift: {window: {rows: 150}, min-rows: 150}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "ci_kit", "drift", "--replay"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    windows = [line for line in done.stdout.splitlines() if line.startswith("rows ")]
    assert [line.split(" rows ", 1)[1].split()[0] for line in windows] == (
        ["quiet", "quiet", "moved", "ALARM", "ALARM", "ALARM", "quiet"]
    )
    told = result.load(tmp_path / ".ci-kit" / "drift-replay.json")
    first = next(check for check in told.checks if check.id == "first")
    assert first.title == "The first alarm would have come after rows 451 to 600"
    assert [line.split()[0] for line in (first.detail or "").splitlines()] == ["p12", "p51", "p52", "p02"]


def test_data_that_only_the_remote_has_is_pulled(demo: tuple[Path, str]) -> None:
    clone = demo[0] / "clone"
    subprocess.run(["git", "clone", "--quiet", str(demo[0] / "digits"), str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "ci_kit", "validate"], cwd=clone, check=True, timeout=120)
    assert (clone / "data" / "evaluation.csv").is_file()


def test_two_versions_ship_without_a_failed_request_and_a_broken_one_does_not_stay(demo: tuple[Path, str]) -> None:
    clients = re.findall(r"clients: ([\d,]+) requests, ([\d,]+) failed(?:, all within ([\d.]+) s)?", demo[1])
    (promoted, none, _), (_, some, seconds) = clients
    assert int(promoted.replace(",", "")) > 1000
    assert none == "0"
    assert int(some.replace(",", "")) > 0
    assert float(seconds) <= 2
    assert demo[1].count("deploy: The signature verifies") == 3
    assert "deploy: The traffic is back at digits@v0.2.0" in demo[1]
    deployed = history(demo, "^deploy/digits/production/")
    assert [one.name for one in deployed] == ["v0.1.0", "v0.2.0", "v0.3.0"]
    assert [one.status for one in deployed] == ["warn", "pass", "fail"]  # nobody asked the first one yet
    tags = git(demo, "tag", "--list").split()
    assert tags == ["digits#production#1", "digits#production#2", "digits@v0.1.0", "digits@v0.2.0", "digits@v0.3.0"]


def test_nothing_of_the_service_runs_on(demo: tuple[Path, str]) -> None:
    assert not [path for path in (demo[0] / "service" / "run").glob("*.json") if keeper.keeping(path)]
    assert list((demo[0] / "service" / "predictions").glob("*.jsonl"))


def test_it_ends_by_saying_where_the_reports_are_and_what_to_try(demo: tuple[Path, str]) -> None:
    tail = demo[1][-2000:]
    for name in ("better.md", "worse.md", "broken.md", "retrain.md", "drift.html", "Try next"):
        assert name in tail


def test_the_doctor_finds_nothing_wrong_with_its_repository(demo: tuple[Path, str]) -> None:
    command = [sys.executable, "-m", "ci_kit", "doctor", "--json", "-C", str(demo[0] / "digits")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = {one["id"] for one in json.loads(done.stdout)}  # what may be warned of is this machine
    assert {one for one in found if not one.startswith("preflight/")} <= {"doctor/python", "doctor/memory"}
