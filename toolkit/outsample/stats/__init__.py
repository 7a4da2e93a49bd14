"""Sharpe inference, multiple testing, resampling and windows.

All Sharpe ratios here are per period, not annualised; kurtosis is raw (normal = 3).
"""

from outsample.stats.difference import SharpeDifference, sharpe_difference
from outsample.stats.multiple import (
    SPA,
    benjamini_hochberg,
    holm,
    reality_check,
    spa,
    step_m,
)
from outsample.stats.overfitting import (
    PBO,
    effective_trials,
    probability_of_backtest_overfitting,
)
from outsample.stats.resampling import (
    BlockLength,
    Interval,
    Jackknife,
    bootstrap_interval,
    jackknife,
    monte_carlo_p_value,
    optimal_block_length,
    stationary_mean_variance,
)
from outsample.stats.sharpe import (
    autocorrelation_factor,
    deflated_sharpe,
    expected_maximum_sharpe,
    min_backtest_length,
    min_track_record_length,
    planned_fdr,
    probabilistic_sharpe,
    sharpe_power,
    sharpe_standard_error,
)
from outsample.stats.windows import (
    CombinatorialPurged,
    Split,
    Window,
    combinatorial_purged,
    walk_forward_windows,
)

__all__ = [
    "PBO",
    "SPA",
    "BlockLength",
    "CombinatorialPurged",
    "Interval",
    "Jackknife",
    "SharpeDifference",
    "Split",
    "Window",
    "autocorrelation_factor",
    "benjamini_hochberg",
    "bootstrap_interval",
    "combinatorial_purged",
    "deflated_sharpe",
    "effective_trials",
    "expected_maximum_sharpe",
    "holm",
    "jackknife",
    "min_backtest_length",
    "min_track_record_length",
    "monte_carlo_p_value",
    "optimal_block_length",
    "planned_fdr",
    "probabilistic_sharpe",
    "probability_of_backtest_overfitting",
    "reality_check",
    "sharpe_difference",
    "sharpe_power",
    "sharpe_standard_error",
    "spa",
    "stationary_mean_variance",
    "step_m",
    "walk_forward_windows",
]
