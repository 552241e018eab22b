"""Sides of made-up data, surveyed as the step does it."""

from typing import Any

import numpy as np
import polars as pl

from ci_kit.drift.side import Side
from ci_kit.drift.survey import survey


def side(**columns: Any) -> Side:
    """Return the side of a frame of these columns."""
    return survey(pl.DataFrame(columns).lazy(), None, sample=100_000, mark="sha256:0")


def like(reference: Side, **columns: Any) -> Side:
    """Return the side of a frame, surveyed by the kinds and levels of the reference."""
    kinds = {name: column.kind for name, column in reference.columns.items()}
    levels = {name: column.levels for name, column in reference.columns.items() if column.levels}
    return survey(pl.DataFrame(columns).lazy(), kinds, sample=100_000, levels=levels, mark="sha256:1")


def normal(seed: int, rows: int = 1000, shift: float = 0.0) -> list[float]:
    return list(np.random.default_rng(seed).normal(shift, 1, rows))


def letters(seed: int, rows: int = 1000, **weights: float) -> list[str]:
    names = list(weights or {"a": 1, "b": 1, "c": 1})
    p = np.array(list(weights.values()) or [1, 1, 1], dtype=float)
    return [str(one) for one in np.random.default_rng(seed).choice(names, rows, p=p / p.sum())]
