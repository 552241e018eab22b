"""Many tests at once."""

from collections.abc import Sequence

import numpy as np


def benjamini_hochberg(p: Sequence[float], q: float) -> list[bool]:
    """Return which hypotheses are rejected at the false discovery rate `q` (Benjamini and Hochberg 1995).

    Where nothing at all has changed, any is rejected with probability `q` at most. Raises ValueError unless each
    p-value is in [0, 1].
    """
    values = np.asarray(p, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("p-values lie in [0, 1]")
    ordered = np.sort(values)
    below = np.flatnonzero(ordered <= q * np.arange(1, values.size + 1) / max(values.size, 1))
    return [bool(one) for one in values <= ordered[below[-1]]] if below.size else [False] * values.size
