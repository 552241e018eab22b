from pathlib import Path

import pytest

from ci_kit.data import files
from ci_kit.errors import UserError
from ci_kit.sections import DataSet

TO_DO = "run `dvc repro` and `dvc push`"


@pytest.mark.parametrize(
    ("entry", "stage"),
    [
        ("data/train.csv", "outs: [data/train.csv]"),
        ("data/train.csv", "outs: [data]"),
        ("data/train.csv", "outs: [{data/train.csv: {cache: true}}]"),
        ("data/train.csv", "{wdir: data, outs: [train.csv]}"),
        ("data/train.csv", "{foreach: [a], do: {outs: [data/train.csv]}}"),
        ("data/*.csv", "outs: [data/train.csv]"),
        ("data/**/*.csv", "outs: [data]"),
        ("data", "outs: [data/train.csv]"),
        ("void", "outs: [void/train.csv]"),
    ],
)
def test_data_that_no_one_has_built_yet_names_the_commands_that_build_it(
    tmp_path: Path, entry: str, stage: str
) -> None:
    (tmp_path / "void").mkdir()
    (tmp_path / "dvc.yaml").write_text("stages:\n  other: {cmd: x}\n  prepare:\n    " + stage)
    with pytest.raises(UserError) as caught:
        files(DataSet(path=(entry,)), tmp_path)
    assert str(caught.value).endswith(f"A stage of dvc.yaml makes it: {TO_DO}")


def test_a_dvc_yaml_beside_the_data_counts(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "dvc.yaml").write_text("stages: {prepare: {outs: [train.csv]}}")
    with pytest.raises(UserError, match="dvc repro"):
        files(DataSet(path=("sub/train.csv",)), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "stages: {prepare: {outs: [data/test.csv]}}",
        "stages: {prepare: {outs: ['${file}']}}",
        "stages: {prepare: {deps: [data/train.csv]}}",
        "stages: 3",
        "stages: {a: 3, b: {outs: 3}, c: {outs: [7, {}]}}",
        "- 1",
        "a: [",
        "",
    ],
)
def test_data_that_no_stage_makes_is_a_wrong_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "dvc.yaml").write_text(text)
    with pytest.raises(UserError, match="Check `path`"):
        files(DataSet(path=("data/train.csv",)), tmp_path)
