"""Performance drift: whether predictions got worse, by the labels that have arrived.

On the rows of a window that have the truth: accuracy, or the mean absolute error of a regression. It is compared with
the reference data where that has prediction and truth, else with the newest evaluation in the history. Rows that both
sides have are compared pair by pair, as in `evaluate` (FALSE_FAILS / 2 of windows fail for nothing), others by two
samples (FALSE_DROPS of windows).
"""

from typing import Literal

import polars as pl

from ci_kit.data import reading
from ci_kit.data.times import epoch
from ci_kit.drift.baseline import LABELS, WAS, Known, known_scores
from ci_kit.drift.scores import SCORE, Unjudged, collected, known, pick, scored, with_labels
from ci_kit.drift.side import Side
from ci_kit.errors import UserError
from ci_kit.job import Job
from ci_kit.parts import Check, Direction, Metric
from ci_kit.render import numbers
from ci_kit.sections import Drift
from ci_kit.stats import (
    MIN_ROWS,
    Interval,
    Moments,
    Verdict,
    drop_accuracy,
    drop_error,
    gate_accuracy,
    gate_error,
    mae,
    proportion,
)

Metrics = dict[str, Metric]
PAIRED = 0.5
"""More of the labelled rows than this have to be the reference's own to be compared pair by pair."""
LATE = 10
"""So many times `drift.min-rows` are judged at most where labels come late: more would hide a sudden fall."""


def performance(
    job: Job, window: pl.LazyFrame, reference: Side, *, before: pl.LazyFrame | None = None
) -> tuple[list[Check], Metrics]:
    """Return the check `performance` and its metrics for the rows of a window.

    `before` are all rows up to the window's end: where labels arrive later than windows end, and fewer rows of the
    window have one than `drift.min-rows`, the newest labelled rows are judged, as many as the window has. Raises
    UserError for a data set or a column that is not there.
    """
    name: Literal["accuracy", "mae"] = "mae" if job.config.evaluate.task == "regression" else "accuracy"
    metrics: Metrics = {}
    try:
        rows, words = _current(job, window, before)
        now = proportion(rows[SCORE]) if name == "accuracy" else mae(rows[SCORE])
        metrics[name] = _metric(name, now, rows.height)
        old = known_scores(job, reference, name)
    except Unjudged as reason:
        return [
            Check(id="performance", title="Performance was not compared", status="skip", detail=str(reason))
        ], metrics
    verdict, paired = _verdict(name, rows, old, job.config.drift.drop)
    metrics[f"{name}@baseline"] = Metric(
        value=old.moments.mean, unit=metrics[name].unit, direction=metrics[name].direction, n=old.moments.rows
    )
    metrics[f"{name}@change"] = _metric(name, verdict.change, rows.height)
    how = f"pair by pair with {old.words}" if paired else f"against {old.words}, {old.moments.rows:,} rows"
    return [_check(name, verdict, old.moments.mean, now.value, f"{words}, {how}.")], metrics


def _current(job: Job, window: pl.LazyFrame, before: pl.LazyFrame | None) -> tuple[pl.DataFrame, str]:
    """Return the scores of the window's labelled rows, or the newest before its end, and say how many of how many."""
    settings, task = job.config.drift, job.config.evaluate.task
    with reading(settings.current, quiet=True):
        rows = _with_truth(job, window)
        counted = rows.select(pl.len(), known(rows).sum().alias("known")).collect(engine="streaming")
        total, labelled = counted.row(0)
        found = collected(scored(rows, task), task)
        words = f"On {found.height:,} of {total:,} rows, those with prediction and truth"
        if before is not None and labelled < min(settings.min_rows, total):
            late = scored(_with_truth(job, _in_order(before, settings)), task)
            found = collected(late.tail(min(total, LATE * settings.min_rows)), task)
            words = f"On the newest {found.height:,} rows with truth ({labelled:,} of them in this window's {total:,})"
    if not found.height:
        raise Unjudged(f"None of {total:,} rows has both prediction and truth yet.")
    return found, words


