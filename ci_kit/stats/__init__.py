"""Statistics on numpy arrays: losses per row, 95 % intervals, the gate between two models, tests of two samples.

Pure and deterministic. The methods and their measured rates are in `benchmarks/README.md`.
"""

from ci_kit.stats.distances import jensen_shannon, psi, wasserstein
from ci_kit.stats.drop import FALSE_DROPS, Moments, drop_accuracy, drop_error
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
from ci_kit.stats.grouped import Group, grouped
from ci_kit.stats.intervals import Interval, mae, mean_interval, paired, proportion, r2, rmse
from ci_kit.stats.multiple import benjamini_hochberg
from ci_kit.stats.quantiles import mcnemar, normal_quantile, t_quantile
from ci_kit.stats.rows import CLIP, absolute_error_rows, correct_rows, log_loss_rows, squared_error_rows
from ci_kit.stats.twosample import Comparison, compare_levels, compare_numbers, compare_shares

__all__ = [
    "CLIP",
    "FALSE_DROPS",
    "FALSE_FAILS",
    "LOG_LOSS_FLOOR",
    "MIN_ROWS",
    "Comparison",
    "Group",
    "Interval",
    "Moments",
    "Outcome",
    "Verdict",
    "absolute_error_rows",
    "benjamini_hochberg",
    "compare_levels",
    "compare_numbers",
    "compare_shares",
    "correct_rows",
    "drop_accuracy",
    "drop_error",
    "gate_accuracy",
    "gate_error",
    "gate_r2",
    "gate_score",
    "grouped",
    "jensen_shannon",
    "log_loss_rows",
    "mae",
    "mcnemar",
    "mean_interval",
    "normal_quantile",
    "paired",
    "proportion",
    "psi",
    "r2",
    "rmse",
    "squared_error_rows",
    "t_quantile",
    "wasserstein",
]
