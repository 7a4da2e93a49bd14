"""What selection among many trials leaves of a result: deflated Sharpe ratio, PBO, SPA.

N is the number of combinations tried, V the variance of their Sharpe ratios per bar. Bailey and Lopez de
Prado (2014) deflate the Sharpe ratio of the selected one; Bailey et al. (2017) estimate the probability that
the selection is overfitted; Hansen (2005) tests whether the best of all beats doing nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample import errors
from outsample.stats import deflated_sharpe, effective_trials, probability_of_backtest_overfitting, spa

__all__ = ["SelectionEvidence", "deflated", "selection_evidence"]

# Combinations of halves grow fast with the blocks: C(10, 5) = 252.
BLOCKS = 10
BOOTSTRAP = 1_000
# SPA bootstraps every model; of more combinations than these the ones with the best means are taken.
MODELS = 500


@dataclass(frozen=True, kw_only=True)
class SelectionEvidence:
    """Evidence about a selection.

    Parameters
    ----------
    n_trials : int
        Combinations tried, failed ones too.
    effective_trials : float
        Of those that ran, from their correlation.
    trials_variance : float
        Variance of their Sharpe ratios per bar.
    deflated_sharpe : float
        Of the selected combination over all bars.
    pbo : float
        Probability of backtest overfitting; NaN if it is not defined.
    spa : float
        Consistent p-value of the test that no combination beats holding cash.
    """

    n_trials: int
    effective_trials: float
    trials_variance: float
    deflated_sharpe: float
    pbo: float
    spa: float


def selection_evidence(
    returns: pd.DataFrame, selected: pd.Series | None, *, n_trials: int, seed: int = 0
) -> SelectionEvidence:
    """Return the evidence about a selection among trials.

    Parameters
    ----------
    returns : DataFrame [bar x combination]
        Net returns of the combinations that ran.
    selected : Series [bar] or None
        Net returns of the chosen one.
    n_trials : int
        All that were tried.
    seed : int
        Of the bootstrap of SPA.
    """
    values = returns.to_numpy(dtype=np.float64)
    varying = values[:, values.std(axis=0) > 1e-15]
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpes = varying.mean(axis=0) / varying.std(axis=0, ddof=1)
    variance = float(np.var(sharpes, ddof=1)) if len(sharpes) > 1 else 0.0
    several = varying.shape[1] > 1
    best = varying[:, np.argsort(-sharpes, kind="stable")[:MODELS]]
    return SelectionEvidence(
        n_trials=n_trials,
        effective_trials=_or_nan(lambda: effective_trials(varying)) if several else float(varying.shape[1]),
        trials_variance=variance,
        deflated_sharpe=math.nan if selected is None else deflated(selected, n_trials, variance),
        pbo=_or_nan(lambda: probability_of_backtest_overfitting(varying, n_splits=BLOCKS).pbo) if several else math.nan,
        spa=_or_nan(lambda: spa(best, n_bootstrap=BOOTSTRAP, seed=seed).consistent),
    )


def deflated(returns: pd.Series, n_trials: int, variance: float) -> float:
    """Return the deflated Sharpe ratio of returns that were selected among trials; NaN if undefined."""
    values = returns.to_numpy(dtype=np.float64)
    deviation = values.std(ddof=1) if len(values) > 2 else 0.0
    if deviation <= 1e-15:
        return math.nan
    z = (values - values.mean()) / values.std()
    return float(
        deflated_sharpe(
            values.mean() / deviation,
            len(values),
            n_trials=n_trials,
            trials_variance=variance,
            skewness=float((z**3).mean()),
            kurtosis=float((z**4).mean()),
        )
    )


def _or_nan(compute: object) -> float:
    """A number, or NaN where the data do not allow the statistic (too few bars, nothing that varies)."""
    assert callable(compute)
    try:
        return float(compute())
    except (errors.DataError, errors.ConfigError):
        return math.nan
