"""What a page of the history shows: commits with what was measured of them, and marks between them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ci_kit.parts import Direction, Status

Kind = Literal["release", "drift", "retrain"]


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number with its unit and, where one is known, its 95 % interval; all of them finite."""

    value: float
    unit: str = ""
    direction: Direction | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit and what its Results say; `at` is when it was made, in seconds since 1970.

    `data` are the fingerprints by data set, `seconds` and `costs` (amount and currency) by step.
    """

    sha: str
    at: int
    subject: str
    status: Status
    metrics: Mapping[str, Value] = field(default_factory=dict)
    rows: float | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, tuple[float, str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that happened at a time: a version registered, a window judged, a retraining."""

    kind: Kind
    at: int
    text: str
    status: Status = "pass"


@dataclass(frozen=True, kw_only=True)
class Chronicle:
    """The history of a branch, the oldest first; every text in it is untrusted. `notes` say what is left out."""

    title: str
    base: str
    commits: tuple[Commit, ...]
    marks: tuple[Mark, ...] = ()
    notes: tuple[str, ...] = ()

    def metrics(self) -> list[str]:
        """Return the names of all metrics, those of the newest commit first and in its order."""
        return list(dict.fromkeys(name for commit in reversed(self.commits) for name in commit.metrics))

    def steps(self) -> list[str]:
        """Return the steps of which a time or a cost is known, in the order in which they run."""
        found = {step for commit in self.commits for step in (*commit.seconds, *commit.costs)}
        order = ("validate", "train", "evaluate", "package", "deploy")
        return sorted(found, key=lambda step: (*[step.split("-")[0] != one for one in order], step))
