"""The command line end to end: exit codes, one line per mistake, and what is left behind."""

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from ci_kit import result
from ci_kit.__main__ import main
from ci_kit.data import pulled
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Findings

CONFIG = """
data:
  evaluation: {path: data.csv, schema: "schemas.py:Rows", key: id}
"""
SCHEMA = """
import pandera.polars as pa

class Rows(pa.DataFrameModel):
    id: int
    x: float = pa.Field(ge=0)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ci-kit.yaml").write_text(CONFIG)
    (tmp_path / "schemas.py").write_text(SCHEMA)
    pl.DataFrame({"id": [1, 2, 3], "x": [0.5, 1.0, 2.0]}).write_csv(tmp_path / "data.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kit(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ci-kit", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_good_data_pass_and_leave_a_result(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit(monkeypatch, "validate") == 0
    loaded = result.load(repository / ".ci-kit" / "validate.json")
    assert loaded.status == "pass"
    assert loaded.run.event == "local"
    assert loaded.source.data["evaluation"].startswith("sha256:")
    assert "validate" in capsys.readouterr().out


def test_bad_data_fail_with_exit_code_1_and_the_code_to_look_up(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pl.DataFrame({"id": [1, 2, 2], "x": [0.5, -1.0, None]}).write_csv(repository / "data.csv")
    assert kit(monkeypatch, "validate") == 1
    failed = [
        check.id for check in result.load(repository / ".ci-kit" / "validate.json").checks if check.status == "fail"
    ]
    assert len(failed) >= 3, failed
    assert "\n  more: ci-kit explain key\n" in capsys.readouterr().out


def test_what_a_step_pulled_is_a_metric_of_it_and_not_of_the_next(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pulls(_: Job) -> Findings:
        pulled.add(7)
        return Findings()

    pulled.add(5)  # by an earlier step of the same journey
    monkeypatch.setattr("ci_kit.validate.step.run", pulls)
    assert kit(monkeypatch, "validate") == 0
    assert result.load(repository / ".ci-kit" / "validate.json").metrics["bytes_pulled"].value == 7
    monkeypatch.setattr("ci_kit.validate.step.run", lambda job: Findings())
    assert kit(monkeypatch, "validate") == 0
    assert result.load(repository / ".ci-kit" / "validate.json").metrics == {}


def spoil(repository: Path, name: str) -> None:
    match name:
        case "no configuration":
            (repository / "ci-kit.yaml").unlink()
        case "unknown key":
            (repository / "ci-kit.yaml").write_text("dta: {}")
        case "missing file":
            (repository / "data.csv").unlink()
        case "empty file":
            (repository / "data.csv").write_text("")
        case "schema does not import":
            (repository / "schemas.py").write_text("import nothing_like_this\n")
        case "schema is not there":
            (repository / "schemas.py").write_text("Row = 1\n")
        case "no data sets":
            (repository / "ci-kit.yaml").write_text("base: main\n")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no configuration", "no ci-kit.yaml"),
        ("unknown key", "unknown key 'dta'. Did you mean 'data'?"),
        ("missing file", "no data at data.csv"),
        ("empty file", "data.csv is empty"),
        ("schema does not import", "nothing_like_this"),
        ("schema is not there", "Rows"),
        ("no data sets", "data"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_and_the_report_can_tell(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, says: str
) -> None:
    spoil(repository, name)
    assert kit(monkeypatch, "validate") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("ci-kit: ")
    assert says in lines[0]
    saved = result.load(repository / ".ci-kit" / "validate.json")
    assert saved.status == "fail"
    assert says in str(saved.checks[0].detail)
    assert re.search(r" \[(config|data)/[a-z-]+\]$", str(saved.checks[0].detail))  # what `ci-kit explain` takes


def test_a_bug_of_ours_is_exit_code_3_with_the_place_of_the_log(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ci_kit.validate.step.run", lambda job: 1 / 0)
    assert kit(monkeypatch, "validate") == 3
    line = capsys.readouterr().err.strip()
    log = Path(line.rsplit(" ", 1)[1])
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()


@pytest.mark.parametrize("arguments", [("validate", "--smples", "3"), ("valdate",), ("run", "chek")])
def test_a_wrong_word_on_the_command_line_is_exit_code_2(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert kit(monkeypatch, *arguments) == 2
    assert "Error" in capsys.readouterr().err


def test_an_option_overrides_the_file_and_is_checked_like_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit(monkeypatch, "validate", "--samples=many") == 2
    assert "--samples" in capsys.readouterr().err
    assert kit(monkeypatch, "validate", "--samples=") == 0


def test_a_planted_module_in_the_workspace_does_not_run(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "polars", "yaml"):
        (repository / f"{name}.py").write_text("raise SystemExit('planted')")
    assert kit(monkeypatch, "validate") == 0


def test_a_fork_is_judged_by_the_configuration_of_the_base_branch(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fork = {"full_name": "mallory/demo"}
    pull = {"number": 7, "head": {"sha": "a" * 40, "repo": fork}, "base": {"sha": "b" * 40, "ref": "main"}}
    event = {"pull_request": pull | {"base": pull["base"] | {"repo": {"full_name": "octo/demo"}}}}  # type: ignore[operator]
    path = repository / "event.json"
    path.write_text(json.dumps(event))
    for key, value in {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": "octo/demo",
    }.items():
        monkeypatch.setenv(key, value)
    assert kit(monkeypatch, "validate") == 2
    assert "no ci-kit.yaml at the base revision" in capsys.readouterr().err


def test_a_secret_that_a_check_would_show_does_not_leave_the_process(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "correct-horse-battery")
    (repository / "schemas.py").write_text("raise ValueError('can not reach db://u:correct-horse-battery@host')")
    assert kit(monkeypatch, "validate") == 2
    seen = capsys.readouterr()
    saved = (repository / ".ci-kit" / "validate.json").read_text()
    assert "can not reach" in saved
    for text in (saved, seen.out, seen.err):
        assert "correct-horse-battery" not in text


def test_data_that_the_training_writes_is_tested_again_before_the_model_is(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write = "import os; open('new.csv', 'w').write('id,x\\n1,-5\\n'); os.replace('new.csv', 'data.csv')"
    (repository / "prepare.py").write_text(write)
    (repository / "ci-kit.yaml").write_text(f"{CONFIG}evaluate: {{task: regression, target: x, features: [id]}}")
    assert kit(monkeypatch, "run", "check", "--no-report", f"--command={sys.executable} prepare.py") == 1
    assert "it is tested again" in capsys.readouterr().out
    assert result.load(repository / ".ci-kit" / "validate.json").status == "fail"
    assert not (repository / ".ci-kit" / "evaluate.json").exists()


@pytest.mark.parametrize(
    ("step", "check", "said"),
    [
        (
            "drift",
            Check(id="data/x", title="x moved", status="fail"),
            "::error title=ci-kit drift::1 column has drifted",
        ),
        (
            "retrain",
            Check(id="update", title="The update failed", status="fail", observed="exit code 1"),
            "::error title=ci-kit retrain::retrain: The update failed: exit code 1.",
        ),
        (
            "deploy",
            Check(id="watch", title="The new version does worse", status="fail", observed="after 0.9 s"),
            "::error title=ci-kit deploy::deploy: The new version does worse: after 0.9 s.",
        ),
    ],
)
def test_a_failed_watch_leaves_one_annotation_with_the_verdict(
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    step: str,
    check: Check,
    said: str,
) -> None:
    monkeypatch.setattr(f"ci_kit.{step}.step.run", lambda job: Findings(checks=(check,)))
    assert kit(monkeypatch, step) == 1
    assert "::error" not in capsys.readouterr().out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert kit(monkeypatch, step) == 1
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::error")]
    assert found == [said]


def test_a_run_leaves_nothing_that_git_would_add(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    assert kit(monkeypatch, "validate") == 0
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    assert ".ci-kit" not in subprocess.run(status, cwd=repository, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["report.md", "evaluate.json", "evaluate-recent.json"])
def test_a_new_run_removes_the_last_ones_words_first(
    repository: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    old = repository / ".ci-kit" / name
    old.parent.mkdir()
    old.write_text("all is well")
    (repository / "ci-kit.yaml").write_text("dta: {}")
    assert kit(monkeypatch, "run", "check", "--no-report") == 2
    assert not old.exists()


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ("target: digit", "no target column 'digit'"),
        ("target: x\n  features: [x, z]", "`features` names 'z'"),
        ("target: x\n  tests: nowhere", "no model tests at nowhere"),
        ("data: test", "no data set 'test'"),
    ],
)
def test_what_evaluate_would_trip_over_is_told_before_the_training(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], section: str, says: str
) -> None:
    (repository / "ci-kit.yaml").write_text(f"{CONFIG}evaluate:\n  task: regression\n  {section}\n")
    assert kit(monkeypatch, "run", "check", "--no-report", "--command=touch trained") == 2
    assert says in capsys.readouterr().err
    assert not (repository / "trained").exists()
    assert says in str(result.load(repository / ".ci-kit" / "train.json").checks[0].detail)


def stub(monkeypatch: pytest.MonkeyPatch, function: str, status: str, seen: list[str]) -> None:
    """Let a function of a step note that it was called, and end as told."""

    def called(job: Job) -> Findings:
        seen.append(function)
        if status == "mistake":
            raise UserError("no data to watch")
        return Findings(checks=(Check.model_validate({"id": "a", "title": "A", "status": status}),))

    monkeypatch.setattr(f"ci_kit.{function}", called, raising=False)


@pytest.mark.parametrize(
    ("arguments", "function", "saved"),
    [
        (("drift",), "drift.step.run", "drift"),
        (("drift", "--build-reference"), "drift.step.build_reference", "drift-build-reference"),
        (("drift", "--replay", "--result=past"), "drift.step.replay", "drift-past"),
        (("retrain", "--update", "--cool-down=1d"), "retrain.step.update", "retrain-update"),
        (("retrain", "--publish"), "retrain.step.publish", "retrain-publish"),
    ],
)
def test_a_flag_runs_another_function_of_the_step(
    repository: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], function: str, saved: str
) -> None:
    seen: list[str] = []
    for name in ("run", "build_reference", "replay", "update", "publish"):
        stub(monkeypatch, f"{arguments[0]}.step.{name}", "fail", seen)
    assert kit(monkeypatch, *arguments) == 1
    assert seen == [function]
    assert result.load(repository / ".ci-kit" / f"{saved}.json").status == "fail"


def test_two_flags_that_ask_for_different_things_are_one_line(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit(monkeypatch, "retrain", "--publish", "--update") == 2
    assert (
        capsys.readouterr().err
        == "ci-kit: --update and --publish can't go together. Give one of them [config/options]\n"
    )


@pytest.mark.parametrize(
    ("drift", "retrain", "code", "calls"),
    [("pass", "skip", 0, 2), ("fail", "pass", 1, 2), ("warn", "fail", 1, 2), ("mistake", "pass", 2, 1)],
)
def test_watching_records_whatever_drift_says_unless_it_could_not_judge(
    repository: Path, monkeypatch: pytest.MonkeyPatch, drift: str, retrain: str, code: int, calls: int
) -> None:
    seen: list[str] = []
    stub(monkeypatch, "drift.step.run", drift, seen)
    stub(monkeypatch, "retrain.step.run", retrain, seen)
    stale = repository / ".ci-kit" / "retrain.json"
    stale.parent.mkdir()
    stale.write_text("of the last run")
    assert kit(monkeypatch, "run", "watch") == code
    assert seen == ["drift.step.run", "retrain.step.run"][:calls]
    assert stale.exists() == (calls == 2)


def test_both_steps_of_a_watch_are_of_the_monitor_that_was_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def called(job: Job) -> Findings:
        seen.append(job.config.drift.monitor)
        return Findings(checks=())

    for step in ("drift", "retrain"):
        monkeypatch.setattr(f"ci_kit.{step}.step.run", called)
    assert kit(monkeypatch, "run", "watch", "--monitor=night") == 0
    assert seen == ["night", "night"]


def test_the_history_is_a_word_of_report_and_no_option_of_a_journey(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kit(monkeypatch, "report", "history") == 0
    assert "git init" in capsys.readouterr().out
    assert result.load(repository / ".ci-kit" / "report-history.json").status == "skip"
    assert kit(monkeypatch, "run", "check", "--history") == 2
    assert "No such option: --history" in capsys.readouterr().err
