"""Models that are functions, and what there is to explain of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from ci_kit.evaluate.baseline import Baseline
from ci_kit.evaluate.evidence import Evidence
from ci_kit.evaluate.scoring import score
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import column, names
from ci_kit.models.model import Model
from ci_kit.parts import Check
from ci_kit.result import Findings, Result, Run, Source

Answer = Callable[[Any], Any]
FOUND = Check(id="baseline", title="A baseline", status="pass")


def table(rows: int = 600, seed: int = 0) -> pl.DataFrame:
    """Return a number that says the truth, one that says nothing, two towns, three groups, and a target of 0 and 1."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    return pl.DataFrame(
        {
            "id": [f"row-{number}" for number in range(rows)],
            "x": x,
            "idle": rng.normal(size=rows),
            "town": rng.choice(["here", "there"], rows),
            "group": rng.integers(0, 3, rows),
            "target": (x + rng.normal(size=rows) * 0.5 > 0).astype(int),
        }
    )


def binary(weight: float, spoil: Callable[[Any], Any] | None = None) -> Answer:
    """Return a model that reads x; where `spoil` says so, it says the opposite."""

    def answer(frame: Any) -> Any:
        wrong = np.zeros(len(frame), bool) if spoil is None else np.asarray(spoil(frame), bool)
        p = 1 / (1 + np.exp(-weight * np.where(wrong, -1, 1) * column(frame, "x")))
        return np.column_stack([1 - p, p])

    return answer


def _array(answer: Answer) -> Answer:
    return lambda frame: np.asarray(answer(frame))


def evidence(
    frame: Any,
    now: Answer,
    before: Answer | None = None,
    *,
    task: str = "classification",
    hidden: tuple[str, ...] = (),
    key: tuple[str, ...] = ("id",),
    slices: tuple[str, ...] = (),
    keep: bool = True,
) -> Evidence:
    """Return what there is to explain; `keep` says whether the baseline's model is at hand, or its scores alone."""
    features = tuple(name for name in names(frame) if name not in {"target", *key})
    truth = column(frame, "target")
    data = Dataset(
        name="rows", frame=frame, truth=truth, features=features, target="target", task=task, sensitive=hidden
    )
    model, old = (
        Model(name=name, task=task, features=features, answer=_array(answer), sensitive=hidden)
        for name, answer in (("now.py:predict", now), ("the baseline", before or now))
    )
    predicted, first = (one.bind(frame, truth) for one in (model, old))
    scores = score(model, data, predicted)
    known = Baseline(check=FOUND)
    if before is not None:
        at_hand = (old, first) if keep else (None, None)
        known = Baseline(check=FOUND, scores=score(old, data, first), model=at_hand[0], predicted=at_hand[1])
    return Evidence(
        dataset=data, key=key, slices=slices, model=model, predicted=predicted, scores=scores, baseline=known
    )


def text(findings: Findings) -> str:
    """Return the Result as it is written."""
    run = Run(kit="0", started="2026-11-21T00:00:00+00:00", seconds=1)
    result: Result = findings.result("evaluate", None, Source(), run)
    return result.model_dump_json()
