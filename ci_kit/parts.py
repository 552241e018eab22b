"""The parts of a Result: closed, frozen records with bounded texts and finite numbers."""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, Strict, model_validator

from ci_kit.files import digest

Status = Literal["pass", "fail", "warn", "skip", "unsure"]
Direction = Literal["up", "down"]


def clip(text: object, limit: int) -> object:
    """Shorten a text to `limit` characters and say how much is missing; lone surrogates become '?'."""
    if not isinstance(text, str):
        return text
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= limit:
        return text
    note = f"… ({len(text) - limit + 40:,} more characters)"
    return text[: limit - len(note)] + note


Name = Annotated[str, BeforeValidator(partial(clip, limit=200)), Field(max_length=200)]
Line = Annotated[str, BeforeValidator(partial(clip, limit=500)), Field(max_length=500)]
Prose = Annotated[str, BeforeValidator(partial(clip, limit=4000)), Field(max_length=4000)]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{4,64}$")]


# No absolute path and no '..' segment, without look-around, so that any JSON Schema validator can check it.
_SEGMENT = r"(?:[^./\\\x00][^/\\\x00]*|\.[^./\\\x00][^/\\\x00]*|\.\.[^/\\\x00]+)"
_RELATIVE = rf"^({_SEGMENT}/)*{_SEGMENT}$"


class Closed(BaseModel):
    """What every part of a Result shares: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, serialize_by_alias=True)


class Location(Closed):
    """A line of a file, relative to the repository's root, so that a finding can be shown in the diff."""

    file: Line
    line: Annotated[int, Field(ge=1)] = 1


class Check(Closed):
    """One question and its answer."""

    id: Name
    title: Line
    status: Status
    observed: Line | None = None
    limit: Line | None = None
    detail: Prose | None = None
    location: Location | None = None

    def __str__(self) -> str:
        """Return title and observation as one line."""
        return f"{self.title}: {self.observed}" if self.observed else self.title


class Metric(Closed):
    """A number with its unit, the direction that is better, and a 95 % interval where one is known.

    `name@baseline` is the same metric of the baseline on the same rows, `name@change` the paired difference.
    """

    value: FiniteFloat
    unit: Name = ""
    direction: Direction | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    n: Annotated[int, Field(ge=0)] | None = None


class Series(Closed):
    """One line, or one set of bars, of a chart: at most 200 points."""

    name: Name
    # Strict, or the names of categories that look like numbers would be read as numbers.
    x: Annotated[tuple[Annotated[FiniteFloat, Strict()], ...] | tuple[Name, ...], Field(max_length=200)]
    y: Annotated[tuple[FiniteFloat, ...], Field(max_length=200)]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"series {self.name!r} has {len(self.x)} x values and {len(self.y)} y values")
        return self


class Chart(Closed):
    """Enough to draw a picture anywhere; a histogram's x are the left edges of its bins.

    Of a `matrix` each series is a row, named by what is true, and x names the columns; `points` are not joined.
    """

    kind: Literal["line", "bar", "histogram", "matrix", "points"]
    title: Line
    x: Name
    y: Name
    series: Annotated[tuple[Series, ...], Field(min_length=1, max_length=24)]


class Table(Closed):
    """Rows for people to read, the most telling first; `note` says what is not shown, or how to read it."""

    title: Line
    head: Annotated[tuple[Name, ...], Field(min_length=1, max_length=12)]
    rows: Annotated[tuple[tuple[Line, ...], ...], Field(max_length=200)]
    note: Line | None = None

    @model_validator(mode="after")
    def _as_wide_as_the_head(self) -> Self:
        for row in self.rows:
            if len(row) != len(self.head):
                raise ValueError(f"a row of {self.title!r} has {len(row)} cells where the head has {len(self.head)}")
        return self


class File(Closed):
    """A file that the step left behind, named relative to the repository's root."""

    path: Annotated[Line, Field(pattern=_RELATIVE)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(ge=0)]
    role: Name

    @classmethod
    def of(cls, path: Path, root: Path, role: str) -> Self:
        """Describe a file that exists below `root`."""
        relative = path.resolve().relative_to(root.resolve()).as_posix()
        return cls(path=relative, sha256=digest(path), bytes=path.stat().st_size, role=role)


class Source(Closed):
    """Which code, configuration and data the Result speaks of; `directory` is the folder of ci-kit.yaml."""

    repo: Line = ""
    directory: Annotated[Line, Field(pattern=rf"^$|{_RELATIVE}")] = ""
    sha: Hex | None = None
    base_sha: Hex | None = None
    dirty: bool = False
    config: Name | None = None
    data: Annotated[dict[Name, Name], Field(max_length=200)] = Field(default_factory=dict)
    lock: Name | None = None


class Cost(Closed):
    """Money, only ever from a price that somebody configured."""

    amount: Annotated[FiniteFloat, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Run(Closed):
    """When, where and by what the step ran; `started` is UTC in ISO 8601."""

    kit: Name
    event: Name = "local"
    url: Line | None = None
    attempt: Annotated[int, Field(ge=1)] = 1
    started: Name
    seconds: Annotated[FiniteFloat, Field(ge=0)]
    machine: Line = ""
    gpu: Line | None = None
    cost: Cost | None = None
