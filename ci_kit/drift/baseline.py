"""What performance is compared with: the reference's own rows, else the newest evaluation in the history."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from ci_kit.data import reading, scan
from ci_kit.drift.scores import SCORE, Unjudged, collected, pick, scored
from ci_kit.drift.side import Side
from ci_kit.forge.git import Git
from ci_kit.forge.history import find
from ci_kit.job import Job
from ci_kit.stats import Moments, normal_quantile

WAS = "was"
LABELS = {"accuracy": "accuracy", "mae": "mean absolute error"}


@dataclass(frozen=True, kw_only=True)
class Known:
    """The scores of the reference; `frame` holds them by key where its rows are at hand, `words` say which it is."""

    moments: Moments
    words: str
    frame: pl.LazyFrame | None = None

    def pairs(self, rows: pl.DataFrame) -> pl.DataFrame | None:
        """Return the rows whose key both sides have exactly once, with their score of then as `was`; None without keys.

        Keys of different types are compared by their text.
        """
        names = [column for column in rows.columns if column != SCORE]
        if self.frame is None or not names or {*names, WAS} != set(self.frame.collect_schema().names()):
            return None
        now, then = rows.unique(names, keep="none").lazy(), self.frame
        if any(now.collect_schema()[name] != then.collect_schema()[name] for name in names):
            now, then = (side.with_columns(pl.col(names).cast(pl.String)) for side in (now, then))
        both = now.join(then, on=names).collect(engine="streaming")
        return both.unique(names, keep="none", maintain_order=True)


def known_scores(job: Job, reference: Side, name: Literal["accuracy", "mae"]) -> Known:
    """Return the scores of the reference data (all rows where it is no profile) or of the newest evaluation.

    Raises Unjudged where there is neither, with what to do.
    """
    settings, task = job.config.drift, job.config.evaluate.task
    target, prediction = job.config.truth, settings.prediction[0]
    dataset = job.config.data.get(settings.reference)
    frame = scan(dataset, job.root) if dataset and not settings.profile else reference.sample.lazy()
    with reading(settings.reference, quiet=True):
        have = frame.collect_schema().names()
        if prediction in have and target in have:
            key = dataset.key if dataset and set(dataset.key) <= set(have) else ()
            rows = scored(pick(frame, prediction, target, key), task)
            scores = collected(rows.select(pl.exclude("^key[0-9]+$")), task)[SCORE]
            if len(scores):
                by_key = rows.drop("prediction", "truth").rename({SCORE: WAS}) if key else None
                return Known(moments=Moments.of(scores), words=f"the reference {settings.reference}", frame=by_key)
    return _evaluated(job, name, f"{settings.reference} has no rows with the prediction and the truth")


def _evaluated(job: Job, name: str, why: str) -> Known:
    git = Git(job.root)
    start = git.find("HEAD") if git.is_repository() else None
    past = find(git, start, "evaluate", job.say) if start else None
    metric = past.result.metrics.get(name) if past else None
    if past is None or metric is None or not metric.n or metric.low is None or metric.high is None:
        lacks = f"no {LABELS[name]} with its interval" if past else "no evaluation of this commit or one before it"
        cure = "Add predictions to the reference, or let the check journey evaluate the base branch"
        raise Unjudged(f"There is nothing to compare with: {why}, and the history has {lacks}. {cure}.")
    error = (metric.high - metric.low) / 2 / normal_quantile(0.975)
    variance = metric.value * (1 - metric.value) if name == "accuracy" else error**2 * metric.n
    moments = Moments(mean=metric.value, variance=max(variance, 0.0), rows=metric.n)
    return Known(moments=moments, words=f"the evaluation of {past.sha[:7]}{_older(job, git, past.sha)}")


def _older(job: Job, git: Git, sha: str) -> str:
    """Say so where the reference has changed since that commit: its evaluation may be of another model."""
    settings = job.config.drift
    dataset = job.config.data.get(settings.reference)
    paths = [settings.profile] if settings.profile else [*dataset.path] if dataset else []
    changed = git.read("log", "-1", "--format=%H", "--", *paths, *(f"{path}.dvc" for path in paths)) if paths else None
    if not changed or changed == sha or git.read("merge-base", "--is-ancestor", sha, changed) is None:
        return ""
    return f", made before the reference changed in {changed[:7]}"
