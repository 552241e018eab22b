"""The numbers that a training wrote: a flat JSON object, or DVCLive's nested one."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.parts import Check, Direction, Metric

MAX_BYTES, MAX_METRICS = 2**20, 500
_WORD = re.compile(r"[^\W_]+")
_UP = re.compile(
    r"acc(uracy)?|f1|fbeta|(au)?roc|auc|auprc|r2|precision|recall|sensitivity|specificity|bleu|rouge|m?iou|dice|jaccard"
    r"|map|ndcg|mrr|psnr|ssim|kappa|mcc|top\d+|throughput"
)
_DOWN = re.compile(
    r"(log)?loss|nll|err(or)?|r?mse|mae|s?mape|r?msle|perplexity|ppl|time|seconds|duration|latency|brier|ece|[wc]er|fid"
    r"|hinge|deviance"
)


def direction(name: str) -> Direction | None:
    """Return which way is better, where the words of the name agree on it; scikit-learn's `neg_` turns it round."""
    words = _WORD.findall(name.lower())
    down, up = any(map(_DOWN.fullmatch, words)), any(map(_UP.fullmatch, words))
    if down == up:
        return None
    return "up" if up != ("neg" in words) else "down"


def flatten(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects under names joined by '/'; '@' is reserved and becomes '_'."""
    for key, value in tree.items():
        name = f"{prefix}{key}".replace("@", "_")
        if isinstance(value, dict):
            yield from flatten(value, f"{name}/")
        else:
            yield name, value


def number(value: Any) -> float | None:
    """Return the value as a float (it may be infinite or NaN), or None for anything that is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf


def read(path: Path, name: str) -> tuple[dict[str, Metric], Check]:
    """Read the file called `name` in the check; on anything but finite numbers the check fails and names them.

    Texts, lists, nulls and booleans are no metrics and are passed over; DVCLive's top-level `step` is a counter.
    """

    def failed(observed: str) -> tuple[dict[str, Metric], Check]:
        return {}, Check(id="metrics", title=f"Metrics of {name}", status="fail", observed=observed)

    try:
        if path.stat().st_size > MAX_BYTES:
            return failed(f"it has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")
        document = json.loads(path.read_bytes())
        if not isinstance(document, dict):
            return failed(f'it holds {type(document).__name__}, not an object such as {{"accuracy": 0.9}}')
        leaves = {key: number(value) for key, value in flatten(document) if key != "step"}
    except OSError as error:
        return failed(error.strerror or type(error).__name__)
    except RecursionError:
        return failed("it is nested too deeply")
    except ValueError as error:
        return failed(f"it is not JSON: {error}")
    found = {key: value for key, value in leaves.items() if value is not None}
    if bad := [f"{key} is {value}" for key, value in found.items() if not math.isfinite(value)]:
        return failed(", ".join(bad))
    kept = dict(list(found.items())[:MAX_METRICS])
    more = f"; the first {MAX_METRICS} of {len(found):,} are kept" if len(found) > MAX_METRICS else ""
    metrics = {key: Metric(value=value, direction=direction(key)) for key, value in kept.items()}
    status = "warn" if more or not kept else "pass"
    return metrics, Check(id="metrics", title=f"Metrics of {name}", status=status, observed=f"{len(kept)} read{more}")
