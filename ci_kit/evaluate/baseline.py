"""The baseline: what the base branch's model scores on today's rows. Fails closed, and says which way it was found."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ci_kit.errors import CiKitError, UserError
from ci_kit.evaluate.fetch import fetch
from ci_kit.evaluate.scoring import Scores, macro_f1, score, truth_digest, unpack, unusable
from ci_kit.forge.git import Git, base
from ci_kit.forge.history import Past, find
from ci_kit.job import Job
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model, load
from ci_kit.parts import Check
from ci_kit.result import FOLDER

MODEL = "baseline.onnx"


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What is known of the baseline; without `scores` nothing can be compared, and `check` says why.

    `predicted` is what its model, where that is at hand, answers today's rows.
    """

    check: Check
    scores: Scores | None = None
    model: Model | None = None
    predicted: npt.NDArray[Any] | None = None
    why_no_model: str = ""
    f1: float | None = None


def compare_with(job: Job, dataset: Dataset) -> Baseline:
    """Find the nearest ancestor of the base commit that has a Result, and its scores on today's rows.

    The stored scores if the evaluation data is the same, else those of its model, fetched and scored again: a warning,
    because a change that moves the data moves its own bar. Where the history knows no Result, the same is done with the
    model of the base commit itself.
    """
    git = Git(job.root)
    start, reason = job.source.base_sha, ""
    if start is None:
        start, reason = base(git, None, job.config.base)
    if start is None:
        return _none(job, reason)
    past = find(git, start, "evaluate", job.say)
    if past is None:
        return _unrecorded(job, git, start, dataset)
    moved = _moved(past, dataset)
    stored, why_not_stored = (None, moved) if moved else _stored(past, dataset)
    # With its scores at hand the model itself serves only the tests and the latency beside ours.
    needed = stored is None or bool(job.config.evaluate.tests)
    model, predicted, why_no_model = _model(job, git, past.sha, dataset, remote=needed)
    if stored is not None:
        known = past.result.metrics.get("macro_f1")
        f1 = known.value if known else None
        check = _found(past, "scores from the history")
        return Baseline(check=check, scores=stored, model=model, predicted=predicted, why_no_model=why_no_model, f1=f1)
    check = _found(past, f"{why_not_stored}, so its model was scored again", moved=bool(moved))
    if model is None or predicted is None:
        return _none(job, f"{why_not_stored}, and {why_no_model}", where(past))
    return _scored(job, model, predicted, dataset, check, why_not_stored)


def _unrecorded(job: Job, git: Git, sha: str, dataset: Dataset) -> Baseline:
    """Score the model of the base commit: nobody has recorded there what it scored, and on which data."""
    reason = f"the history branch has no result of {sha[:7]} or any commit before it"
    model, predicted, why = _model(job, git, sha, dataset, remote=True)
    if model is None or predicted is None:
        return _none(job, f"{reason}, and {why}")
    observed = f"{sha[:7]}, the merge base; the history has no result, so its model was scored"
    check = Check(id="baseline", title="The baseline was never recorded", status="warn", observed=observed)
    return _scored(job, model, predicted, dataset, check, reason)


def _scored(job: Job, model: Model, predicted: npt.NDArray[Any], dataset: Dataset, check: Check, why: str) -> Baseline:
    """Return what the model scores on today's rows, as `check` tells; `why` nothing better is known."""
    if bad := unusable(predicted):
        return _none(job, f"{why}, and its model answers NaN in {bad:,} rows", (check.observed or "").partition(";")[0])
    scores, f1 = score(model, dataset, predicted), macro_f1(model, dataset, predicted)
    return Baseline(check=check, scores=scores, model=model, predicted=predicted, f1=f1)


def where(past: Past) -> str:
    """Name the commit and how far it lies behind the commit that the change is compared with."""
    behind = f"{past.distance} commit{'' if past.distance == 1 else 's'} before the merge base"
    return f"{past.sha[:7]}, {behind if past.distance else 'the merge base'}"


def _moved(past: Past, dataset: Dataset) -> str:
    """Say how the evaluation data differs from what the baseline was scored on; empty where it is the same."""
    known, rows = past.result.source.data.get(dataset.name), past.result.metrics.get("rows")
    if known == dataset.fingerprint:
        return ""
    if not known:
        return f"its result names no data set {dataset.name}"
    before, now = (mark.partition(":")[2][:7] for mark in (known, dataset.fingerprint))
    counts = f"{rows.value:,.0f} → {len(dataset):,} rows, " if rows else f"now {len(dataset):,} rows, "
    return f"the evaluation data changed ({counts}digest {before} → {now})"


def _stored(past: Past, dataset: Dataset) -> tuple[Scores | None, str]:
    if past.scores is None:
        return None, "its scores were not kept"
    try:
        scores = unpack(past.scores, len(dataset))
    except UserError as error:
        return None, str(error)
    if scores.truth != truth_digest(dataset):
        return None, "the target changed"
    return scores, ""


def _model(
    job: Job, git: Git, sha: str, dataset: Dataset, *, remote: bool
) -> tuple[Model | None, npt.NDArray[Any] | None, str]:
    """Return the model of that revision and what it answers today's rows, or why it can't be had."""
    target = job.root / FOLDER / MODEL
    target.unlink(missing_ok=True)
    try:
        fetch(git, sha, target, remote=remote)
        model = load(target, job.root, task=dataset.task, features=dataset.features, sensitive=dataset.sensitive)
        model.name = "the baseline"
        predicted = model.bind(dataset.frame, dataset.truth)
    except CiKitError as error:
        target.unlink(missing_ok=True)
        cure = f": {error.hint[0].lower()}{error.hint[1:]}" if error.hint else ""
        return None, None, error.what + (f" ({error.why})" if error.why else "") + cure
    return model, predicted, ""


def _found(past: Past, how: str, *, moved: bool = False) -> Check:
    title = "The evaluation data is not the baseline's" if moved else "A baseline to compare with"
    return Check(id="baseline", title=title, status="warn" if moved else "pass", observed=f"{where(past)}; {how}")


def _none(job: Job, reason: str, observed: str | None = None) -> Baseline:
    allowed = job.config.evaluate.first_run == "allow"
    hint = "" if allowed else " To accept this run without one, pass `--first-run allow`."
    check = Check(
        id="baseline",
        title="No comparable baseline",
        status="warn" if allowed else "fail",
        observed=observed,
        detail=f"{reason[:1].upper()}{reason[1:]}.{hint}",
    )
    return Baseline(check=check, why_no_model=reason)
