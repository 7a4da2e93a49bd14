"""Many strategies, one data set: reality check, superior predictive ability, StepM, adjusted p-values.

Letters: d excess performance [period x model] with column means m_k, n periods, B replicates of the stationary
bootstrap (Politis and Romano, 1994), * a replicate, w_k the deviation of sqrt(n) m_k* (exact, by
`stationary_mean_variance`). P-values are (1 + number at or above the statistic) / (1 + B): never 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from outsample.errors import ConfigError, DataInvalid
from outsample.stats.kernel import block_means
from outsample.stats.moments import ROUNDING, check_bootstrap, check_share, matrix
from outsample.stats.resampling import monte_carlo_p_value, optimal_block_length, stationary_mean_variance

__all__ = ["SPA", "benjamini_hochberg", "holm", "reality_check", "spa", "step_m"]


@dataclass(frozen=True, kw_only=True)
class SPA:
    """P-values of Hansen's test: `consistent` is the one to report, the others bound it.

    `statistic` is max(max_k sqrt(n) m_k / w_k, 0).
    """

    lower: float
    consistent: float
    upper: float
    statistic: float


def _block(d: np.ndarray, block: float | None) -> float:
    if block is None:
        return max(optimal_block_length(column).stationary for column in d.T)
    if not block >= 1.0:
        raise ConfigError(f"block must be a number >= 1. Got {block!r}.")
    return float(block)


def _varying(d: np.ndarray) -> np.ndarray:
    """Columns with variance; a constant column cannot be tested."""
    kept: np.ndarray = d[:, d.std(axis=0) > ROUNDING * np.maximum(np.abs(d).max(axis=0), 1e-300)]
    if kept.shape[1] == 0:
        raise DataInvalid("No model's excess return varies: there is nothing to test.")
    return kept


def reality_check(excess: object, *, block: float | None = None, n_bootstrap: int = 10_000, seed: int = 0) -> float:
    """Return the p-value that the best model does not beat the benchmark; White (2000).

    The statistic is max_k sqrt(n) m_k, its null distribution that of max_k sqrt(n) (m_k* - m_k). Not
    studentised: one volatile model can hide the others; `spa` does not have this fault.

    Parameters
    ----------
    excess : array-like [period x model]
        Return of each model less the benchmark's, without NaN.
    block : float, optional
        Mean block of the stationary bootstrap; by default the largest optimal one.
    n_bootstrap, seed : int
        Replicates B; replicate i draws from stream i of the seed.

    Raises
    ------
    ConfigError, DataInvalid
        Options out of range; a table with NaN or fewer than two rows.

    Examples
    --------
    >>> reality_check([[1.0, -1.0], [2.0, 1.0], [1.5, 0.0], [1.0, 0.5]] * 5, n_bootstrap=99)
    0.01
    """
    check_bootstrap(n_bootstrap, seed)
    d = matrix(excess)
    means = d.mean(axis=0)
    draws = block_means(d - means, n_bootstrap=n_bootstrap, mean_block=_block(d, block), seed=seed)
    return monte_carlo_p_value(draws.max(axis=1), float(means.max()))


def spa(excess: object, *, block: float | None = None, n_bootstrap: int = 10_000, seed: int = 0) -> SPA:
    """Test superior predictive ability, studentised; Hansen (2005).

    With z_k = sqrt(n) m_k / w_k, the null distribution is that of max(max_k (sqrt(n) (m_k* - m_k) / w_k + g_k), 0),
    where g_k is min(z_k, 0) (lower), z_k if z_k < -sqrt(2 log log n) and else 0 (consistent), or 0 (upper).

    Parameters
    ----------
    excess : array-like [period x model]
        Return of each model less the benchmark's; constant columns are left out.
    block, n_bootstrap, seed
        As in `reality_check`. Scaling a model changes nothing, as each is divided by its deviation.

    Raises
    ------
    ConfigError, DataInvalid
        Options out of range; a table with NaN, or in which nothing varies.

    Examples
    --------
    >>> found = spa([[1.0, -1.0], [2.0, 1.0], [1.5, 0.0], [1.0, 0.5]] * 5, n_bootstrap=99)
    >>> found.lower <= found.consistent <= found.upper
    True
    """
    check_bootstrap(n_bootstrap, seed)
    d = _varying(matrix(excess))
    n, mean_block = len(d), _block(d, block)
    means = d.mean(axis=0)
    omega = np.sqrt([stationary_mean_variance(column, mean_block) for column in d.T])
    z = math.sqrt(n) * means / omega
    draws = block_means(d - means, n_bootstrap=n_bootstrap, mean_block=mean_block, seed=seed)
    noise = math.sqrt(n) * draws / omega
    statistic = max(float(z.max()), 0.0)
    # Models far below the benchmark cannot be the best; the law of the iterated logarithm says how far.
    far = -math.sqrt(2.0 * math.log(max(math.log(n), 1.0)))
    recentred = {"lower": np.minimum(z, 0.0), "consistent": np.where(z < far, z, 0.0), "upper": np.zeros_like(z)}
    values = {
        name: monte_carlo_p_value(np.maximum((noise + shift).max(axis=1), 0.0), statistic)
        for name, shift in recentred.items()
    }
    return SPA(statistic=statistic, **values)


def step_m(
    excess: object, *, block: float | None = None, alpha: float = 0.05, n_bootstrap: int = 10_000, seed: int = 0
) -> list[int]:
    """Return the columns that beat the benchmark at family-wise level alpha; Romano and Wolf (2005).

    Studentised: z_k = sqrt(n) m_k / w_k above the 1 - alpha quantile of max_k sqrt(n) (m_k* - m_k) / w_k is found;
    the models that are found leave the maximum, and so on until a step finds none.

    Parameters
    ----------
    excess, block, n_bootstrap, seed
        As in `reality_check`; constant columns are never found.
    alpha : float
        Probability of finding any model that does not beat the benchmark, in (0, 1).

    Examples
    --------
    >>> step_m([[1.0, -1.0], [2.0, 1.0], [1.5, -0.5], [1.0, 0.5]] * 5, n_bootstrap=200)
    [0]
    """
    check_bootstrap(n_bootstrap, seed)
    check_share("alpha", alpha, open_ends=True)
    d = matrix(excess)
    columns = np.flatnonzero(d.std(axis=0) > ROUNDING * np.maximum(np.abs(d).max(axis=0), 1e-300))
    if not len(columns):
        return []
    d = d[:, columns]
    mean_block = _block(d, block)
    omega = np.sqrt([stationary_mean_variance(column, mean_block) for column in d.T])
    z = math.sqrt(len(d)) * d.mean(axis=0) / omega
    noise = block_means(d - d.mean(axis=0), n_bootstrap=n_bootstrap, mean_block=mean_block, seed=seed)
    noise = math.sqrt(len(d)) * noise / omega
    left = np.ones(len(z), dtype=bool)
    while left.any():
        found = left & (z > np.quantile(noise[:, left].max(axis=1), 1.0 - alpha))
        if not found.any():
            break
        left &= ~found
    return [int(column) for column in columns[~left]]


def _probabilities(p: object) -> np.ndarray:
    values = np.asarray(p, dtype=float)
    if values.ndim != 1 or np.isnan(values).any() or (values < 0).any() or (values > 1).any():
        raise DataInvalid("p must be a series of probabilities in [0, 1], without NaN.")
    return values


def holm(p: object) -> np.ndarray:
    """Return p-values adjusted for the family-wise error rate, in the given order; Holm (1979).

    The i-th smallest of m is multiplied by m - i + 1, then made non-decreasing and at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04]).tolist()
    [0.02, 0.04]
    """
    values = _probabilities(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def benjamini_hochberg(p: object) -> np.ndarray:
    """Return p-values adjusted for the false discovery rate, in the given order.

    The i-th smallest of m is multiplied by m / i, then made non-decreasing from the largest down and at most 1;
    Benjamini and Hochberg (1995). For independent or positively dependent tests.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04]).tolist()
    [0.02, 0.04]
    """
    values = _probabilities(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    scaled = values[order] * len(values) / np.arange(1, len(values) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
