from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ci_kit.config import Config
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.result import Findings
from ci_kit.validate.step import run

Validate = Callable[..., Findings]


@pytest.fixture
def validate(tmp_path: Path) -> Validate:
    """Run the step on `frame` with the lines of a `schema.py` that defines `schema`."""

    def validated(frame: pl.DataFrame | None, schema: str | None = None, **settings: Any) -> Findings:
        dataset: dict[str, Any] = {"path": "data.parquet"}
        if frame is not None:
            frame.write_parquet(tmp_path / "data.parquet", row_group_size=7)
        if schema is not None:
            (tmp_path / "schema.py").write_text(schema)
            dataset["schema"] = "schema.py:schema"
        section = settings.pop("section", {})
        document = {"data": {"d": dataset | settings}, "validate": section}
        return run(Job(root=tmp_path, config=Config.model_validate(document), say=lambda text: None))

    return validated


def bad(findings: Findings) -> dict[str, str | None]:
    """Return what did not pass, without the check that every data set has."""
    return {one.id.removeprefix("schema/d/"): one.observed for one in findings.checks if one.status != "pass"}


def named(findings: Findings, path: str) -> Check:
    return next(one for one in findings.checks if one.id == path)
