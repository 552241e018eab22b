"""What a model relies on: how much its score suffers when the values of one column are shuffled."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.errors import UserError
from ci_kit.evaluate.evidence import BASELINE, NOW, Evidence
from ci_kit.evaluate.scoring import proper, score, unusable
from ci_kit.models.dataset import Dataset
from ci_kit.models.frames import mixed, take
from ci_kit.models.model import Model
from ci_kit.parts import Chart, Series
from ci_kit.render import numbers

ROWS, REPEATS = 500, 3
LEAST = 20  # rows; fewer have too few other values to be given
FEATURES = 12
BOUND = 10.0  # seconds that both models together may take
_RISE = {"log_loss": "rise of log loss", "mistakes": "rise of mistakes (share)", "mae": "rise of absolute error"}


def reliance(evidence: Evidence) -> Chart:
    """Return the permutation importance of the FEATURES columns that either model relies on most.

    By scikit-learn, of the score that is compared, on at most ROWS rows: the rise when a column's values are shuffled,
    the mean of REPEATS (Breiman 2001). Raises UserError for fewer than LEAST rows, where it would take longer than
    BOUND, and for a model that fails on rows so mixed.
    """
    rows = evidence.sample(ROWS)
    if len(rows) < LEAST:
        raise UserError(f"{len(rows):,} rows are too few", why=f"it takes {LEAST}")
    before = evidence.baseline.model
    models = {**({} if before is None else {BASELINE: before}), NOW: evidence.model}
    truth = evidence.dataset.truth[rows]
    sample = replace(evidence.dataset, frame=take(evidence.dataset.frame, rows), truth=truth)
    sides = {name: Shuffled(model=model, dataset=sample) for name, model in models.items()}
    # Each cell says which row its value is taken from: no column loses its type, and the model sees real values only.
    features = sample.features
    cells = np.repeat(np.arange(len(rows))[:, None], len(features), axis=1)
    _bound(list(sides.values()), cells, truth)
    found = {name: _importance(one, cells, truth) for name, one in sides.items()}
    order = np.argsort(-np.max(list(found.values()), axis=0), kind="stable")[:FEATURES]
    names = tuple(features[index] for index in order)
    kind = proper(evidence.scores, None)[0]
    return Chart(
        kind="bar",
        title="What the model relies on",
        x="column",
        y=f"{_RISE[kind]} when shuffled",
        series=tuple(Series(name=name, x=names, y=tuple(one[order].tolist())) for name, one in found.items()),
    )


@dataclass(frozen=True, kw_only=True)
class Shuffled:
    """A model as scikit-learn asks it: cells n×k say for each feature which row of the n its value is from."""

    model: Model
    dataset: Dataset

    def fit(self) -> None:
        """Do nothing: it is fitted; scikit-learn wants the method to be there."""

    def score(self, cells: npt.NDArray[np.intp], truth: npt.NDArray[Any]) -> float:
        """Return the mean of the proper score, negated: greater is better."""
        moved = (cells != np.arange(len(cells))[:, None]).any(axis=0)
        others = {name: cells[:, index] for index, name in enumerate(self.dataset.features) if moved[index]}
        predicted = self.model.predict(mixed(self.dataset.frame, others))
        if unusable(predicted):
            raise UserError(f"{self.model.name} answers NaN where columns are shuffled")
        found = score(self.model, replace(self.dataset, truth=truth), predicted)
        return -float(proper(found, None)[1].mean())


def _bound(sides: list[Shuffled], cells: npt.NDArray[np.intp], truth: npt.NDArray[Any]) -> None:
    """Ask each once, and raise UserError if all the calls would take longer than BOUND."""
    start = time.perf_counter()
    for one in sides:
        one.score(cells, truth)
    seconds = (time.perf_counter() - start) * (REPEATS * cells.shape[1] + 1)
    if seconds > BOUND:
        took = numbers.duration(round(seconds))
        raise UserError(f"it would take about {took}", why=f"at most {BOUND:.0f} s are spent")


def _importance(one: Shuffled, cells: npt.NDArray[np.intp], truth: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    from sklearn.inspection import permutation_importance

    found = permutation_importance(one, cells, truth, n_repeats=REPEATS, random_state=0)
    return np.asarray(found.importances_mean, dtype=np.float64)
