"""Where a model comes from, as the bento says it: nothing in it depends on when or where it was packaged."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci_kit import __version__
from ci_kit.data import dvc, tracked
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.history import find
from ci_kit.job import Job
from ci_kit.parts import Metric
from ci_kit.result import Result, load, result_path

EARLIEST = "1980-01-01T00:00:00+00:00"


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The commit and its `time` (ISO 8601), the digests of what went in, and the Result of `evaluate`, if any."""

    time: str
    facts: dict[str, Any]
    evaluated: Result | None
    where: str


def lineage(job: Job, sha256: str, data: dict[str, str]) -> Lineage:
    """Describe the model whose file has that SHA-256; its evaluation is that of this run or of the history.

    `data` are the digests of data sets that were read; those that DVC tracks are named by it.
    """
    git = Git(job.root)
    sha = job.source.sha
    time = git.read("show", "--no-patch", "--format=%cI", sha) if sha else None
    evaluated, where = _evaluated(job, git, sha256)
    known = {"repo": job.source.repo, "directory": job.source.directory, "commit": sha, "lock": job.source.lock}
    facts = {
        "kit": __version__,
        "source": {key: value for key, value in known.items() if value} | {"dirty": job.source.dirty},
        "data": dict(sorted((_tracked(job) | data).items())),
        "model": {"path": job.config.evaluate.model, "sha256": sha256},
    }
    return Lineage(time=time or EARLIEST, facts=facts, evaluated=evaluated, where=where)


def judged(result: Result, sha256: str) -> bool:
    """Say whether a Result of `evaluate` speaks of the model with that SHA-256."""
    return result.step == "evaluate" and any(file.role == "model" and file.sha256 == sha256 for file in result.files)


def passed(result: Result | None) -> bool:
    """Say whether a model that was judged so may be deployed."""
    return result is not None and result.status in ("pass", "warn", "unsure")


def metrics(result: Result | None) -> dict[str, Metric]:
    """Return the metrics that a model card shows: no times, as they depend on the machine, and no differences."""
    known = result.metrics if result else {}
    return {name: one for name, one in sorted(known.items()) if one.unit != "s" and "@" not in name and name != "rows"}


def _tracked(job: Job) -> dict[str, str]:
    drift = job.config.drift
    sets = {name: one for name, one in job.config.data.items() if name not in (drift.current, drift.labels)}
    known = {name: tracked(job.root / one.path[0], job.root) for name, one in sets.items() if len(one.path) == 1}
    return {name: f"md5:{md5}" for name, md5 in known.items() if md5}


def _evaluated(job: Job, git: Git, sha256: str) -> tuple[Result | None, str]:
    path = result_path(job.root, "evaluate")
    if path.is_file():
        try:
            found = load(path)
            if judged(found, sha256):
                return found, "the last evaluation here"
        except UserError as error:
            job.say(f"package: {error}")
    if job.source.sha and (past := find(git, job.source.sha, "evaluate", job.say)) and judged(past.result, sha256):
        return past.result, f"the history, commit {past.sha[:7]}"
    return None, ""


def model_file(job: Job) -> Path:
    """Return the path of the ONNX file that `evaluate.model` names; raise UserError when it names code.

    What DVC tracks of it is brought, and for `package.reference` what its training wrote beside it, such as weights.
    """
    name = job.config.evaluate.model
    if ".py:" in name:
        hint = "Export the model: ci_kit.export has helpers for torch and scikit-learn"
        raise UserError(f"{name} can't be packaged", why="it is code; only an ONNX model can", hint=hint)
    dvc.pull(name, job.root)
    for other in dvc.beside(name, job.root) if job.config.package.reference else ():
        dvc.pull(other, job.root)
    return job.root / name
