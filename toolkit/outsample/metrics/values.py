"""Bare formulas of returns: what they get is what they use, whatever its length.

`returns` are simple net returns of bars [bar], fractions; NaN in, NaN out; losses are negative fractions.
r is a return, E equity from 1, P `periods_per_year`; risk_free is annual and becomes (1 + rf)^(1/P) - 1.
Empty input is NaN. Standard deviations have ddof 1. A return <= -1 is ruin: equity is 0 from there.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "cagr",
    "calmar",
    "conditional_drawdown_at_risk",
    "conditional_value_at_risk",
    "cornish_fisher_value_at_risk",
    "d_ratio",
    "downside_deviation",
    "downside_potential",
    "drawdown_path",
    "gain_to_pain",
    "kurtosis",
    "martin",
    "max_drawdown",
    "mean_absolute_deviation",
    "omega",
    "pain_index",
    "parametric_value_at_risk",
    "sharpe",
    "skewness",
    "sortino",
    "stability",
    "tail_ratio",
    "total_return",
    "ulcer_index",
    "upside_risk",
    "value_at_risk",
    "volatility",
    "wealth",
]

# A standard deviation below this share of the largest return is rounding, not variation.
ROUNDING = 1e-12


def _array(returns: object) -> np.ndarray:
    values: np.ndarray = np.asarray(returns, dtype=float)
    return values


def _excess(returns: object, periods_per_year: float, risk_free: float) -> np.ndarray:
    rate = (1.0 + risk_free) ** (1.0 / periods_per_year) - 1.0
    excess: np.ndarray = _array(returns) - rate
    return excess


def _deviation(x: np.ndarray) -> float:
    """Standard deviation, 0.0 where it is only rounding."""
    if len(x) < 2:
        return math.nan
    spread = float(x.std(ddof=1))
    return 0.0 if spread <= ROUNDING * float(np.abs(x).max()) else spread


def _ratio(gain: float, loss: float) -> float:
    """Gain over loss: inf with gain and no loss, NaN with neither."""
    if loss == 0.0:
        return math.inf if gain > 0.0 else math.nan
    return gain / loss


def wealth(returns: object) -> np.ndarray:
    """Return equity [bar + 1], from 1 before the first bar; 0 from ruin on."""
    factors = 1.0 + _array(returns)
    equity: np.ndarray = np.append(1.0, np.cumprod(np.where(factors <= 0.0, 0.0, factors)))
    return equity


def drawdown_path(returns: object) -> np.ndarray:
    """Return E / max E - 1 at each bar [bar]; the first peak is the initial equity."""
    equity = wealth(returns)
    path: np.ndarray = (equity / np.maximum.accumulate(equity) - 1.0)[1:]
    return path


def total_return(returns: object) -> float:
    """Return E_N - 1.

    Examples
    --------
    >>> round(total_return([0.1, -0.05, 0.02]), 4)
    0.0659
    """
    return float(wealth(returns)[-1]) - 1.0 if len(_array(returns)) else math.nan


def cagr(returns: object, *, periods_per_year: float = 252) -> float:
    """Return E_N^(P/N) - 1; -1 after ruin."""
    n = len(_array(returns))
    if n == 0:
        return math.nan
    end = float(wealth(returns)[-1])
    try:
        return float(end ** (periods_per_year / n)) - 1.0
    except OverflowError:
        return math.inf


def volatility(returns: object, *, periods_per_year: float = 252) -> float:
    """Return the annual standard deviation."""
    return _deviation(_array(returns)) * math.sqrt(periods_per_year)


def downside_deviation(returns: object, *, periods_per_year: float = 252, risk_free: float = 0.0) -> float:
    """Return the annual root mean square of returns below the risk-free rate, over all bars."""
    x = _excess(returns, periods_per_year, risk_free)
    return math.sqrt(float(np.mean(np.minimum(x, 0.0) ** 2)) * periods_per_year) if len(x) else math.nan


def sharpe(returns: object, *, periods_per_year: float = 252, risk_free: float = 0.0) -> float:
    """Return the annual Sharpe ratio of arithmetic excess returns; NaN without variance (Sharpe, 1994).

    Examples
    --------
    >>> round(sharpe([0.02, -0.01] * 126), 6)
    5.280993
    """
    x = _excess(returns, periods_per_year, risk_free)
    spread = _deviation(x)
    return float(x.mean()) / spread * math.sqrt(periods_per_year) if spread != 0.0 and len(x) > 1 else math.nan


def sortino(returns: object, *, periods_per_year: float = 252, risk_free: float = 0.0) -> float:
    """Return mean excess over downside deviation, annual; inf with gain and no loss (Sortino, 1994)."""
    x = _excess(returns, periods_per_year, risk_free)
    if not len(x):
        return math.nan
    loss = downside_deviation(returns, periods_per_year=periods_per_year, risk_free=risk_free)
    return _ratio(float(x.mean()) * periods_per_year, loss)


def max_drawdown(returns: object) -> float:
    """Return the largest fall from a peak, in [-1, 0]; the initial equity is a peak.

    Examples
    --------
    >>> max_drawdown([-0.5, 0.0, 0.0])
    -0.5
    """
    return float(drawdown_path(returns).min()) if len(_array(returns)) else math.nan


def calmar(returns: object, *, periods_per_year: float = 252) -> float:
    """Return CAGR over the size of the maximum drawdown; NaN without a drawdown (Young, 1991)."""
    depth = max_drawdown(returns)
    return cagr(returns, periods_per_year=periods_per_year) / -depth if depth != 0.0 else math.nan


def omega(returns: object, *, periods_per_year: float = 252, risk_free: float = 0.0) -> float:
    """Return gains over losses about the risk-free rate (Keating and Shadwick, 2002); inf without losses."""
    x = _excess(returns, periods_per_year, risk_free)
    return _ratio(float(np.maximum(x, 0.0).sum()), float(np.maximum(-x, 0.0).sum()))


def gain_to_pain(returns: object) -> float:
    """Return the sum of returns over the size of the sum of losses (Schwager, 2012); inf without losses."""
    x = _array(returns)
    return _ratio(float(x.sum()), float(np.maximum(-x, 0.0).sum()))


def tail_ratio(returns: object) -> float:
    """Return the size of the 95 % quantile over that of the 5 % quantile; NaN if the latter is 0."""
    x = _array(returns)
    if not len(x):
        return math.nan
    low, high = np.quantile(x, [0.05, 0.95]).tolist()
    return abs(high) / abs(low) if low != 0.0 else math.nan


def ulcer_index(returns: object) -> float:
    """Return the root mean square drawdown over N bars (Martin, 1987)."""
    path = drawdown_path(returns)
    return math.sqrt(float(np.mean(path**2))) if len(path) else math.nan


def pain_index(returns: object) -> float:
    """Return the mean size of the drawdown over N bars."""
    path = drawdown_path(returns)
    return -float(path.mean()) if len(path) else math.nan


def martin(returns: object, *, periods_per_year: float = 252, risk_free: float = 0.0) -> float:
    """Return annual excess growth over the ulcer index; NaN without a drawdown (Martin, 1987)."""
    index = ulcer_index(returns)
    return (cagr(returns, periods_per_year=periods_per_year) - risk_free) / index if index != 0.0 else math.nan


def value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the historical 1 - level quantile of returns (linear interpolation)."""
    x = _array(returns)
    return float(np.quantile(x, 1.0 - level)) if len(x) else math.nan


