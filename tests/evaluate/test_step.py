import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.evaluate.step import run
from ci_kit.forge.git import Git, base
from ci_kit.forge.history import entries
from ci_kit.forge.local import LocalForge
from ci_kit.job import Job
from ci_kit.parts import Run, Source, Status
from ci_kit.result import Findings, Result
from tests.forge.repository import git
from tests.models.made import added, classifier, linear, project, save, write_csv

# Real git and real processes: a matter of seconds, not of milliseconds.
pytestmark = pytest.mark.e2e


def evaluate(root: Path, **overrides: object) -> Findings:
    settings = config.load(root / config.FILE, {f"evaluate.{key}": value for key, value in overrides.items()})
    source = Source(base_sha=base(Git(root), None, "main")[0])
    return run(Job(root=root, config=settings, source=source, say=lambda _: None))


def statuses(findings: Findings) -> dict[str, Status]:
    return {check.id: check.status for check in findings.checks}


def check(findings: Findings, name: str) -> Any:
    return next(one for one in findings.checks if one.id == name)


def commit(root: Path) -> str:
    git(root, "add", ".")
    git(root, "commit", "--quiet", "--message", "x")
    return git(root, "rev-parse", "HEAD")


def record(root: Path, findings: Findings, sha: str) -> None:
    """Write the history of main, as a trusted run does."""
    started = Run(kit="0", started="2026-11-21T00:00:00+00:00", seconds=1)
    source = Source(sha=sha, data=dict(findings.data))
    result = Result(
        step="evaluate",
        checks=findings.checks,
        metrics=dict(findings.metrics),
        files=findings.files,
        source=source,
        run=started,
    )
    LocalForge(root).record(entries(root, [result], sha), "record")


_made: list[Path] = []


