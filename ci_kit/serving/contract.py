"""What a model may be asked, and what its answers mean: the file `contract.json` of a bento."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import TypeAdapter

FILE = "contract.json"
ANSWER = "prediction"
MARKS = ("time", "model")
"""What a row of the prediction log says beside its values: when it was answered, and by which model."""
Kind = Literal["whole", "number", "flag", "text"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: a bound is None where there is none.

    `above` and `below` exclude the bounds themselves, `among` are the only values allowed, `out` those that are not,
    `short` and `long` count the characters of a text. `unknown` names the checks that only pandera can run.
    """

    name: str
    kind: Kind
    nullable: bool = False
    low: Any = None
    high: Any = None
    above: bool = False
    below: bool = False
    among: tuple[Any, ...] | None = None
    out: tuple[Any, ...] = ()
    short: int | None = None
    long: int | None = None
    patterns: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The columns that the model reads, in its order; `keys`, which a row may carry and only the log keeps.

    `output` and `reading` say which output of the model is used and how (see `Reading`), `classes` what its columns
    mean. `answer` names the answer in the log, `rows` and `bytes` bound a request, `digest` is the model's, `own` names
    the service that the user wrote (`module:Name`).
    """

    name: str
    task: str
    columns: tuple[Column, ...]
    keys: tuple[Column, ...] = ()
    output: str
    reading: str
    classes: tuple[Any, ...] = ()
    answer: str = ANSWER
    rows: int = 1000
    bytes: int = 4 * 2**20
    digest: str = ""
    own: str = ""

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns that the model reads."""
        return tuple(column.name for column in self.columns)

    def dump(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the file of that folder."""
        return TypeAdapter(cls).validate_json((folder / FILE).read_bytes())