def conditional_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the mean of returns at or below the historical value at risk."""
    x = _array(returns)
    if not len(x) or np.isnan(x).any():
        return math.nan
    return float(x[x <= value_at_risk(x, level=level)].mean())


def parametric_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return mean + z sd, with the normal quantile z of 1 - level."""
    from outsample.stats.moments import normal_quantile

    x = _array(returns)
    return float(x.mean()) + normal_quantile(1.0 - level) * _deviation(x) if len(x) > 1 else math.nan


def cornish_fisher_value_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the normal value at risk corrected for skewness and kurtosis (Cornish and Fisher, 1937)."""
    from outsample.stats.moments import normal_quantile

    x = _array(returns)
    if len(x) < 2:
        return math.nan
    z, s, k = normal_quantile(1.0 - level), skewness(x), kurtosis(x) - 3.0
    z += (z**2 - 1) * s / 6 + (z**3 - 3 * z) * k / 24 - (2 * z**3 - 5 * z) * s**2 / 36
    return float(x.mean()) + z * _deviation(x)


def conditional_drawdown_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the mean of drawdowns at or below their 1 - level quantile (Chekhlov et al., 2005)."""
    return conditional_value_at_risk(drawdown_path(returns), level=level)


def stability(returns: object) -> float:
    """Return R^2 of log equity on time; NaN after ruin or without variation."""
    x = _array(returns)
    if len(x) < 2 or not (x > -1.0).all():
        return math.nan
    path = np.log1p(x).cumsum()
    if float(path.std()) <= ROUNDING * float(np.abs(path).max()):
        return math.nan
    return float(np.corrcoef(np.arange(len(path)), path)[0, 1] ** 2)


def _standard_moment(returns: object, power: int) -> float:
    x = _array(returns)
    if _deviation(x) == 0.0 or len(x) < 2:
        return math.nan
    deviation = x - x.mean()
    scaled = deviation / math.sqrt(float(np.mean(deviation**2)))
    squared = scaled * scaled  # a general power is many times slower than products
    return float(np.mean(squared * (scaled if power == 3 else squared)))


def skewness(returns: object) -> float:
    """Return the population skewness; NaN without variance."""
    return _standard_moment(returns, 3)


def kurtosis(returns: object) -> float:
    """Return the raw population kurtosis (normal = 3); NaN without variance."""
    return _standard_moment(returns, 4)


def downside_potential(returns: object, *, threshold: float = 0.0) -> float:
    """Return the mean shortfall below a per-period threshold, over all bars."""
    x = _array(returns)
    return float(np.maximum(threshold - x, 0.0).mean()) if len(x) else math.nan


def upside_risk(returns: object, *, threshold: float = 0.0) -> float:
    """Return the root mean square excess above a per-period threshold, over all bars."""
    x = _array(returns)
    return math.sqrt(float(np.mean(np.maximum(x - threshold, 0.0) ** 2))) if len(x) else math.nan


def d_ratio(returns: object) -> float:
    """Return losses over gains, each sum times its count (Bacon, 2008)."""
    x = _array(returns)
    lost, won = x[x < 0.0], x[x > 0.0]
    return _ratio(-float(lost.sum()) * len(lost), float(won.sum()) * len(won))


def mean_absolute_deviation(returns: object) -> float:
    """Return the mean absolute deviation from the mean, per period."""
    x = _array(returns)
    return float(np.abs(x - x.mean()).mean()) if len(x) else math.nan
