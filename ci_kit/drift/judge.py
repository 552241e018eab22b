"""One window, judged: its tests, its checks and metrics, and the compact Result that the history keeps of it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from ci_kit import actions
from ci_kit.config import Config
from ci_kit.data import reading
from ci_kit.drift import checks, persist
from ci_kit.drift.decide import Family, Moved, enough, lost, moved, wanted
from ci_kit.drift.measures import measures
from ci_kit.drift.side import Side
from ci_kit.drift.survey import survey
from ci_kit.drift.window import Cut
from ci_kit.drift.wording import label
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check, Metric
from ci_kit.render import numbers
from ci_kit.result import Findings, Result
from ci_kit.serving.contract import MARKS

FOLD, FEW = 1000, 1000
_DETAILS = ("p/", "mean/", "null_share/")
Performance = Callable[[Cut], tuple[Iterable[Check], dict[str, Metric]]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window with what was found: `findings` without charts and files."""

    cut: Cut
    current: Side
    tests: list[Moved]
    findings: Findings

    def result(self, job: Job) -> Result:
        """Return what the history keeps: of a column its effect, and its checks where they did not pass."""
        told = [check for check in self.findings.checks if check.status != "pass" or "/" not in check.id]
        kept = {name: one for name, one in self.findings.metrics.items() if not name.startswith(_DETAILS)}
        found = Findings(checks=tuple(told), metrics=kept, data=self.findings.data)
        result = found.result("drift", self.cut.id, job.source, job.run)
        return Result.model_validate(actions.redact_all(result.model_dump(by_alias=True)))


@dataclass(frozen=True, kw_only=True)
class Judge:
    """What all windows of a run have in common; `mark` is the fingerprint of the current data."""

    job: Job
    reference: Side
    mark: str
    performance: Performance

    def window(self, cut: Cut, past: Sequence[Result]) -> Judged:
        """Survey a window, compare it with the reference and say what alarms, given the windows before it.

        Raises UserError where the two can't be compared at all.
        """
        settings, reference = self.job.config.drift, self.reference
        asked = wanted(reference, settings, key=apart(self.job.config))
        present = cut.frame.collect_schema().names()
        comparable(asked, present, settings.prediction)
        current = self._survey(cut, asked)
        found = [_window(cut, current), _rows(reference, current, settings.min_rows)]
        found += checks.schema(asked, reference, current)
        found += [*checks.unchecked(asked, reference), *checks.spaced(self._texts(cut, current))]
        there = {name: one for name, one in current.columns.items() if not lost(name, reference, current)}
        current = replace(current, columns=there)
        tests = moved(reference, current, settings, key=apart(self.job.config))
        found += [_unknown(column, past) for column in settings.prediction if column not in asked]
        if not settings.columns:
            found += checks.new(self._new(cut, [column for column in present if column not in asked]))
        quiet = sensitive(self.job.config)
        if enough(reference, current, settings):
            before = persist.evidence(past, cut.id, cut.start, reference.mark)
            began = persist.since_when(cut.id, cut.start, self.job.run.started)
            found += checks.decided(tests, reference, current, began, before, settings.alarm, quiet)
            found += checks.facts(current.columns, reference, current, quiet)
        judged, scores = self.performance(cut)
        found += judged
        metrics = _facts(cut, current) | scores | measures(tests, reference, current, quiet)
        data = {"reference": reference.mark, "current": current.mark}
        findings = Findings(checks=tuple(_folded(found)), metrics=metrics, data=data)
        return Judged(cut=cut, current=current, tests=tests, findings=findings)

    def _survey(self, cut: Cut, asked: dict[str, Family]) -> Side:
        old, settings = self.reference.columns, self.job.config.drift
        return survey(
            cut.frame,
            {column: old[column].kind for column in asked},
            sample=settings.sample,
            key=keys(self.job.config),
            levels={column: old[column].levels or {} for column in asked if old[column].kind == "category"},
            mark=self.mark,
            name=f"data.{settings.current}",
        )

    def _texts(self, cut: Cut, current: Side) -> dict[str, list[str]]:
        """Return what texts some rows of each column of texts hold."""
        names = [name for name, column in current.columns.items() if column.dtype == "String"]
        if not names:
            return {}
        with reading(f"data.{self.job.config.drift.current}", quiet=True):
            few = cut.frame.select(names).head(FEW).collect(engine="streaming")
        return {name: few[name].drop_nulls().unique().to_list() for name in names}

    def _new(self, cut: Cut, others: Sequence[str]) -> list[str]:
        """Return those that the reference lacks, that have no other role, and that have values in the window."""
        settings = self.job.config.drift
        window = settings.window.column if settings.window else None
        known = {*self.reference.columns, *apart(self.job.config), *settings.prediction, *MARKS, window}
        unknown = [column for column in others if column not in known]
        if not unknown:
            return []
        with reading(f"data.{settings.current}", quiet=True):
            values = cut.frame.select(pl.col(unknown).count()).collect(engine="streaming").row(0)
        return [column for column, count in zip(unknown, values, strict=True) if count]


