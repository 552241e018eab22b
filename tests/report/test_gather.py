from pathlib import Path

import pytest

from ci_kit.config import read
from ci_kit.errors import UserError
from ci_kit.report.gather import expected, gather
from tests.render.samples import SHA, check, result


def test_results_come_in_the_order_of_the_journey(tmp_path: Path) -> None:
    for step in ("evaluate", "validate", "train"):
        result(step, check("x")).save(tmp_path)
    found = gather(tmp_path, SHA)
    assert list(found.results) == ["validate", "train", "evaluate"]
    assert found.damaged == {}


def test_a_result_of_a_named_run_is_read_too(tmp_path: Path) -> None:
    result("evaluate", check("x")).model_copy(update={"name": "large"}).save(tmp_path)
    assert list(gather(tmp_path, SHA).results) == ["evaluate-large"]


def test_its_own_result_those_of_the_drift_check_and_other_files_are_left_alone(tmp_path: Path) -> None:
    for step in ("report", "drift", "retrain", "train"):
        result(step, check("x")).save(tmp_path)
    result("drift", check("x")).model_copy(update={"name": "build-reference"}).save(tmp_path)
    (tmp_path / ".ci-kit" / "notes.json").write_text("no result")
    assert list(gather(tmp_path, SHA).results) == ["train"]
    assert gather(tmp_path, SHA).damaged == {}


def test_of_packaging_what_speaks_of_this_commit_is_read_and_of_deployments_nothing(tmp_path: Path) -> None:
    for name in ("build", "verify", "list"):
        result("package", check("x")).model_copy(update={"name": name}).save(tmp_path)
    result("deploy", check("x")).save(tmp_path)
    result("train", check("x")).save(tmp_path)
    assert list(gather(tmp_path, SHA).results) == ["train", "package-build"]
    (tmp_path / ".ci-kit" / "train.json").unlink()
    result("train", check("x")).model_copy(
        update={"source": result("train", check("x")).source.model_copy(update={"sha": "ab" * 20})}
    ).save(tmp_path)
    found = gather(tmp_path, "ab" * 20)
    assert (list(found.results), found.damaged) == (["train"], {})


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not a result"),
        (b"{", "is not a result"),
        (b'{"schema": 2}', "was written by a newer ci-kit"),
        (b'{"schema": 1}', "is not a valid result"),
        (b" " * (8 * 2**20 + 1), "a result has at most 8,388,608"),
        (b"\xff", "is not a result"),
    ],
)
def test_a_damaged_result_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / ".ci-kit").mkdir()
    (tmp_path / ".ci-kit" / "train.json").write_bytes(content)
    assert why in gather(tmp_path, SHA).damaged["train"]


def test_a_result_that_contradicts_itself_is_damaged(tmp_path: Path) -> None:
    path = result("train", check("x", "fail")).save(tmp_path)
    path.write_text(path.read_text().replace('"status": "fail"\n}', '"status": "pass"\n}'))
    assert "status says 'pass'" in gather(tmp_path, SHA).damaged["train"]


def test_a_result_of_another_commit_or_step_is_not_used(tmp_path: Path) -> None:
    path = result("train", check("x")).save(tmp_path)
    assert gather(tmp_path, "ab" * 20).damaged == {"train": f"train.json is of commit {SHA[:12]}, not of abababababab"}
    assert list(gather(tmp_path, None).results) == ["train"]
    path.rename(path.with_name("evaluate.json"))
    assert gather(tmp_path, SHA).damaged == {"evaluate": "evaluate.json holds the result of train"}


def test_nothing_to_report_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^nothing to report .*Run a step first, such as: ci-kit validate$"):
        gather(tmp_path, SHA)


@pytest.mark.parametrize(
    ("text", "pipeline", "steps"),
    [
        ("", False, ()),
        ("data: {evaluation: {path: a.csv}}", False, ("validate", "evaluate")),
        ("data: {training: {path: a.csv}}", False, ("validate",)),
        ("train: {command: make}", False, ("train",)),
        ("data: {evaluation: {path: a.csv}}", True, ("validate", "train", "evaluate")),
    ],
)
def test_the_configuration_says_which_steps_are_expected(
    tmp_path: Path, text: str, pipeline: bool, steps: tuple[str, ...]
) -> None:
    if pipeline:
        (tmp_path / "dvc.yaml").write_text("stages: {}")
    assert expected(read(text.encode()), tmp_path) == steps
