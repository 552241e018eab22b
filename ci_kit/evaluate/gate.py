"""The gate: candidate against baseline on the same rows, each verdict a check that says how much and how sure."""

from collections.abc import Iterator

import numpy as np

from ci_kit.evaluate.scoring import UNITS, Scores, metric, metrics
from ci_kit.models.dataset import Dataset
from ci_kit.parts import Check, Metric, Status
from ci_kit.render.numbers import change, number, pair, relative
from ci_kit.sections import Gate
from ci_kit.stats import LOG_LOSS_FLOOR, Verdict, gate_accuracy, gate_error, gate_r2, gate_score

LABELS = {"log_loss": "log loss", "mae": "mean absolute error", "rmse": "RMSE", "r2": "R²"}


def judge(candidate: Scores, baseline: Scores, dataset: Dataset, gate: Gate) -> tuple[list[Check], dict[str, Metric]]:
    """Return one check per gated metric, and `name@baseline` and `name@change` of those and the other metrics."""
    old = metrics(baseline, dataset)
    found = {f"{name}@baseline": one for name, one in old.items()}
    checks = []
    for name, verdict in verdicts(candidate, baseline, dataset, gate).items():
        found[f"{name}@change"] = metric(name, verdict.change, len(dataset))
        checks.append(check(name, verdict, metrics(candidate, dataset)[name], old[name]))
    if candidate.correct is not None and not checks[1:]:
        without = "candidate" if candidate.loss is None else "baseline"
        detail = f"The {without} gives labels only, no probabilities: only accuracy is compared."
        # A change that takes the probabilities away takes the sharper half of the gate away.
        status: Status = "warn" if baseline.loss is not None else "skip"
        checks.append(Check(id="gate/log_loss", title="log loss against the baseline", status=status, detail=detail))
    return checks, found


def verdicts(candidate: Scores, baseline: Scores, dataset: Dataset, gate: Gate) -> dict[str, Verdict]:
    """Judge the proper score (log loss, or mean absolute error) and the headline metric; names as of the metrics."""
    if candidate.error is not None and baseline.error is not None:
        return dict(_regression(candidate.error, baseline.error, dataset, gate))
    found = {}
    if candidate.loss is not None and baseline.loss is not None:
        margin = gate.score_margin
        found["log_loss"] = gate_score(candidate.loss, baseline.loss, relative_margin=margin, floor=LOG_LOSS_FLOOR)
    if candidate.correct is not None and baseline.correct is not None:
        found["accuracy"] = gate_accuracy(candidate.correct, baseline.correct, margin=gate.headline_margin)
    return found


def _regression(new: np.ndarray, old: np.ndarray, dataset: Dataset, gate: Gate) -> Iterator[tuple[str, Verdict]]:
    headline = gate.headline or "rmse"
    margin = min(gate.score_margin, gate.headline_margin) if headline == "mae" else gate.score_margin
    yield "mae", gate_error(new, old, metric="mae", relative_margin=margin)
    if headline == "rmse":
        yield "rmse", gate_error(new, old, metric="rmse", relative_margin=gate.headline_margin)
    if headline == "r2" and np.ptp(dataset.truth) > 0:
        yield "r2", gate_r2(new, old, dataset.truth, margin=gate.headline_margin)


def check(name: str, verdict: Verdict, candidate: Metric, baseline: Metric) -> Check:
    """Say the verdict on one metric; when unsure, the smallest change that these rows can show and the rows needed."""
    unit = UNITS.get(name, "")
    level = baseline.value
    sign = "−" if candidate.direction == "up" else "+"
    share = verdict.relative is not None and level > 0
    limit = relative(verdict.margin, level) if share else f"{sign}{change(verdict.margin, unit).lstrip('+')}"
    return Check(
        id=f"gate/{name}",
        title=f"{LABELS.get(name, name)} against the baseline",
        status=verdict.outcome,
        observed=" → ".join(pair(level, candidate.value, unit)) + _likely(verdict, unit, level if share else None),
        limit=limit,
        detail=_unsure(verdict, unit, level if share else None) if verdict.outcome == "unsure" else None,
    )


def _likely(verdict: Verdict, unit: str, level: float | None) -> str:
    if verdict.change.value == verdict.change.low == verdict.change.high:
        return ""
    shown = verdict.relative if level is not None and verdict.relative is not None else verdict.change
    texts = [
        "" if value is None else relative(value, 1.0) if level is not None else change(value, unit)
        for value in (shown.value, shown.low, shown.high)
    ]
    return f" ({texts[0]}, likely {texts[1]} to {texts[2]})" if texts[1] else f" ({texts[0]})"


def _unsure(verdict: Verdict, unit: str, level: float | None) -> str:
    rows = f"{verdict.rows:,} row{'' if verdict.rows == 1 else 's'}"
    if verdict.detectable is None:
        return f"{rows} can't tell a change from noise."
    size = relative(verdict.detectable, level).lstrip("+") if level else _size(verdict.detectable, unit)
    text = f"{rows} show changes of {size} or more"
    return f"{text}; a decision would take about {verdict.rows_needed:,} rows." if verdict.rows_needed else f"{text}."


def _size(value: float, unit: str) -> str:
    return change(value, unit).lstrip("+") if unit == "share" else number(value, unit, 2)
