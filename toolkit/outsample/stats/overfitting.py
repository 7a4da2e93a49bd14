"""Overfitting of a choice among trials: PBO by CSCV, and the effective number of trials."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from outsample.errors import ConfigError
from outsample.stats.moments import ROUNDING, matrix

__all__ = ["PBO", "effective_trials", "probability_of_backtest_overfitting"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PBO:
    """Probability that the best trial in sample is at or below the median out of sample.

    Parameters
    ----------
    pbo : float
    logits : ndarray [combination]
        log(w / (1 - w)) with w the relative rank, in (0, 1), of the chosen trial out of sample.
    n_combinations : int
        C(S, S/2).
    dropped_rows : int
        Rows at the end that do not fill a block.
    """

    pbo: float
    logits: np.ndarray
    n_combinations: int
    dropped_rows: int

    @property
    def mean_logit(self) -> float:
        """Mean of the logits of the relative ranks."""
        return float(self.logits.mean())


def probability_of_backtest_overfitting(returns_matrix: object, *, n_splits: int = 16) -> PBO:
    """Return the probability of backtest overfitting by combinatorially symmetric cross-validation.

    Parameters
    ----------
    returns_matrix : array-like [period x trial]
        Net returns, at least two trials. The last T mod S rows are dropped, and counted.
    n_splits : int
        S, even: the rows are cut into S blocks, and each half of the blocks chooses the best trial by mean /
        standard deviation (ddof 1), which is then ranked in the other half: w = rank / (N + 1). The
        probability is the share of logits log(w / (1 - w)) <= 0. Bailey, Borwein, Lopez de Prado and Zhu (2017).

    Raises
    ------
    ConfigError, DataInvalid
        S not even; fewer than two trials or 2 S rows; NaN.

    Examples
    --------
    >>> always_best = [[0.02, 0.01], [0.01, -0.01], [0.03, 0.01], [0.01, -0.02]] * 4
    >>> probability_of_backtest_overfitting(always_best, n_splits=4).pbo
    0.0
    """
    if isinstance(n_splits, bool) or not isinstance(n_splits, int) or n_splits < 2 or n_splits % 2:
        raise ConfigError(f"n_splits must be an even whole number >= 2. Got {n_splits!r}.")
    x = matrix(returns_matrix, rows=n_splits * 2, columns=2)
    rows = len(x) // n_splits
    # The ratio is unchanged if a trial is scaled; without scaling, rounding would depend on the unit.
    x = x / np.maximum(np.abs(x).max(axis=0), 1e-300)
    blocks = x[: rows * n_splits].reshape(n_splits, rows, -1)
    sums, squares = blocks.sum(axis=1), (blocks**2).sum(axis=1)
    halves = list(itertools.combinations(range(n_splits), n_splits // 2))
    chosen = np.zeros((len(halves), n_splits))
    np.put_along_axis(chosen, np.array(halves), 1.0, axis=1)
    count = rows * n_splits // 2
    inside = _ratios(chosen @ sums, chosen @ squares, count)
    outside = _ratios((1.0 - chosen) @ sums, (1.0 - chosen) @ squares, count)
    best = inside.argmax(axis=1)[:, None]
    own = np.take_along_axis(outside, best, axis=1)
    rank = (outside < own).sum(axis=1) + ((outside == own).sum(axis=1) + 1.0) / 2.0
    share = rank / (x.shape[1] + 1.0)
    logits = np.log(share / (1.0 - share))
    return PBO(
        pbo=float(np.mean(logits <= 0.0)),
        logits=logits,
        n_combinations=len(halves),
        dropped_rows=len(x) - rows * n_splits,
    )


def _ratios(sums: np.ndarray, squares: np.ndarray, count: int) -> np.ndarray:
    means = sums / count
    variances = (squares - sums * means) / (count - 1)
    flat = variances <= ROUNDING * np.maximum(squares / count, 1e-300)
    ratios: np.ndarray = np.where(
        flat, np.where(means == 0.0, 0.0, np.sign(means) * np.inf), means / np.sqrt(np.where(flat, 1.0, variances))
    )
    return ratios


def effective_trials(returns_matrix: object) -> float:
    """Return the number of independent trials that correlated ones amount to.

    rho + (1 - rho) N with rho the mean correlation of all pairs of the N trials, clipped to [0, 1]; Bailey and
    Lopez de Prado (2014), appendix. Constant trials count as none.

    Examples
    --------
    >>> effective_trials([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0]])
    1.0
    """
    x = matrix(returns_matrix)
    x = x[:, x.std(axis=0) > ROUNDING * np.maximum(np.abs(x).max(axis=0), 1e-300)]
    n = x.shape[1]
    if n < 2:
        return float(n)
    correlation = np.corrcoef(x, rowvar=False)
    rho = float((correlation.sum() - n) / (n * (n - 1)))
    rho = min(max(rho, 0.0), 1.0)
    return 1.0 if math.isclose(rho, 1.0, abs_tol=1e-12) else rho + (1.0 - rho) * n
