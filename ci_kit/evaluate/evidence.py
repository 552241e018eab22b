"""What the explanations of a verdict are made from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ci_kit.evaluate.baseline import Baseline
from ci_kit.evaluate.scoring import Proper, Rows, Scores, proper
from ci_kit.models.dataset import Dataset
from ci_kit.models.model import Model

BASELINE, NOW = "baseline", "this change"
LABELS = {"log_loss": "log loss", "mistakes": "mistakes", "mae": "absolute error"}
_ROUNDING = 1e-4  # as a share of the score: two versions of ONNX Runtime differ by less


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A candidate that answered all rows, and what is known of the baseline; `key` are the columns that name a row."""

    dataset: Dataset
    key: tuple[str, ...]
    slices: tuple[str, ...]
    model: Model
    predicted: npt.NDArray[Any]
    scores: Scores
    baseline: Baseline

    @property
    def proper(self) -> tuple[Proper, Rows, Rows | None]:
        """The score that is compared row by row, as `scoring.proper` gives it."""
        return proper(self.scores, self.baseline.scores)

    @property
    def change(self) -> Rows | None:
        """How much worse each row's score got, 0 where it is the same but for rounding; None without a baseline."""
        _, new, old = self.proper
        return (
            None
            if old is None
            else np.where(np.isclose(new, old, rtol=_ROUNDING, atol=_ROUNDING / 100), 0.0, new - old)
        )

    @property
    def secret(self) -> bool:
        """Whether what is true, and so what is answered, must not show."""
        return self.dataset.target in self.dataset.sensitive

    def sample(self, most: int) -> npt.NDArray[np.intp]:
        """Return the same `most` rows each time, in their order; all where there are no more."""
        rows = len(self.dataset)
        return np.arange(rows) if rows <= most else np.sort(np.random.default_rng(0).choice(rows, most, replace=False))
