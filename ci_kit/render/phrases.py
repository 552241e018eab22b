"""Numbers and Results in a few words, as raw text that a renderer has yet to escape."""

from ci_kit.parts import Check, Metric
from ci_kit.render import numbers, took
from ci_kit.render.view import Row, Took
from ci_kit.result import Result

LABELS = {
    "log_loss": "log loss",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "latency_p50": "median latency",
    "wall_time": "wall time",
    "gpu_time": "GPU time",
    "bytes_pulled": "pulled from elsewhere",
    "cpu_time": "CPU time",
    "peak_memory": "peak memory",
    "gpu_utilisation": "GPU busy",
    "gpu_utilisation_max": "GPU busy at most",
    "gpu_memory": "GPU memory",
    "gpu_energy": "GPU energy",
    "parity/framework": "largest error, framework to ONNX",
    "parity/served": "largest error, ONNX to HTTP",
    "bento/size": "size of the bento",
    "watch/requests": "requests watched",
    "watch/mean": "mean time of a request",
}
WORDS = {
    "better": "better",
    "worse": "worse",
    "same": "not worse",
    "within": "within limit",
    "unsure": "unsure",
    "none": "",
}
_TOOK = ("peak_memory", "gpu_utilisation", "gpu_memory", "gpu_energy")
_APART = {"gpu_time", "bytes_pulled"}


def label(name: str) -> str:
    """Return a metric's name as people say it; names that we don't know stay as they are."""
    return LABELS.get(name, name.removeprefix("rows/"))


def count(number: int, noun: str) -> str:
    """Return `1 check`, `2 checks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def pair(row: Row) -> tuple[str, str]:
    """Return the baseline's value, empty where there is none, and the candidate's, with digits to tell them apart."""
    if row.baseline is None:
        return "", numbers.number(row.candidate.value, row.candidate.unit)
    return numbers.pair(row.baseline.value, row.candidate.value, row.candidate.unit)


def values(row: Row) -> str:
    """Return `baseline → candidate`."""
    return " → ".join(value for value in pair(row) if value)


def seen(check: Check) -> str:
    """Return what a check observed, and the limit where the title does not say it."""
    limit = f"limit {check.limit}" if check.limit and check.limit not in check.title else None
    return ", ".join(part for part in (check.observed, limit) if part)


def told(row: Row) -> str:
    """Return what became of a metric: `0.142 → 0.171 (+20 %, likely +12 % to +29 %)`."""
    if row.gate and row.gate.observed and "→" in row.gate.observed:
        return row.gate.observed
    if row.change is None or row.change.low is None or row.change.high is None:
        return values(row)
    texts = [numbers.change(value, row.change.unit) for value in (row.change.value, row.change.low, row.change.high)]
    return f"{values(row)} ({texts[0]}, likely {texts[1]} to {texts[2]})"


def difference(row: Row) -> str:
    """Return the change as a table shows it: `+0.029 ± 0.012`."""
    if row.change is None:
        return ""
    if row.change.low is None or row.change.high is None:
        return numbers.change(row.change.value, row.change.unit)
    return numbers.spread(row.change.low, row.change.value, row.change.high, row.change.unit)


def measured(metric: Metric) -> str:
    """Return a metric with its own interval where it has one."""
    text = numbers.number(metric.value, metric.unit)
    if metric.low is None or metric.high is None:
        return text
    low, high = (numbers.number(value, metric.unit) for value in (metric.low, metric.high))
    return f"{text} ({low} … {high})"


def facts(result: Result, usual: Took | None = None, saved: float | None = None) -> str:
    """Return what a step worked on, took and cost, beside what is usual, for one cell of a table."""
    first = tuple(name for name in result.metrics if name not in _APART)[:4]
    wanted = {"train": _TOOK, "evaluate": (), "drift": ()}.get(result.step, first)
    found = [(name, result.metrics[name]) for name in wanted if name in result.metrics]
    parts = [f"{label(name)} {numbers.number(one.value, one.unit)}" for name, one in found]
    if result.step in {"evaluate", "drift"} and "rows" in result.metrics:
        parts.append(numbers.number(result.metrics["rows"].value, "rows"))
    by_id = {check.id: check for check in result.checks}
    if "baseline" in by_id and by_id["baseline"].status == "pass":
        parts.append(f"baseline {by_id['baseline'].observed}")
    if "command" in by_id and by_id["command"].status == "skip":
        parts.insert(0, by_id["command"].title)
    return " · ".join([*parts, *took.parts(result, usual, saved)])


def beat(check: Check) -> str:
    """Return what the heartbeat of the drift check says: `checked 20 November, quiet`."""
    if check.status == "pass":
        return check.observed or check.title
    said = f"{check.title}: {check.observed}" if check.observed else check.title
    return f"{said}. {check.detail}" if check.detail else said


def tally(result: Result) -> str:
    """Return `14 checks`, or `2 failed, 1 warning of 14 checks`."""
    total = count(len(result.checks), "check")
    kinds = [sum(check.status == status for check in result.checks) for status in ("fail", "unsure", "warn")]
    names = ("failed", "unsure", "warning" if kinds[2] == 1 else "warnings")
    bad = ", ".join(f"{number:,} {name}" for number, name in zip(kinds, names, strict=True) if number)
    return f"{bad} of {total}" if bad else total


def origin(result: Result) -> list[tuple[str, str]]:
    """Return by name which code and data a Result speaks of, and when, where and by what it was made."""
    source, run = result.source, result.run
    known = [
        ("repository", source.repo),
        ("commit", f"{source.sha} with uncommitted changes" if source.sha and source.dirty else source.sha),
        ("compared with", source.base_sha),
        ("configuration", source.config),
        ("lockfile", source.lock),
        *((f"data {name}", digest) for name, digest in source.data.items()),
        ("started", run.started),
        ("took", numbers.duration(run.seconds)),
        ("machine", run.machine),
        ("GPU", run.gpu),
        ("cost", numbers.money(run.cost.amount, run.cost.currency) if run.cost else None),
        ("event", f"{run.event}, attempt {run.attempt}"),
        ("run", run.url),
        ("ci-kit", run.kit),
    ]
    return [(name, value) for name, value in known if value]