def _with_truth(job: Job, frame: pl.LazyFrame) -> pl.LazyFrame:
    settings = job.config.drift
    have = frame.collect_schema().names()
    if not settings.target and not settings.labels and job.config.truth not in have:
        why = f"{settings.current} has no column {job.config.truth!r:.80}"
        raise Unjudged(f"There is no truth: {why}. Set `drift.target`, or `drift.labels` where it arrives later.")
    if not settings.prediction:
        raise Unjudged("Set `drift.prediction` to the column with the model's answers.")
    target, prediction = job.config.truth, settings.prediction[0]
    dataset = job.config.data.get(settings.current)
    key = dataset.key if dataset else ()
    for column in (prediction, *key, *(() if settings.labels else (target,))):
        if column not in have:
            cure = "Set `drift.target`, or `drift.labels` where the truth arrives later"
            cure = cure if column == target else "Mend `drift.prediction` or the key"
            raise UserError(f"{settings.current} has no column {column!r:.80}", hint=cure)
    if not settings.labels:
        return pick(frame, prediction, target, key)
    return with_labels(job, pick(frame, prediction, None, key), key, target)


def _in_order(frame: pl.LazyFrame, settings: Drift) -> pl.LazyFrame:
    column = settings.window.column if settings.window else None
    return frame.sort(epoch(column, frame.collect_schema()[column]), maintain_order=True) if column else frame


def _verdict(name: str, rows: pl.DataFrame, old: Known, margin: float) -> tuple[Verdict, bool]:
    """Judge pair by pair where most labelled rows are among the reference's, else as two samples."""
    both = old.pairs(rows)
    if both is not None and both.height >= max(MIN_ROWS, PAIRED * rows.height):
        if name == "accuracy":
            return gate_accuracy(both[SCORE], both[WAS], margin=margin), True
        return gate_error(both[SCORE], both[WAS], metric="mae", relative_margin=margin), True
    now = Moments.of(rows[SCORE])
    if name == "accuracy":
        return drop_accuracy(old.moments, now, margin=margin), False
    return drop_error(old.moments, now, relative_margin=margin), False


def _metric(name: str, interval: Interval, rows: int) -> Metric:
    unit = "share" if name == "accuracy" else ""
    direction: Direction = "up" if name == "accuracy" else "down"
    return Metric(value=interval.value, low=interval.low, high=interval.high, unit=unit, direction=direction, n=rows)


def _check(name: str, verdict: Verdict, old: float, new: float, words: str) -> Check:
    unit = "share" if name == "accuracy" else ""
    share = old if name == "mae" and old > 0 and verdict.relative else None
    shown = verdict.relative if share and verdict.relative else verdict.change

    def said(value: float) -> str:
        return numbers.relative(value, 1.0) if share else numbers.change(value, unit)

    observed = " → ".join(numbers.pair(old, new, unit)) + f" ({said(shown.value)}"
    if shown.low is not None and shown.high is not None and shown.low != shown.high:
        observed += f", likely {said(shown.low)} to {said(shown.high)}"
    titles = {"pass": "Performance has not fallen", "fail": "Performance fell"}
    if verdict.outcome == "unsure" and verdict.detectable is not None:
        size = numbers.relative(verdict.detectable, share) if share else numbers.change(verdict.detectable, unit)
        words += f" So few rows show a change of {size.lstrip('+')} or more"
        words += f"; a decision would take about {verdict.rows_needed:,}." if verdict.rows_needed else "."
    limit = numbers.relative(verdict.margin, share) if share else numbers.change(-verdict.margin, unit)
    return Check(
        id="performance",
        title=f"{titles.get(verdict.outcome, 'Too few rows to tell whether performance fell')} ({LABELS[name]})",
        status=verdict.outcome,
        observed=f"{observed})",
        limit=limit if name == "accuracy" or share else numbers.change(verdict.margin),
        detail=words,
    )
