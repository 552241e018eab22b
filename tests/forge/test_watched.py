import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.forge.watched import entries, known, past
from ci_kit.parts import Chart, File, Metric, Series
from ci_kit.result import MAX_BYTES, Result
from tests.forge.repository import git, linear, result

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def window(name: str, start: float | None = None, step: str = "drift", started: str = "2026-11-21") -> Result:
    metrics = {} if start is None else {"window_start": Metric(value=start)}
    made = result(step=step)
    run = made.run.model_copy(update={"started": f"{started}T00:00:00+00:00"})
    return made.model_copy(update={"name": name, "metrics": metrics, "run": run})


def names(results: list[Result]) -> list[str | None]:
    return [one.name for one in results]


def test_what_is_recorded_comes_back_in_the_order_of_the_windows(repo: Path) -> None:
    windows = [window("b", 2.0), window("a", 10.0), window("c", 2.0, started="2026-11-20")]
    LocalForge(repo).record(entries(windows, "default", ""), "record")
    found = past(Git(repo), "drift", "default")
    assert names(found) == ["c", "b", "a"]
    assert found[2] == windows[1]


def test_steps_monitors_and_folders_are_kept_apart(repo: Path) -> None:
    forge = LocalForge(repo)
    (repo / "ml/bike").mkdir(parents=True)
    forge.record(entries([window("top")], "default", ""), "one")
    forge.record(entries([window("other")], "default-2", "."), "two")
    forge.record(entries([window("bike")], "default", "ml/bike"), "three")
    forge.record(entries([window("try", step="retrain")], "default", ""), "four")
    assert names(past(Git(repo), "drift", "default")) == ["top"]
    assert names(past(Git(repo), "drift", "default-2")) == ["other"]
    assert names(past(Git(repo / "ml/bike"), "drift", "default")) == ["bike"]
    assert names(past(Git(repo), "retrain", "default")) == ["try"]
    assert past(Git(repo / "ml/bike"), "retrain", "default") == []


def test_charts_and_files_are_not_kept() -> None:
    chart = Chart(title="x", kind="line", x="x", y="y", series=(Series(name="s", x=(1.0,), y=(1.0,)),))
    file = File(path=".ci-kit/drift.html", sha256="0" * 64, bytes=1, role="report")
    full = window("a").model_copy(update={"charts": (chart,), "files": (file,)})
    assert entries([full], "default", "") == entries([window("a")], "default", "")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "A", "a\nb", ".git", "a..b"])
def test_a_name_that_is_no_plain_path_is_refused(name: str, repo: Path) -> None:
    with pytest.raises(UserError, match="no name of a monitor"):
        entries([window(name)], "default", "")
    with pytest.raises(UserError, match="no name of a monitor"):
        entries([window("a")], name, "")
    with pytest.raises(UserError, match="no name of a monitor"):
        past(Git(repo), "drift", name)


@pytest.mark.parametrize("folder", ["..", "/etc", "a/../..", "a/.git", "a\nb"])
def test_a_folder_outside_the_repository_is_refused(folder: str) -> None:
    with pytest.raises(UserError, match="no folder of a repository"):
        entries([window("a")], "default", folder)


def test_a_result_of_another_step_is_refused() -> None:
    with pytest.raises(UserError, match="a result of evaluate"):
        entries([result()], "default", "")


def test_damaged_entries_are_named_and_the_others_read(repo: Path) -> None:
    good = entries([window("good", 1.0), window("later", 2.0)], "default", "")
    bad = {
        "drift/default/cut.json": b"{",
        "drift/default/empty.json": b"",
        "drift/default/renamed.json": good["drift/default/good.json"],
        "drift/default/step.json": entries([window("step", step="retrain")], "default", "")[
            "retrain/default/step.json"
        ],
        "drift/default/large.json": b" " * (MAX_BYTES + 1),
        "drift/default/newer.json": b'{"schema": 99}',
    }
    LocalForge(repo).record(good | bad | {"drift/default/readme.txt": b"no entry"}, "record")
    said: list[str] = []
    assert names(past(Git(repo), "drift", "default", said.append)) == ["good", "later"]
    assert sorted(line.split(": ")[1].removeprefix("skipped ") for line in said) == sorted(bad)
    assert all("\n" not in line for line in said)


def test_what_others_recorded_since_the_clone_is_seen_and_wins(repo: Path, tmp_path: Path) -> None:
    linear(repo, 1)
    LocalForge(repo).record(entries([window("a", 1.0)], "default", ""), "one")
    git(tmp_path, "clone", "--quiet", "--branch=main", str(repo), "clone")
    LocalForge(repo).record(entries([window("b", 2.0)], "default", ""), "two")
    clone = tmp_path / "clone"
    LocalForge(clone).record(entries([window("a", 9.0), window("c", 3.0)], "default", ""), "mine")
    found = past(Git(clone), "drift", "default")
    assert [(one.name, one.metrics["window_start"].value) for one in found] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]


def test_without_a_history_there_is_none(repo: Path, tmp_path: Path) -> None:
    assert not known(Git(repo))
    assert past(Git(repo), "drift", "default") == []
    git(repo, "remote", "add", "origin", str(tmp_path / "nowhere"))
    assert not known(Git(repo))
    assert past(Git(repo), "drift", "default") == []
    assert past(Git(tmp_path), "drift", "default") == []


def test_a_history_elsewhere_is_known(repo: Path, tmp_path: Path) -> None:
    linear(repo, 1)
    LocalForge(repo).record({"a": b"1"}, "one")
    assert known(Git(repo))
    git(tmp_path, "clone", "--quiet", "--single-branch", "--branch=main", str(repo), "clone")
    assert known(Git(tmp_path / "clone"))


def test_monitors_that_record_at_the_same_time_lose_nothing(repo: Path) -> None:
    def record(number: int) -> None:
        LocalForge(repo).record(entries([window(f"w{number}", float(number))], "default", ""), "one")

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(record, range(6)))
    assert names(past(Git(repo), "drift", "default")) == [f"w{number}" for number in range(6)]


def test_the_newest_of_each_length_are_read_and_all_that_have_no_order(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci_kit.forge.watched.REACH", 2)
    hours = [f"2026112{day}t000000z-1h" for day in range(1, 6)]
    rows = [f"{start:012}-500" for start in range(0, 2000, 500)]
    whole = [f"all-{letter * 12}" for letter in "fad"]
    windows = [window(name, float(place)) for place, name in enumerate([*rows, *hours, *whole])]
    LocalForge(repo).record(entries(windows, "default", ""), "record")
    assert names(past(Git(repo), "drift", "default")) == [*rows[-2:], *hours[-2:], *whole]


def test_a_window_that_is_judged_again_has_the_newer_result(repo: Path) -> None:
    for start in (1.0, 2.0):
        LocalForge(repo).record(entries([window("a", start)], "default", ""), "record")
    assert [one.metrics["window_start"].value for one in past(Git(repo), "drift", "default")] == [2.0]


def test_a_thousand_windows_are_read_quickly(repo: Path) -> None:
    windows = [window(f"{number:012}-10", float(number)) for number in range(1000)]
    linear(repo, 1, entries(windows, "default", ""), branch="ci-kit")
    started = time.process_time()
    assert len(past(Git(repo), "drift", "default")) == 1000
    assert time.process_time() - started < 1.0
