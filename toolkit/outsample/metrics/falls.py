"""Drawdowns as numbers: depth, length, and growth over them.

D_t = E_t / max E - 1 over N bars; the initial equity E_0 = 1 is a peak, not an observation, so means divide
by N. A drawdown is an episode from a peak to the first bar at or above it; the last one may be open. Depths
are negative fractions, ulcer and pain index are sizes. NaN of empty input.
"""

from __future__ import annotations

import math

import numpy as np

from outsample.metrics.rates import RiskFree, annual_rates
from outsample.metrics.tails import conditional_value_at_risk
from outsample.metrics.values import cagr, wealth

__all__ = [
    "average_drawdown",
    "calmar",
    "conditional_drawdown_at_risk",
    "drawdown_path",
    "drawdown_places",
    "longest_drawdown",
    "martin",
    "max_drawdown",
    "pain_index",
    "time_under_water",
    "ulcer_index",
]


def drawdown_path(returns: object) -> np.ndarray:
    """Return D_t at each bar [bar], in [-1, 0].

    Examples
    --------
    >>> drawdown_path([0.0, -0.5, 0.5, 1.0]).tolist()
    [0.0, -0.5, -0.25, 0.0]
    """
    equity = wealth(returns)
    path: np.ndarray = (equity / np.maximum.accumulate(equity) - 1.0)[1:]
    return path


def drawdown_places(returns: object) -> np.ndarray:
    """Return peak, trough and recovery of each drawdown in time order [drawdown x 3].

    Places are those of `wealth`: 0 is the initial equity, k the close of return k. Of equal peaks the last is
    the one that the fall starts from, of equal minima the first is the trough; an open drawdown recovers at
    N + 1, which is beyond the end.
    """
    equity = wealth(returns)
    below = equity < np.maximum.accumulate(equity)
    edges = np.diff(np.concatenate([[False], below, [False]]).astype(int))
    rows = [
        (begin - 1, begin + int(equity[begin:end].argmin()), end)
        for begin, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
    ]
    places: np.ndarray = np.array(rows, dtype=int).reshape(-1, 3)
    return places


def max_drawdown(returns: object) -> float:
    """Return the largest fall from a peak, in [-1, 0]; the initial equity is a peak.

    Examples
    --------
    >>> max_drawdown([-0.5, 0.0, 0.0])
    -0.5
    """
    path = drawdown_path(returns)
    return float(path.min()) if len(path) else math.nan


def average_drawdown(returns: object) -> float:
    """Return the mean depth of the drawdowns; 0 without one.

    Examples
    --------
    >>> average_drawdown([-0.5, 1.0, -0.25, 0.0])
    -0.375
    """
    equity = wealth(returns)
    if len(equity) < 2:
        return math.nan
    places = drawdown_places(returns)
    depths = equity[places[:, 1]] / equity[places[:, 0]] - 1.0
    return float(depths.mean()) if len(depths) else 0.0


def longest_drawdown(returns: object) -> float:
    """Return the bars from peak to recovery, or to the last bar, of the drawdown that took longest.

    Examples
    --------
    >>> longest_drawdown([-0.5, 0.5, 0.5, 0.1])
    3.0
    """
    n = len(wealth(returns)) - 1
    if not n:
        return math.nan
    places = drawdown_places(returns)
    return float((np.minimum(places[:, 2], n) - places[:, 0]).max(initial=0))


def time_under_water(returns: object) -> float:
    """Return the share of bars whose equity is below the peak so far.

    Examples
    --------
    >>> time_under_water([-0.5, 1.0, -0.25, 0.0])
    0.75
    """
    path = drawdown_path(returns)
    return float((path < 0.0).mean()) if len(path) else math.nan


def calmar(returns: object, *, periods_per_year: float = 252) -> float:
    """Return CAGR over the size of the maximum drawdown; NaN without a drawdown (Young, 1991)."""
    depth = max_drawdown(returns)
    return cagr(returns, periods_per_year=periods_per_year) / -depth if depth != 0.0 else math.nan


def ulcer_index(returns: object) -> float:
    """Return the root mean square drawdown over N bars (Martin and McCann, 1989)."""
    path = drawdown_path(returns)
    return math.sqrt(float(np.mean(path**2))) if len(path) else math.nan


def pain_index(returns: object) -> float:
    """Return the mean size of the drawdown over N bars (Becker, 2006)."""
    path = drawdown_path(returns)
    return abs(float(path.mean())) if len(path) else math.nan


def martin(returns: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0) -> float:
    """Return annual growth less the risk-free rate over the ulcer index; NaN without a drawdown.

    Of rates by date the geometric mean is taken (Martin and McCann, 1989).
    """
    index = ulcer_index(returns)
    if index == 0.0 or math.isnan(index):
        return math.nan
    rate = math.exp(float(np.mean(np.log1p(annual_rates(risk_free, returns))))) - 1.0
    return (cagr(returns, periods_per_year=periods_per_year) - rate) / index


def conditional_drawdown_at_risk(returns: object, *, level: float = 0.95) -> float:
    """Return the mean of D_t at or below their 1 - level quantile (Chekhlov, Uryasev and Zabarankin, 2005)."""
    return conditional_value_at_risk(drawdown_path(returns), level=level)
