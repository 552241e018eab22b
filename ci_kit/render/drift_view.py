"""A drift check as a story: what moved, how much, since when, does it hurt. Raw text that a renderer has yet to escape.

What is read here are the ids of the checks and the names of the metrics, as `ci_kit/drift` writes them.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ci_kit.parts import Chart, Check, Metric, Status
from ci_kit.result import SEVERITY, Findings, Result

Told = Findings | Result
COLUMNS = ("data/", "prediction/", "nulls/", "schema/", "levels/", "range/")
_FACTS = ("levels/", "range/")  # they tell something about a column and never alarm
_BESIDE = re.compile(r"(mean|null_share|drift|p)/")
_SINCE = re.compile(r"\bsince (\d{4}-\d\d-\d\d(?: \d\d:\d\d)?|row \d[\d,]*)")


@dataclass(frozen=True, kw_only=True)
class Move:
    """All that is known of one column: the checks that speak of it, worst first, its effect and its picture."""

    column: str
    checks: tuple[Check, ...]
    effect: float = 0.0
    chart: Chart | None = None

    @property
    def status(self) -> Status:
        """The worst status."""
        return max((check.status for check in self.checks), key=SEVERITY.index, default="pass")

    @property
    def alarming(self) -> Status:
        """The worst status of the checks that can raise an alarm."""
        found = (check.status for check in self.checks if not check.id.startswith(_FACTS))
        return max(found, key=SEVERITY.index, default="pass")

    @property
    def changed(self) -> bool:
        """Whether it is gone or of another kind, which is no drift of its values."""
        return any(check.id.startswith("schema/") and check.status == "fail" for check in self.checks)

    @property
    def prediction(self) -> bool:
        """Whether it is an answer of the model."""
        return any(check.id.startswith("prediction/") for check in self.checks)

    @property
    def since(self) -> str | None:
        """The window in which it first moved, as the check wrote it."""
        return min((since for check in self.checks if (since := began(check)[1])), key=_early, default=None)

    @property
    def seen(self) -> tuple[Check, ...]:
        """The checks that found something to tell."""
        found = (one for one in self.checks if one.status in {"fail", "warn", "unsure"} or one.id.startswith(_FACTS))
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Story:
    """A told drift check with its columns sorted out: `moved` raised the alarm, `watched` may do so next time."""

    told: Told
    checks: dict[str, Check]
    moved: tuple[Move, ...]
    watched: tuple[Move, ...]
    still: tuple[Move, ...]

    @property
    def columns(self) -> tuple[Move, ...]:
        """All columns, what moved first."""
        return (*self.moved, *self.watched, *self.still)

    @property
    def status(self) -> Status:
        """The worst status of the checks."""
        return max((check.status for check in self.told.checks), key=SEVERITY.index, default="skip")

    @property
    def rows(self) -> int | None:
        """The rows of the window."""
        metric = self.told.metrics.get("rows")
        return int(metric.value) if metric else None

    @property
    def data(self) -> dict[str, str]:
        """The fingerprints of both sides."""
        return dict(self.told.source.data if isinstance(self.told, Result) else self.told.data)

    @property
    def notes(self) -> tuple[Check, ...]:
        """What else should be known: facts about columns that have not moved, and what stood in the check's way."""
        quiet = (check for move in (*self.watched, *self.still) for check in move.checks if check.id.startswith(_FACTS))
        others = (check for name, check in self.checks.items() if name not in {"window", "performance"})
        return tuple(check for check in (*others, *quiet) if check.status != "pass" or check.observed)

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What was compared, when and by what."""
        rows = f"{self.rows:,}" if self.rows is not None else ""
        window = self.checks.get("window")
        found = [("window", window.observed or "" if window else ""), ("rows", rows)]
        found += [(f"{name} data", digest) for name, digest in self.data.items()]
        if isinstance(self.told, Result):
            source, run = self.told.source, self.told.run
            found += [("commit", source.sha or ""), ("started", run.started), ("ci-kit", run.kit)]
        return [(name, value) for name, value in found if value]

    @property
    def scores(self) -> list[tuple[str, Metric, Metric]]:
        """The metrics of the model with those of the reference."""
        metrics = self.told.metrics
        pairs = (
            (name, metrics[name.removesuffix("@baseline")], one)
            for name, one in metrics.items()
            if name.endswith("@baseline") and name.removesuffix("@baseline") in metrics
        )
        return [(name.removesuffix("@baseline"), now, then) for name, now, then in pairs if not _BESIDE.match(name)]

    @property
    def since(self) -> str | None:
        """The first window of all columns that moved, in words: `18 November`."""
        first = min((move.since for move in self.moved if move.since), key=_early, default=None)
        return day(first, self.year) if first else None

    @property
    def year(self) -> int | None:
        """The year of the window, None for one that is cut by rows."""
        end = self.told.metrics.get("window_start")
        # Windows by rows count rows; no epoch before 1973 is a window of anybody's.
        return datetime.fromtimestamp(end.value, UTC).year if end and 1e8 < end.value < 2.5e11 else None


def read(told: Told) -> Story:
    """Sort out the checks of a drift check."""
    grouped: dict[str, list[Check]] = {}
    others: dict[str, Check] = {}
    for check in told.checks:
        # A column that the reference lacks is none of those that were compared.
        if check.id.startswith(COLUMNS) and not (check.id.startswith("schema/") and check.status == "warn"):
            grouped.setdefault(check.id.partition("/")[2], []).append(check)
        else:
            others[check.id] = check
    moves = sorted((_move(told, name, found) for name, found in grouped.items()), key=_order)
    return Story(
        told=told,
        checks=others,
        moved=tuple(move for move in moves if move.alarming == "fail"),
        watched=tuple(move for move in moves if move.alarming == "warn"),
        still=tuple(move for move in moves if move.alarming not in {"fail", "warn"}),
    )


def _move(told: Told, column: str, checks: list[Check]) -> Move:
    effect = told.metrics.get(f"drift/{column}")
    chart = next((chart for chart in told.charts if chart.title == column), None)
    ordered = sorted(checks, key=lambda check: -SEVERITY.index(check.status))
    return Move(column=column, checks=tuple(ordered), effect=effect.value if effect else 0.0, chart=chart)


def _order(move: Move) -> tuple[int, float, str]:
    return -SEVERITY.index(move.alarming), -move.effect, move.column


def began(check: Check) -> tuple[str, str | None]:
    """Return how often a check has found something, and since when, from its detail."""
    detail = check.detail or ""
    match = _SINCE.search(detail)
    return (detail[: match.start()].rstrip(" ,"), match[1]) if match else (detail, None)


def _early(since: str) -> tuple[float, str]:
    return (float(since[4:].replace(",", "")) if since.startswith("row ") else 0.0), since


def day(text: str, year: int | None = None) -> str:
    """Return an ISO date as people say it, without the year where it is `year`; any other text stays as it is."""
    try:
        found = date.fromisoformat(text[:10])
    except ValueError:
        return text
    shown = f"{found.day} {found:%B}" + ("" if found.year == year else f" {found.year}")
    return shown + ("" if text[10:] in {"", " 00:00"} else text[10:])
