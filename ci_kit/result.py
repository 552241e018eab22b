"""The Result: the only thing that one step may know of another.

A step returns `Findings`; the journey adds where and when it ran and writes the `Result` to `.ci-kit/<step>.json`.
The file is closed (unknown keys are refused), versioned, and holds finite numbers only. Its JSON Schema is
`ci_kit/schemas/result.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, computed_field, model_validator

from ci_kit.errors import EXHAUSTED, FAILED, PASSED, UNFINISHED, UserError
from ci_kit.files import atomic_write
from ci_kit.parts import (
    Chart,
    Check,
    Closed,
    Cost,
    Direction,
    File,
    Location,
    Metric,
    Name,
    Run,
    Series,
    Source,
    Status,
    Table,
    clip,
)

__all__ = [
    "Chart",
    "Check",
    "Cost",
    "Direction",
    "File",
    "Findings",
    "Location",
    "Metric",
    "Result",
    "Run",
    "Series",
    "Source",
    "Status",
    "Table",
    "clip",
    "json_schema",
    "load",
    "parse",
    "result_path",
]

SCHEMA = 1
MAX_BYTES = 8 * 2**20
FOLDER = ".ci-kit"
RESULT_NAME = r"^[a-z0-9][a-z0-9_.-]{0,60}$"
# The worst one wins: what can't be told is worth more attention than a warning, and less than a failure.
SEVERITY: tuple[Status, ...] = ("skip", "pass", "warn", "unsure", "fail")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What a step found out, before the journey adds where and when; `about` says what it did that to."""

    about: str | None = None
    checks: tuple[Check, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    files: tuple[File, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)
    gpu: str | None = None
    cost: Cost | None = None

    def result(self, step: str, name: str | None, source: Source, run: Run) -> "Result":
        """Return them as the Result of a run, `data` as part of its source."""
        return Result(
            step=step,
            name=name,
            about=self.about,
            checks=self.checks,
            metrics=dict(self.metrics),
            charts=self.charts,
            tables=self.tables,
            files=self.files,
            source=source.model_copy(update={"data": dict(self.data)}),
            run=run,
        )


class Result(Closed):
    """What one step found: its checks, numbers, charts, tables and files, and the run that they came from."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    step: Annotated[str, Field(pattern=r"^[a-z]{1,20}$")]
    name: Annotated[str, Field(pattern=RESULT_NAME)] | None = None
    about: Name | None = None
    checks: Annotated[tuple[Check, ...], Field(max_length=5000)]
    metrics: Annotated[dict[Name, Metric], Field(max_length=2000)] = Field(default_factory=dict)
    charts: Annotated[tuple[Chart, ...], Field(max_length=50)] = ()
    tables: Annotated[tuple[Table, ...], Field(max_length=20)] = ()
    files: Annotated[tuple[File, ...], Field(max_length=500)] = ()
    source: Source
    run: Run

    @computed_field  # type: ignore[prop-decorator]
    @property
    def status(self) -> Status:
        """The worst status of the checks; a step without checks was skipped."""
        return max((check.status for check in self.checks), key=SEVERITY.index, default="skip")

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        failed = {check.id for check in self.checks if check.status == "fail"}
        for name, code in (("unfinished", UNFINISHED), ("exhausted", EXHAUSTED)):
            if self.step == "train" and name in failed:
                return code
        return FAILED if self.status == "fail" else PASSED

    @model_validator(mode="wrap")
    @classmethod
    def _status_is_computed(cls, value: Any, handler: Any) -> Self:
        stored = None
        if isinstance(value, dict) and "status" in value:
            value = dict(value)
            stored = value.pop("status")
        result: Self = handler(value)
        if stored is not None and stored != result.status:
            raise ValueError(f"status says {stored!r} but the checks say {result.status!r}")
        return result

    def save(self, root: Path) -> Path:
        """Write the Result below `root/.ci-kit` in one atomic step and return its path."""
        path = result_path(root, self.step, self.name)
        if not (path.parent / ".gitignore").exists():  # `git add --all` must not pick up what a run leaves
            atomic_write(path.parent / ".gitignore", b"*\n")
        atomic_write(path, (self.model_dump_json(indent=2, exclude_none=True) + "\n").encode())
        return path


def result_path(root: Path, step: str, name: str | None = None) -> Path:
    """Return where the Result of a step lies."""
    return root / FOLDER / (f"{step}-{name}.json" if name else f"{step}.json")


def load(path: Path) -> Result:
    """Read and verify a Result; raise UserError if it is missing, too big, damaged, contradictory or too new."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"no result at {path.name}", why=error.strerror or "", hint="Run the step first") from error
    return parse(raw, path.name)


def parse(raw: bytes, origin: str) -> Result:
    """Verify the bytes of a Result, which may be hostile; `origin` names them in the error."""
    if len(raw) > MAX_BYTES:
        raise UserError(f"{origin} is {len(raw):,} bytes", why=f"a result has at most {MAX_BYTES:,}")
    try:
        document = json.loads(raw)
        version = document.get("schema") if isinstance(document, dict) else None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{origin} is not a result", why=str(error)[:200]) from error
    if isinstance(version, int) and version > SCHEMA:
        why = f"it has schema {version}, this ci-kit reads up to {SCHEMA}"
        raise UserError(f"{origin} was written by a newer ci-kit", why=why, hint="Upgrade ci-kit", code="config/newer")
    try:
        return Result.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "result"
        raise UserError(f"{origin} is not a valid result", why=f"{where}: {first['msg']}") from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a Result file, as published in `ci_kit/schemas/result.json`."""
    return Result.model_json_schema(mode="serialization") | {"title": "ci-kit result", "$id": "ci-kit:result:1"}
