"""Results as they lie on the branch of the history, read field by field.

Thousands are read at once, where building whole `Result`s would take minutes. Nothing that is read is believed: what
has the wrong type is left out and counted, texts are cut and cleaned of secrets, and numbers are finite.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ci_kit.parts import Status
from ci_kit.render.commits import Commit, Kind, Mark, Value
from ci_kit.result import SEVERITY

TEXT = 200  # characters of a text that are kept
MOST = 200  # metrics, and data sets, that are kept of one Result
FAR = 1e300  # beyond it the difference of two numbers may be infinite


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads Results; `clean` takes secrets out of a text, `wrong` counts what could not be read."""

    clean: Callable[[str], str]
    wrong: Counter[str] = field(default_factory=Counter)

    def document(self, content: bytes | None, stem: str, sha: str | None = None) -> dict[str, Any] | None:
        """Return the Result as a dict when it is one of that step, and of that commit, and None otherwise."""
        try:
            found = json.loads(content or b"")
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and found.get("schema") == 1:
            step, name = found.get("step"), found.get("name")
            written = f"{step}-{name}" if name else step
            if written == stem and _dict(found, "source").get("sha") in (None, sha):
                return found
        self.wrong["result"] += 1
        return None

    def commit(self, sha: str, at: int, subject: str, steps: dict[str, dict[str, Any]]) -> Commit:
        """Return a commit with what the Results of its steps say."""
        evaluated = steps.get("evaluate", {})
        metrics = dict(self._metrics(evaluated))
        rows = metrics.pop("rows", None)
        runs = {step: _dict(result, "run") for step, result in steps.items()}
        seconds = {step: self._number(run.get("seconds")) for step, run in runs.items()}
        costs = {step: self._cost(run) for step, run in runs.items()}
        return Commit(
            sha=sha,
            at=at,
            subject=self.text(subject),
            status=max((self._status(result) for result in steps.values()), key=SEVERITY.index, default="skip"),
            metrics=metrics,
            rows=rows.value if rows else None,
            data={name: text for result in steps.values() for name, text in self._data(result)},
            seconds={step: value for step, value in seconds.items() if value is not None},
            costs={step: cost for step, cost in costs.items() if cost},
        )

    def mark(self, kind: Kind, text: str, result: dict[str, Any]) -> Mark | None:
        """Return what a Result of `drift` or `retrain` says of a window, None when its time can't be read."""
        started = _dict(result, "run").get("started")
        try:
            at = int(datetime.fromisoformat(str(started)).timestamp())
        except (ValueError, OverflowError):
            self.wrong["time"] += 1
            return None
        return Mark(kind=kind, at=at, text=text, status=self._status(result))

    def text(self, value: object) -> str:
        """Return a text without secrets, on one line and cut."""
        if not isinstance(value, str):
            self.wrong["text"] += value is not None
            return ""
        line = self.clean(" ".join(value[: 4 * TEXT].split()))
        return line if len(line) <= TEXT else line[: TEXT - 1] + "…"

    def _metrics(self, result: dict[str, Any]) -> Iterator[tuple[str, Value]]:
        for name, metric in list(_dict(result, "metrics").items())[: 3 * MOST]:
            if name.endswith(("@baseline", "@change")):
                continue
            value = self._number(metric.get("value")) if isinstance(metric, dict) else None
            if value is None:
                self.wrong["number"] += not isinstance(metric, dict)
                continue
            low, high = self._number(metric.get("low")), self._number(metric.get("high"))
            way = metric.get("direction")
            yield (
                self.text(name),
                Value(
                    value=value,
                    unit=self.text(metric.get("unit", "")),
                    direction="up" if way == "up" else "down" if way == "down" else None,
                    low=None if high is None else low,
                    high=None if low is None else high,
                ),
            )

    def _data(self, result: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for name, digest in list(_dict(_dict(result, "source"), "data").items())[:MOST]:
            if text := self.text(digest):
                yield self.text(name), text

    def _cost(self, run: dict[str, Any]) -> tuple[float, str] | None:
        cost = _dict(run, "cost")
        amount, currency = self._number(cost.get("amount")), self.text(cost.get("currency"))
        return (amount, currency) if amount is not None and currency else None

    def _number(self, value: object) -> float | None:
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and -FAR < value < FAR:
            return float(value)
        self.wrong["number"] += 1
        return None

    def _status(self, result: dict[str, Any]) -> Status:
        """Return the worst status of the checks, as `Result.status` does, whatever the file says of itself."""
        checks = result.get("checks")
        given = [check.get("status") for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []
        known = [status for status in SEVERITY if status in given]
        self.wrong["verdict"] += sum(status not in SEVERITY for status in given)
        return known[-1] if known else "skip"


def _dict(value: dict[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}
