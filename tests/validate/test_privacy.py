from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ci_kit.config import Config
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.validate import step
from tests.validate.conftest import Validate, bad, named

SCHEMA = "import pandera.polars as pa\nschema = pa.DataFrameSchema({'ssn': pa.Column(str, pa.Check.eq('x'))})"
FRAME = pl.DataFrame({"ssn": ["XSECRETX"], "age": [-1]})


@pytest.mark.parametrize(
    ("name", "nearest"), [("snn", "no such column, did you mean 'ssn'?"), ("q", "no such column, there are: ssn, age")]
)
def test_a_sensitive_column_that_is_not_there_fails_and_nothing_is_shown(
    validate: Validate, name: str, nearest: str
) -> None:
    findings = validate(FRAME, SCHEMA, sensitive=["age", name])
    check = named(findings, f"sensitive/d/{name}")
    assert (check.status, check.observed) == ("fail", nearest)
    assert "ssn/eq" in bad(findings)
    assert "XSECRETX" not in repr(findings)


def test_sensitive_columns_that_are_there_need_no_word(validate: Validate) -> None:
    findings = validate(FRAME, SCHEMA, sensitive="age")
    assert [one.id for one in findings.checks if one.id.startswith("sensitive")] == []
    assert "XSECRETX" in repr(findings)


def uneven(root: Path, sets: dict[str, Any]) -> list[Check]:
    job = Job(root=root, config=Config.model_validate({"data": sets}), say=lambda text: None)
    return [one for one in step.run(job).checks if one.id.startswith("sensitive")]


def test_a_column_that_only_one_data_set_calls_sensitive_is_a_warning(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.select("age").write_parquet(tmp_path / "b.parquet")
    one, two = {"path": "a.parquet", "sensitive": "ssn"}, {"path": "a.parquet"}
    (check,) = uneven(tmp_path, {"train": one, "test": two, "slim": {"path": "b.parquet"}})
    assert (check.id, check.status, check.title) == ("sensitive/test/ssn", "warn", "test.ssn: sensitive in train")
    assert uneven(tmp_path, {"train": one, "test": one}) == []
