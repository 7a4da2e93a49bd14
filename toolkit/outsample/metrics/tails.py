"""Risk in the tails, per bar: value at risk and what lies beyond it. Losses are negative fractions.

z: the normal quantile of alpha = 1 - level (negative); phi: the normal density; S, K: skewness and excess
kurtosis. Historical numbers interpolate linearly between order statistics. NaN of empty input.
"""

from __future__ import annotations

import math

import numpy as np

from outsample.metrics.values import ROUNDING, kurtosis, skewness, spread_of

__all__ = [
    "conditional_value_at_risk",
    "cornish_fisher_conditional_value_at_risk",
    "cornish_fisher_value_at_risk",
    "parametric_conditional_value_at_risk",
    "parametric_value_at_risk",
    "tail_ratio",
    "value_at_risk",
]


def _array(returns: object) -> np.ndarray:
    values: np.ndarray = np.asarray(returns, dtype=float)
    return values


def tail_ratio(returns: object) -> float:
    """Return the size of the 95 % quantile over that of the 5 % quantile; NaN if the latter is 0.

    Examples
    --------
    >>> round(tail_ratio([-0.02, 0.0, 0.03]), 6)
    1.5
    """
    x = _array(returns)
    if not len(x):
        return math.nan
    low, high = np.quantile(x, [0.05, 0.95]).tolist()
    return abs(high) / abs(low) if abs(low) > ROUNDING * float(np.abs(x).max()) else math.nan


def value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the historical 1 - level quantile of returns.

    Examples
    --------
    >>> round(value_at_risk([-0.03, -0.01, 0.0, 0.01, 0.02], level=0.9), 6)
    -0.022
    """
    x = _array(returns)
    return float(np.quantile(x, 1.0 - level)) if len(x) else math.nan


def conditional_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the mean of returns at or below the historical value at risk.

    Examples
    --------
    >>> round(conditional_value_at_risk([-0.03, -0.01, 0.0, 0.01, 0.02], level=0.75), 6)
    -0.02
    """
    x = _array(returns)
    if not len(x) or np.isnan(x).any():
        return math.nan
    return float(x[x <= value_at_risk(x, level=level)].mean())


def parametric_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return mean + z sd, as if returns were normal; NaN of fewer than two.

    Examples
    --------
    >>> round(parametric_value_at_risk([0.01, -0.01] * 50), 6)
    -0.016531
    """
    x = _array(returns)
    return float(x.mean()) + _normal(level)[0] * spread_of(x) if len(x) > 1 else math.nan


def parametric_conditional_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return mean - sd phi(z) / alpha, the mean beyond the parametric value at risk; NaN of fewer than two."""
    x = _array(returns)
    return float(x.mean()) - _normal(level)[1] * spread_of(x) if len(x) > 1 else math.nan


def cornish_fisher_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the normal value at risk corrected for skewness and kurtosis (Cornish and Fisher, 1937).

    mean + sd (z + (z^2 - 1) S / 6 + (z^3 - 3 z) K / 24 - (2 z^3 - 5 z) S^2 / 36). NaN without variance.
    """
    x = _array(returns)
    if len(x) < 2:
        return math.nan
    z, s, k = _normal(level)[0], skewness(x), kurtosis(x) - 3.0
    z += (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return float(x.mean()) + z * spread_of(x)


def cornish_fisher_conditional_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the mean of all Cornish-Fisher quantiles below alpha (Maillard, 2012).

    mean - sd phi(z) / alpha (1 + z S / 6 + (z^2 - 1) K / 24 - (2 z^2 - 1) S^2 / 36). NaN without variance.
    """
    x = _array(returns)
    if len(x) < 2:
        return math.nan
    (z, beyond), s, k = _normal(level), skewness(x), kurtosis(x) - 3.0
    scale = 1.0 + z * s / 6 + (z**2 - 1) * k / 24 - (2 * z**2 - 1) * s**2 / 36
    return float(x.mean()) - beyond * scale * spread_of(x)


def _normal(level: float) -> tuple[float, float]:
    """z and phi(z) / alpha."""
    from outsample.stats.moments import normal_quantile

    z = normal_quantile(1.0 - level)
    return z, math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi) / (1.0 - level)