def comparable(asked: dict[str, Family], present: Collection[str], predictions: Sequence[str]) -> None:
    """Raise UserError where the current data lacks the predictions, or every column of the reference."""
    if lost := [column for column in predictions if column not in present]:
        why = "`drift.prediction` names it"
        raise UserError(f"the current data has no column {lost[0]!r:.80}", why=why, hint="Log it, or mend the name")
    if not any(column in present for column in asked):
        why = "it has none of the columns to compare" if asked else "there is no column to compare"
        hint = "Build it again: ci-kit drift --build-reference"
        raise UserError(
            "the reference has another schema than the current data", why=why, hint=hint, code="drift/reference"
        )


def keys(config: Config) -> tuple[str, ...]:
    """Return the columns that name a row of the current data, or else of the reference."""
    found = [config.data[name].key for name in (config.drift.current, config.drift.reference) if name in config.data]
    return next((key for key in found if key), ())


def apart(config: Config) -> tuple[str, ...]:
    """Return the columns that are no data unless they are asked for: the key and the truth."""
    return (*keys(config), config.truth)


def sensitive(config: Config) -> Collection[str]:
    """Return the columns whose values are shown of neither side."""
    names = (config.drift.current, config.drift.reference, config.drift.labels)
    return {column for name in names if name in config.data for column in config.data[name].sensitive}


def _facts(cut: Cut, current: Side) -> dict[str, Metric]:
    return {
        "rows": Metric(value=current.rows, unit="rows"),
        "window_start": Metric(value=cut.start),
        "window_end": Metric(value=cut.end),
    }


def _unknown(column: str, past: Sequence[Result]) -> Check:
    """Say that a prediction is not in the reference, and warn where an earlier reference had it."""
    name = label(column)
    detail = "The reference has no such column: score it with the model and add the answers to see them drift."
    if any(f"drift/{name}" in result.metrics for result in past):
        title = f"{name} was compared before and is not in the reference any more"
        return Check(id=f"schema/{name}", title=title, status="warn", detail=detail)
    return Check(id=f"prediction/{name}", title=f"{name} was not compared", status="skip", detail=detail)


def _window(cut: Cut, current: Side) -> Check:
    detail = f"{cut.words}, {numbers.number(current.rows, 'rows')}"
    return Check(id="window", title="The window that was judged", status="pass", observed=cut.id, detail=detail)


def _rows(reference: Side, current: Side, least: int) -> Check:
    sides = ((current, "the window"), (reference, "the reference"))
    few = [f"{side.rows:,} rows in {name}" for side, name in sides if side.rows < least]
    if not few:
        return Check(id="rows", title="There are rows enough for a verdict", status="pass", limit=f"{least:,}")
    detail = "No column alarms before there are enough. Make the windows longer, or lower `drift.min-rows`."
    title, observed = "Inconclusive: too few rows for a verdict", " and ".join(few)
    return Check(id="rows", title=title, status="unsure", observed=observed, limit=f"{least:,}", detail=detail)


def _folded(found: Sequence[Check]) -> list[Check]:
    """Tell what passed as one where there is too much of it: a Result holds 5,000 checks."""
    if len(found) <= FOLD:
        return list(found)
    kept = [check for check in found if check.status != "pass" or "/" not in check.id]
    title = f"{len(found) - len(kept):,} more checks of columns passed"
    return [*kept[: 4 * FOLD], Check(id="passed", title=title, status="pass")]
