"""Evaluate: score the candidate, compare it with the baseline, run the user's model tests."""

from pathlib import Path
from typing import Any

import numpy.typing as npt

from ci_kit.evaluate.baseline import Baseline, compare_with
from ci_kit.evaluate.evidence import Evidence
from ci_kit.evaluate.explain import Explained, explain
from ci_kit.evaluate.gate import judge
from ci_kit.evaluate.latency import measure
from ci_kit.evaluate.scoring import Scores, macro_f1, metrics, pack, score, unusable
from ci_kit.evaluate.tests_run import run_tests
from ci_kit.files import atomic_write, digest
from ci_kit.job import Job
from ci_kit.models.dataset import Dataset, load_dataset
from ci_kit.models.model import Model, candidate
from ci_kit.parts import Check, File, Metric
from ci_kit.progress import busy
from ci_kit.result import Findings

SCORES = "scores.npz"


def run(job: Job) -> Findings:
    """Return the checks, the metrics, what explains them, the scores file and the model.

    The checks are `predictions`, `baseline`, `gate/…`, `tests/…`, and `explanation` where a part of it is left out.

    Raises UserError when the model or the data can't be judged at all.
    """
    settings = job.config.evaluate
    busy("reading the data")
    dataset = load_dataset(job.config, job.root)
    job.say(f"evaluate: {len(dataset):,} rows of {dataset.name}, {settings.task}")
    busy("asking the model")
    model = candidate(job.config, job.root, dataset)
    predicted = model.bind(dataset.frame, dataset.truth)
    busy("looking for the baseline")
    baseline = compare_with(job, dataset)
    busy("comparing the two")
    checks, found, files, scores = _score(job, model, dataset, predicted, baseline)
    busy("running the model tests")
    tests = run_tests(job, baseline)
    explained = Explained()
    if scores is not None:
        evidence = Evidence(
            dataset=dataset,
            key=job.config.data[dataset.name].key,
            slices=settings.slices,
            model=model,
            predicted=predicted,
            scores=scores,
            baseline=baseline,
        )
        explained = explain(evidence, job.say)
    return Findings(
        checks=(*checks, *tests, *explained.checks),
        metrics=found | speed(model, baseline.model, dataset),
        charts=explained.charts,
        tables=explained.tables,
        files=files,
        data={dataset.name: dataset.fingerprint},
    )


def _score(
    job: Job, model: Model, dataset: Dataset, predicted: npt.NDArray[Any], baseline: Baseline
) -> tuple[list[Check], dict[str, Metric], tuple[File, ...], Scores | None]:
    """Score the candidate and hold it against the baseline; rows without an answer fail and nothing is compared."""
    path = job.folder / SCORES
    path.unlink(missing_ok=True)
    judged = _judged(job)
    rows = {"rows": Metric(value=len(dataset))}
    if bad := unusable(predicted):
        title, observed = "NaN or infinite predictions", f"{bad:,} of {len(dataset):,} rows"
        check = Check(id="predictions", title=title, status="fail", observed=observed, limit="0")
        return [check, baseline.check], rows, judged, None
    scores = score(model, dataset, predicted)
    checks = [Check(id="predictions", title="Every row has a finite prediction", status="pass"), baseline.check]
    found = metrics(scores, dataset) | _f1(macro_f1(model, dataset, predicted), baseline.f1, len(dataset))
    if baseline.scores is not None:
        verdicts, more = judge(scores, baseline.scores, dataset, job.config.evaluate.gate)
        checks, found = checks + verdicts, found | more
    atomic_write(path, pack(scores))
    return checks, found | rows, (File.of(path, job.root, "scores"), *judged), scores


def _judged(job: Job) -> tuple[File, ...]:
    """Describe the model that was scored: what is deployed later must be that very one."""
    name = Path(job.config.evaluate.model)
    path = job.root / name
    if name.is_absolute() or ".." in name.parts or not path.is_file():
        return ()
    # By the name that it has here: under DVC the file may be a link into its cache.
    return (File(path=name.as_posix(), sha256=digest(path), bytes=path.stat().st_size, role="model"),)


def _f1(candidate: float | None, baseline: float | None, rows: int) -> dict[str, Metric]:
    """Return macro F1 of both, and their difference without an interval: F1 is no mean of rows."""
    values = {} if candidate is None else {"macro_f1": candidate}
    if candidate is not None and baseline is not None:
        values |= {"macro_f1@baseline": baseline, "macro_f1@change": candidate - baseline}
    return {name: Metric(value=value, unit="share", direction="up", n=rows) for name, value in values.items()}


def speed(model: Model, baseline: Model | None, dataset: Dataset) -> dict[str, Metric]:
    """Return the median seconds of a call at batch 64, not gated.

    Beside it the baseline's, where its model is here to be timed in the same minute: other numbers are not comparable.
    """
    busy("")  # drawing would be timed, too
    found = measure(model, baseline, dataset)
    metrics = {"latency_p50": Metric(value=found.candidate, unit="s", direction="down", n=found.rounds)}
    if found.baseline is None or found.change is None:
        return metrics
    old, change = Metric(value=found.baseline, unit="s", direction="down", n=found.rounds), found.change
    return metrics | {
        "latency_p50@baseline": old,
        "latency_p50@change": old.model_copy(update={"value": change.value, "low": change.low, "high": change.high}),
    }
