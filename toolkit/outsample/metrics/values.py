"""Bare formulas of returns: what they get is what they use, whatever its length.

`returns` are simple net returns of bars [bar], fractions; NaN in, NaN out; losses are negative fractions.
r is a return, E equity from 1, P `periods_per_year`. `risk_free` is annual, a number or rates by date
(`outsample.metrics.rates`), and becomes (1 + rf)^(1/P) - 1 per bar. Empty input is NaN. Standard deviations
have ddof 1. A return <= -1 is ruin: equity is 0 from there.
"""

from __future__ import annotations

import math

import numpy as np

from outsample.metrics.rates import RiskFree, bar_rates

__all__ = [
    "annual_mean",
    "autocorrelation",
    "cagr",
    "d_ratio",
    "downside_deviation",
    "downside_potential",
    "gain_to_pain",
    "kurtosis",
    "lo_sharpe",
    "mean_absolute_deviation",
    "omega",
    "settled",
    "sharpe",
    "skewness",
    "sortino",
    "spread_of",
    "stability",
    "total_return",
    "upside_risk",
    "volatility",
    "wealth",
]

# A standard deviation below this share of the largest return is rounding, not variation.
ROUNDING = 1e-12


def _array(returns: object) -> np.ndarray:
    values: np.ndarray = np.asarray(returns, dtype=float)
    return values


def _excess(returns: object, periods_per_year: float, risk_free: RiskFree) -> np.ndarray:
    x = _array(returns)
    rate = bar_rates(risk_free, returns, periods_per_year)
    return settled(x - rate, x) if isinstance(rate, np.ndarray) or rate else x


def settled(difference: np.ndarray, *parts: np.ndarray) -> np.ndarray:
    """Return a difference with 0.0 where it is only the rounding of its parts."""
    size = max((float(np.abs(part).max(initial=0.0)) for part in parts), default=0.0)
    return np.where(np.abs(difference) <= ROUNDING * size, 0.0, difference)


def spread_of(x: np.ndarray) -> float:
    """Return the standard deviation, 0.0 where it is only rounding; NaN of fewer than two."""
    if len(x) < 2:
        return math.nan
    spread = float(x.std(ddof=1))
    return 0.0 if spread <= ROUNDING * float(np.abs(x).max()) else spread


def _ratio(gain: float, loss: float) -> float:
    """Gain over loss; NaN without loss."""
    return gain / loss if loss != 0.0 else math.nan


def wealth(returns: object) -> np.ndarray:
    """Return equity [bar + 1], from 1 before the first bar; 0 from ruin on."""
    factors = 1.0 + _array(returns)
    equity: np.ndarray = np.append(1.0, np.cumprod(np.where(factors <= 0.0, 0.0, factors)))
    return equity


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


def annual_mean(returns: object, *, periods_per_year: float = 252) -> float:
    """Return the arithmetic mean return times P.

    Examples
    --------
    >>> round(annual_mean([0.01, 0.02, -0.01], periods_per_year=12), 6)
    0.08
    """
    x = _array(returns)
    return float(x.mean()) * periods_per_year if len(x) else math.nan


def volatility(returns: object, *, periods_per_year: float = 252) -> float:
    """Return the annual standard deviation."""
    return spread_of(_array(returns)) * math.sqrt(periods_per_year)


def downside_deviation(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return the annual root mean square of returns below the risk-free rate, over all bars."""
    x = _excess(returns, periods_per_year, risk_free)
    return math.sqrt(float(np.mean(np.minimum(x, 0.0) ** 2)) * periods_per_year) if len(x) else math.nan


def sharpe(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return the annual Sharpe ratio of arithmetic excess returns; NaN without variance (Sharpe, 1994).

    Examples
    --------
    >>> round(sharpe([0.02, -0.01] * 126), 6)
    5.280993
    """
    x = _excess(returns, periods_per_year, risk_free)
    spread = spread_of(x)
    return float(x.mean()) / spread * math.sqrt(periods_per_year) if spread != 0.0 and len(x) > 1 else math.nan


def lo_sharpe(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return the annual Sharpe ratio corrected for autocorrelation (Lo, 2002, equations 20 and 22).

    The ratio of one bar times eta(q) = q / sqrt(q + 2 sum (q - k) rho^k), k = 1..q-1, with q = P rounded and
    rho the first autocorrelation of the returns: those of an AR(1), since q - 1 estimated ones are mostly
    noise. Equal to `sharpe` when rho is 0, smaller when gains follow gains. NaN without variance.
    """
    from outsample.stats import autocorrelation_factor

    ratio = sharpe(returns, periods_per_year=periods_per_year, risk_free=risk_free)
    rho = autocorrelation(_excess(returns, periods_per_year, risk_free))
    if math.isnan(ratio) or math.isnan(rho):
        return math.nan
    periods = max(round(periods_per_year), 1)
    return ratio * autocorrelation_factor(periods, rho) / math.sqrt(periods)


def sortino(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return mean excess over downside deviation, annual; inf with gain and no loss (Sortino, 1994)."""
    x = _excess(returns, periods_per_year, risk_free)
    if not len(x):
        return math.nan
    loss = downside_deviation(returns, periods_per_year=periods_per_year, risk_free=risk_free)
    gain = float(x.mean()) * periods_per_year
    if loss == 0.0:
        return math.inf if gain > 0.0 else math.nan
    return gain / loss


def omega(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return gains over losses about the risk-free rate (Keating and Shadwick, 2002); NaN without losses."""
    x = _excess(returns, periods_per_year, risk_free)
    return _ratio(float(np.maximum(x, 0.0).sum()), float(np.maximum(-x, 0.0).sum()))


def gain_to_pain(returns: object) -> float:
    """Return the sum of returns over the size of the sum of losses (Schwager, 2012); NaN without losses."""
    x = _array(returns)
    return _ratio(float(x.sum()), float(np.maximum(-x, 0.0).sum()))


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
    if spread_of(x) == 0.0 or len(x) < 2:
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


def autocorrelation(returns: object, *, lag: int = 1) -> float:
    """Return the correlation of returns with those `lag` bars earlier; NaN where either does not vary.

    Examples
    --------
    >>> round(autocorrelation([0.01, -0.01] * 10), 6)
    -1.0
    """
    x = _array(returns)
    later, earlier = x[lag:], x[: len(x) - lag]
    # Two points are always on a line.
    if len(later) < 3 or spread_of(later) == 0.0 or spread_of(earlier) == 0.0:
        return math.nan
    return float(np.corrcoef(later, earlier)[0, 1])


def downside_potential(returns: object, *, threshold: float = 0.0) -> float:
    """Return the mean shortfall below a per-period threshold, over all bars."""
    x = _array(returns)
    return float(np.maximum(threshold - x, 0.0).mean()) if len(x) else math.nan


def upside_risk(returns: object, *, threshold: float = 0.0) -> float:
    """Return the root mean square excess above a per-period threshold, over all bars."""
    x = _array(returns)
    return math.sqrt(float(np.mean(np.maximum(x - threshold, 0.0) ** 2))) if len(x) else math.nan


def d_ratio(returns: object) -> float:
    """Return losses over gains, each sum times its count (Bacon, 2008); NaN without gains."""
    x = _array(returns)
    lost, won = x[x < 0.0], x[x > 0.0]
    return _ratio(-float(lost.sum()) * len(lost), float(won.sum()) * len(won))


def mean_absolute_deviation(returns: object) -> float:
    """Return the mean absolute deviation from the mean, per period."""
    x = _array(returns)
    return float(np.abs(x - x.mean()).mean()) if len(x) else math.nan
