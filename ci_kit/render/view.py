"""What a report shows, worked out from Results: the verdict, the comparison with the baseline, what needs attention."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ci_kit.result import SEVERITY, Check, Cost, Metric, Result, Status

ICONS: Mapping[Status, str] = {"pass": "✅", "fail": "❌", "unsure": "❔", "warn": "⚠️", "skip": "⏭️"}
Outcome = Literal["better", "worse", "same", "within", "unsure", "none"]
_COLUMN = re.compile(r"(drift|p|mean|null_share)/|(window_(start|end)|moved)$")
ATTENTION: tuple[Status, ...] = ("fail", "unsure", "warn")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A metric of the candidate beside the same metric of the baseline, and the gate's check where there is one."""

    name: str
    candidate: Metric
    baseline: Metric | None = None
    change: Metric | None = None
    gate: Check | None = None

    @property
    def trend(self) -> Literal["better", "worse", "unclear"]:
        """Which way the whole 95 % interval of the change points."""
        low, high = (self.change.low, self.change.high) if self.change else (None, None)
        if low is None or high is None or self.candidate.direction is None or low <= 0 <= high:
            return "unclear"
        return "better" if (low > 0) == (self.candidate.direction == "up") else "worse"

    @property
    def rank(self) -> int:
        """Where it stands among others without a gate; gated ones keep the order of the gate."""
        return 0 if self.gate else ("worse", "better", "unclear").index(self.trend)

    @property
    def outcome(self) -> Outcome:
        """What the comparison says; `within` is certainly worse, yet by no more than the gate allows."""
        status = self.gate.status if self.gate else None
        if status in {"fail", "unsure"}:
            return "worse" if status == "fail" else "unsure"
        if self.trend != "unclear":
            return "within" if status == "pass" and self.trend == "worse" else self.trend
        return "same" if status == "pass" else "none"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A data set of which two steps read different bytes; `first` and `second` are step and fingerprint."""

    data: str
    first: tuple[str, str]
    second: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Took:
    """What a step took, or all together, or by the median of the base branch; None where it is not known.

    `gpu` are seconds times the GPUs that were held; `pulled` are bytes that came from elsewhere.
    """

    seconds: float
    gpu: float | None = None
    cost: Cost | None = None
    pulled: float | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing beside the code that is not as it was on the base: empty texts where it was not, or is not, there."""

    kind: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class View:
    """The Results of one run and what is known around them; everything in a Result is untrusted, the rest is ours.

    `damaged` says by step why its Result can't be used; `url` is the run's page; `heartbeat` tells of the last drift
    check; `whole` says where nothing is left out; `past` are the last values of a metric on the base branch;
    `changes` is None where they are not known; `usual` says by step what it takes there, `altogether` what all of these
    take; `saved` are the seconds that a step would have taken to do again what it had done. With `fork` a stranger's
    run made the Results: nothing in them was seen to be true. `before` are the base branch's newest Results by step,
    `pictures` addresses of our own making by the keys of charts.
    """

    results: Mapping[str, Result]
    expected: tuple[str, ...] = ()
    damaged: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    base: str = "main"
    url: str | None = None
    heartbeat: Check | None = None
    whole: str = "`.ci-kit/report.html`"
    past: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    changes: tuple[Change, ...] | None = None
    usual: Mapping[str, Took] = field(default_factory=dict)
    altogether: Took | None = None
    saved: Mapping[str, float] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict)
    fork: bool = False
    before: Mapping[str, Result] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The expected steps that left nothing."""
        there = {result.step for result in self.results.values()} | set(self.damaged)
        return tuple(step for step in self.expected if step not in there)

    @property
    def stopped(self) -> str | None:
        """The step whose failure ended the journey."""
        return next((result.step for result in self.results.values() if result.status == "fail"), None)

    @property
    def status(self) -> Status:
        """The worst status; a damaged Result and changed data fail, a missing one leaves the verdict open."""
        found: list[Status] = [result.status for result in self.results.values()]
        found.extend("fail" for _ in (*self.damaged, *self.changed))
        found.extend("unsure" for _ in self.missing)
        return max(found, key=SEVERITY.index, default="unsure")

    @property
    def icon(self) -> str:
        """The verdict's icon; that all is well is not known where only a fork's run says so."""
        return ICONS["unsure" if self.fork and self.status != "fail" else self.status]

    @property
    def changed(self) -> tuple[Difference, ...]:
        """The data sets that are not the same for all steps: what was tested is then not what was scored."""
        seen: dict[str, tuple[str, str]] = {}
        found: dict[str, Difference] = {}
        for step, result in self.results.items():
            for name, digest in result.source.data.items():
                first = seen.setdefault(name, (step, digest))
                if first[1] != digest:
                    found.setdefault(name, Difference(data=name, first=first, second=(step, digest)))
        return tuple(found.values())

    @property
    def first(self) -> Result | None:
        """The Result that tells best which code and data the report speaks of."""
        return self.results.get("evaluate") or next(iter(self.results.values()), None)

    def rows(self) -> list[Row]:
        """Return the model's metrics: gated ones, those that surely got worse, or better, then the others."""
        rows = [row for result in self.results.values() if result.step == "evaluate" for row in compare(result)]
        rows = [row for row in rows if row.candidate.direction or row.baseline]
        return sorted(rows, key=lambda row: (row.gate is None, row.change is None, row.baseline is None, row.rank))

    def attention(self) -> list[tuple[str, Check]]:
        """Return the checks that failed, then those that could not be told, then the warnings, with their step."""
        found = [(step, check) for step, result in self.results.items() for check in urgent(result)]
        return sorted(found, key=lambda pair: ATTENTION.index(pair[1].status))


def urgent(result: Result) -> list[Check]:
    """Return the checks that need attention: by status, and of drift the columns that moved most first."""
    effects = result.metrics if result.step == "drift" else {}

    def place(check: Check) -> tuple[int, float]:
        effect = effects.get(f"drift/{check.id.partition('/')[2]}")
        return ATTENTION.index(check.status), -effect.value if effect else 0.0

    return sorted((check for check in result.checks if check.status in ATTENTION), key=place)


def telling(result: Result) -> Iterator[Row]:
    """Pair the metrics as `compare` does, without the numbers of single columns that a drift check is full of."""
    return (row for row in compare(result) if result.step != "drift" or not _COLUMN.match(row.name))


def beside(name: str) -> bool:
    """Tell whether a metric only stands beside another: `@` in any other place is a part of its name."""
    return name.endswith(("@baseline", "@change"))


def compare(result: Result) -> Iterator[Row]:
    """Pair each metric with its baseline, its change and its gate."""
    gates = {check.id: check for check in result.checks}
    for name, metric in result.metrics.items():
        if not beside(name):
            baseline, change = result.metrics.get(f"{name}@baseline"), result.metrics.get(f"{name}@change")
            gate = gates.get(f"gate/{name}")
            yield Row(name=name, candidate=metric, baseline=baseline, change=change, gate=gate)
