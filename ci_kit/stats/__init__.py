"""Statistics on numpy arrays: losses per row, 95 % intervals, and the gate between two models on the same rows.

Pure and deterministic. The method and its measured rates are in `benchmarks/README.md`.
"""

from ci_kit.stats.gates import (
    FALSE_FAILS,
    LOG_LOSS_FLOOR,
    MIN_ROWS,
    Outcome,
    Verdict,
    gate_accuracy,
    gate_error,
    gate_r2,
    gate_score,
)
from ci_kit.stats.intervals import Interval, mae, mean_interval, paired, proportion, r2, rmse
from ci_kit.stats.quantiles import mcnemar, normal_quantile, t_quantile
from ci_kit.stats.rows import CLIP, absolute_error_rows, correct_rows, log_loss_rows, squared_error_rows

__all__ = [
    "CLIP",
    "FALSE_FAILS",
    "LOG_LOSS_FLOOR",
    "MIN_ROWS",
    "Interval",
    "Outcome",
    "Verdict",
    "absolute_error_rows",
    "correct_rows",
    "gate_accuracy",
    "gate_error",
    "gate_r2",
    "gate_score",
    "log_loss_rows",
    "mae",
    "mcnemar",
    "mean_interval",
    "normal_quantile",
    "paired",
    "proportion",
    "r2",
    "rmse",
    "squared_error_rows",
    "t_quantile",
]