@pytest.fixture
def repository(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with a recorded baseline on main, checked out on a branch with a commit of its own."""
    if not _made:
        _made.append(make(tmp_path_factory.mktemp("template") / "repo"))
    return Path(shutil.copytree(_made[0], tmp_path / "repo"))


def make(path: Path) -> Path:
    root = project(path)
    git(root, "init", "--quiet", "--initial-branch=main")
    sha = commit(root)
    record(root, evaluate(root, **{"first-run": "allow"}), sha)
    git(root, "switch", "--quiet", "--create", "change")
    (root / "note").write_text("x")
    commit(root)
    return root


def test_an_unchanged_model_passes(repository: Path) -> None:
    findings = evaluate(repository)
    assert statuses(findings) == {
        "predictions": "pass",
        "baseline": "pass",
        "gate/log_loss": "pass",
        "gate/accuracy": "pass",
    }
    assert check(findings, "baseline").observed.endswith("the merge base; scores from the history")
    names = {"log_loss", "accuracy", "macro_f1", "latency_p50"}
    kinds = ("", "@baseline", "@change")
    assert set(findings.metrics) == {f"{name}{kind}" for name in names for kind in kinds} | {"rows"}


def test_no_cell_of_the_comparison_is_empty(repository: Path) -> None:
    classifier(repository, -1.0)
    found = evaluate(repository).metrics
    f1 = found["macro_f1@change"]
    assert f1.value == pytest.approx(found["macro_f1"].value - found["macro_f1@baseline"].value)
    assert (f1.unit, f1.direction, f1.low) == ("share", "up", None)
    latency = found["latency_p50@change"]
    assert latency.low is not None
    assert latency.high is not None
    assert latency.low < latency.value < latency.high
    assert (latency.unit, latency.direction) == ("s", "down")


def test_the_latency_of_another_run_is_never_compared(repository: Path) -> None:
    git(repository, "rm", "--quiet", "--cached", "model.onnx")
    git(repository, "commit", "--quiet", "--message", "x")
    git(repository, "branch", "--force", "main", "HEAD")
    sha = git(repository, "rev-parse", "HEAD")
    record(repository, evaluate(repository), sha)
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "x")
    findings = evaluate(repository)
    assert check(findings, "baseline").observed.endswith("the merge base; scores from the history")
    assert {name for name in findings.metrics if name.startswith("latency")} == {"latency_p50"}


def test_a_change_is_explained_by_slices_rows_and_pictures(repository: Path) -> None:
    classifier(repository, -1.0)
    findings = evaluate(repository, slices="a")
    titles = ["Slices, the most harmed first", "Rows that got worse", "Rows that got better"]
    assert [table.title for table in findings.tables] == titles
    slices, worse, _ = findings.tables
    assert (len(slices.rows), {row[-1] for row in slices.rows}) == (4, {"surely worse"})
    assert worse.head == ("row", "truth", "baseline's answer", "answer now", "log loss, baseline → now")
    charts = {chart.title: [one.name for one in chart.series] for chart in findings.charts}
    assert charts == {
        "Confusion matrix": ["0", "1"],
        "Calibration": ["this change", "baseline", "perfect"],
        "What the model relies on": ["baseline", "this change"],
    }


def test_rows_are_named_by_the_key_of_the_data(repository: Path) -> None:
    classifier(repository, -1.0)
    settings = repository / "ci-kit.yaml"
    settings.write_text(settings.read_text().replace("path: eval.csv", "path: eval.csv, key: a"))
    assert evaluate(repository, features=["a", "b"]).tables[1].head[0] == "a"


def test_scores_alone_name_the_rows_that_changed(repository: Path) -> None:
    git(repository, "rm", "--quiet", "--cached", "model.onnx")
    git(repository, "commit", "--quiet", "--message", "x")
    git(repository, "branch", "--force", "main", "HEAD")
    record(repository, evaluate(repository), git(repository, "rev-parse", "HEAD"))
    classifier(repository, -1.0)
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "x")
    findings = evaluate(repository)
    assert findings.tables[1].head == ("row", "truth", "answer now", "log loss, baseline → now")
    assert [one.name for one in findings.charts[-1].series] == ["this change"]


def test_a_worse_model_fails(repository: Path) -> None:
    classifier(repository, -1.0)
    findings = evaluate(repository)
    assert (statuses(findings)["gate/log_loss"], statuses(findings)["gate/accuracy"]) == ("fail", "fail")


def test_the_nearest_ancestor_is_named_with_its_distance(repository: Path) -> None:
    git(repository, "switch", "--quiet", "main")
    for number in range(2):
        (repository / f"more{number}").write_text("x")
        commit(repository)
    git(repository, "switch", "--quiet", "--create", "later")
    (repository / "last").write_text("x")
    commit(repository)
    found = check(evaluate(repository), "baseline")
    assert ", 2 commits before the merge base; scores" in found.observed
    assert found.status == "pass"


def test_changed_data_makes_the_old_model_be_scored_again(repository: Path) -> None:
    classifier(repository, 1.0)
    write_csv(repository / "eval.csv", 400, lambda x: (x[:, 0] > x[:, 1]).astype(int), seed=7)
    old = git(repository, "show", "ci-kit:results/" + git(repository, "rev-parse", "main") + "/evaluate.json")
    before = json.loads(old)["source"]["data"]["evaluation"].partition(":")[2][:7]
    findings = evaluate(repository)
    after = findings.data["evaluation"].partition(":")[2][:7]
    found = check(findings, "baseline")
    assert found.status == "warn"
    how = f"the evaluation data changed (300 → 400 rows, digest {before} → {after}), so its model was scored again"
    assert found.observed.endswith(how)
    assert findings.metrics["log_loss@baseline"].n == 400
    assert statuses(findings)["gate/log_loss"] == "fail"


def test_changed_data_without_the_old_model_fails_closed(repository: Path) -> None:
    git(repository, "rm", "--quiet", "--cached", "model.onnx")
    git(repository, "commit", "--quiet", "--amend", "--message", "x")
    git(repository, "branch", "--force", "main", "HEAD")
    sha = git(repository, "rev-parse", "HEAD")
    record(repository, evaluate(repository), sha)
    (repository / "note").write_text("y")
    git(repository, "add", "note")
    git(repository, "commit", "--quiet", "--message", "x")
    write_csv(repository / "eval.csv", 50, lambda x: (x[:, 0] > 0).astype(int))
    found = check(evaluate(repository), "baseline")
    assert (found.status, found.title) == ("fail", "No comparable baseline")
    assert "evaluation data changed (300 → 50 rows" in found.detail
    assert f"and model.onnx at {sha[:7]} is neither in git nor in DVC" in found.detail


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("none", "Not a git repository"),
        ("repository", "The history branch has no result of "),
        ("first", "This is the first commit"),
    ],
)
@pytest.mark.parametrize(("first_run", "status"), [("fail", "fail"), ("allow", "warn")])
def test_a_missing_baseline_is_a_named_verdict(
    tmp_path: Path, change: str, says: str, first_run: str, status: str
) -> None:
    root = project(tmp_path / "repo")
    if change != "none":
        git(root, "init", "--quiet", "--initial-branch=main")
        commit(root)
    if change == "repository":
        git(root, "rm", "--quiet", "--cached", "model.onnx")
        git(root, "commit", "--quiet", "--amend", "--message", "x")
        git(root, "switch", "--quiet", "--create", "change")
        git(root, "commit", "--quiet", "--allow-empty", "--message", "x")
    found = check(evaluate(root, **{"first-run": first_run}), "baseline")
    assert (found.status, found.detail.startswith(says)) == (status, True)


def test_a_base_commit_that_was_never_recorded_has_its_model_scored(tmp_path: Path) -> None:
    root = project(tmp_path / "repo")
    git(root, "init", "--quiet", "--initial-branch=main")
    sha = commit(root)
    git(root, "switch", "--quiet", "--create", "change")
    classifier(root, -1.0)
    commit(root)
    findings = evaluate(root)
    found = check(findings, "baseline")
    how = f"{sha[:7]}, the merge base; the history has no result, so its model was scored"
    assert (found.status, found.observed) == ("warn", how)
    assert statuses(findings)["gate/log_loss"] == "fail"
    assert findings.metrics["log_loss@baseline"].n == 300


def test_a_base_commit_without_result_and_without_model_names_both_reasons(tmp_path: Path) -> None:
    root = project(tmp_path / "repo")
    git(root, "init", "--quiet", "--initial-branch=main")
    (root / "model.onnx").rename(root / "later.onnx")
    sha = commit(root)
    git(root, "switch", "--quiet", "--create", "change")
    (root / "later.onnx").rename(root / "model.onnx")
    commit(root)
    found = check(evaluate(root), "baseline")
    assert (found.status, found.title) == ("fail", "No comparable baseline")
    assert f"no result of {sha[:7]}" in found.detail
    assert f"and model.onnx at {sha[:7]} is neither in git nor in DVC" in found.detail


def test_a_shallow_checkout_is_told_to_fetch_more(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=change", f"file://{repository}", "shallow")
    found = check(evaluate(tmp_path / "shallow"), "baseline")
    assert (found.status, "fetch-depth: 0" in found.detail) == ("fail", True)


def test_nan_predictions_fail_with_their_count_and_nothing_is_compared(repository: Path) -> None:
    save(linear(np.array([[np.nan, 1.0], [0.0, 1.0]])), repository / "model.onnx")
    findings = evaluate(repository)
    assert check(findings, "predictions").observed == "300 of 300 rows"
    assert statuses(findings) == {"predictions": "fail", "baseline": "pass"}
    assert [file.role for file in findings.files] == ["model"]


def test_damaged_history_is_no_baseline_from_scores(repository: Path) -> None:
    scores = repository / ".ci-kit" / "scores.npz"
    findings = evaluate(repository)
    scores.write_bytes(b"PK\x03\x04 not what it was")
    from ci_kit.result import File

    sha = git(repository, "rev-parse", "main")
    damaged = Findings(checks=findings.checks, files=(File.of(scores, repository, "scores"),), data=findings.data)
    record(repository, damaged, sha)
    assert "scores are damaged" in check(evaluate(repository), "baseline").observed


def test_regression_runs_from_end_to_end(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()
    write_csv(root / "eval.csv", 50, lambda x: x[:, 0] + x[:, 1])
    save(added(["a", "b"]), root / "model.onnx")
    text = "data: {evaluation: {path: eval.csv}}\nevaluate: {task: regression, first-run: allow}\n"
    (root / "ci-kit.yaml").write_text(text)
    findings = evaluate(root)
    assert findings.metrics["mae"].value < 1e-6
    assert findings.metrics["r2"].value > 0.999


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"model": "other.onnx"}, "no model at other.onnx"),
        ({"data": "nowhere"}, "no data set 'nowhere' (`data` has evaluation)"),
        ({"target": "truth"}, "no target column 'truth' (evaluation has a, b, target)"),
        ({"features": ["a", "c"]}, "`features` names 'c'"),
        ({"features": ["a"]}, "model.onnx wants 2 columns"),
        ({"model": "gone.py:predict"}, "no file gone.py"),
        ({"tests": "gone"}, "no model tests at gone"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path: Path, settings: dict[str, object], says: str) -> None:
    root = project(tmp_path / "repo")
    with pytest.raises(UserError) as error:
        evaluate(root, **settings)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_data_without_rows_is_a_mistake(tmp_path: Path) -> None:
    root = project(tmp_path / "repo")
    (root / "eval.csv").write_text("a,b,target\n")
    with pytest.raises(UserError, match="evaluation has no rows"):
        evaluate(root)


def test_the_scores_file_is_small_and_belongs_to_the_result(repository: Path) -> None:
    findings = evaluate(repository)
    files = {file.role: file for file in findings.files}
    assert (files["scores"].path, files["scores"].bytes < 3000) == (".ci-kit/scores.npz", True)
    assert files["model"].path == "model.onnx"
    assert files.keys() == {"scores", "model"}
    assert json.dumps(findings.data)
