"""What a model's answer means: probabilities, logits, labels or numbers."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["probabilities", "logits", "probability", "logit", "labels", "numbers"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How the raw answers are to be read; settled once, on many rows, because one row alone can't tell."""

    kind: Kind

    def __call__(self, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return n×k probabilities, n labels, or n numbers (float64); NaN stays NaN."""
        if self.kind == "labels":
            return raw.reshape(len(raw))
        values = np.asarray(raw, dtype=np.float64)
        if self.kind == "numbers":
            return values.reshape(len(values))
        if self.kind == "probabilities":
            return values
        if self.kind == "logits":
            shifted = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
            return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
        flat = values.reshape(len(values))
        if self.kind == "logit":
            flat = 1 / (1 + np.exp(-np.clip(flat, -700, 700)))
        return np.column_stack([1 - flat, flat])
