"""The numbers that a training wrote: a flat JSON object, or DVCLive's nested one."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.parts import Check, Direction, Metric, clip

MAX_BYTES, MAX_METRICS, MAX_NAMED = 2**20, 500, 20
_RESERVED = re.compile(r"@(?=(?:baseline|change)$)")
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


class Members(tuple[tuple[str, Any], ...]):
    """The members of a JSON object in their order, those included that have the same name."""

    __slots__ = ()


def leaves(tree: Members, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what stands at the ends of nested objects, with the names that lead to it."""
    for key, value in tree:
        if isinstance(value, Members):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def named(path: tuple[str, ...]) -> str:
    """Join names by '/'; the endings `@baseline` and `@change` are ours and become `_baseline` and `_change`."""
    return str(clip(_RESERVED.sub("_", "/".join(path)), 200))


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
        if not path.is_file():
            return failed("it is not a file")
        if path.stat().st_size > MAX_BYTES:
            return failed(f"it has {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")
        document = json.loads(path.read_bytes(), object_pairs_hook=Members)
        if not isinstance(document, Members):
            return failed(f'it holds {type(document).__name__}, not an object such as {{"accuracy": 0.9}}')
        numbers = [(one, number(raw)) for one, raw in leaves(document) if one != ("step",)]
    except OSError as error:
        return failed(error.strerror or type(error).__name__)
    except RecursionError:
        return failed("it is nested too deeply")
    except ValueError as error:
        return failed(f"it is not JSON: {error}")
    found = [(one, value) for one, value in numbers if value is not None]
    if bad := [f"{named(one)} is {value}" for one, value in found if not math.isfinite(value)]:
        return failed(", ".join(bad))
    return _kept(found, name)


def _kept(found: list[tuple[tuple[str, ...], float]], name: str) -> tuple[dict[str, Metric], Check]:
    """Keep the first value of each name, and say which others are lost."""
    first: dict[str, tuple[tuple[str, ...], float]] = {}
    lost = []
    for path, value in found:
        other, kept = first.setdefault(named(path), (path, value))
        if kept != value:
            lost.append(f"{named(path)}: {kept:g} from {_shown(other)} is kept, {value:g} from {_shown(path)} is lost")
    metrics = {
        key: Metric(value=value, direction=direction(key)) for key, (_, value) in list(first.items())[:MAX_METRICS]
    }
    observed = f"{len(metrics):,} read"
    if lost:
        observed += f"; {len(lost):,} lost, another has the name"
    if len(first) > MAX_METRICS:
        observed += f"; the first {MAX_METRICS} of {len(first):,} are kept"
    more = [f"and {len(lost) - MAX_NAMED:,} more"] if len(lost) > MAX_NAMED else []
    return metrics, Check(
        id="metrics",
        title=f"Metrics of {name}",
        status="warn" if lost or len(first) > MAX_METRICS or not metrics else "pass",
        observed=observed,
        detail="\n".join(lost[:MAX_NAMED] + more) or None,
    )


def _shown(path: tuple[str, ...]) -> str:
    return " in ".join(json.dumps(part, ensure_ascii=False) for part in reversed(path))
