"""A strategy against a benchmark, on the bars that both have.

r, b: returns per bar of the strategy and of the benchmark; f the risk-free rate per bar; P periods per year;
beta = cov(r - f, b - f) / var(b - f) (Sharpe, 1964; Jensen, 1968).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid
from outsample.metrics.rates import RiskFree, bar_rates
from outsample.metrics.values import settled, spread_of

__all__ = ["BENCHMARK_STATISTICS", "benchmark_metrics", "shared_bars"]

BENCHMARK_STATISTICS = (
    "active_return",
    "tracking_error",
    "information_ratio",
    "beta",
    "alpha",
    "r_squared",
    "treynor",
    "specific_risk",
    "up_capture",
    "down_capture",
)


def benchmark_metrics(
    returns: object, benchmark: object, *, periods_per_year: float = 252, risk_free: RiskFree = 0.0
) -> Mapping[str, float]:
    """Return the statistics of returns against a benchmark; NaN where undefined.

    Parameters
    ----------
    returns, benchmark : Series or array-like [bar]
        Two Series are compared on the dates they share; anything else must have equal length.
    periods_per_year : float
    risk_free : float, Series or array-like [bar of returns]
        Annual, subtracted from both.

    Returns
    -------
    mapping
        The names of `BENCHMARK_STATISTICS`, all but beta, r_squared and captures annual. active_return = P mean(r
        - b); tracking_error = sd(r - b) sqrt(P); information_ratio, their quotient; alpha = P (mean(r - f) - beta
        mean(b - f)); treynor = P mean(r - f) / beta; specific_risk, the population deviation of r - beta b
        (Bacon, 2008); up_capture and down_capture, the ratio of mean returns where the benchmark rises or falls.

    Raises
    ------
    DataInvalid
        Arrays of different lengths.

    Examples
    --------
    >>> found = benchmark_metrics([0.02, -0.02, 0.04], [0.01, -0.01, 0.02], periods_per_year=12)
    >>> {name: round(found[name], 6) for name in ("beta", "alpha", "r_squared", "up_capture")}
    {'beta': 2.0, 'alpha': 0.0, 'r_squared': 1.0, 'up_capture': 2.0}
    """
    x, y, rate = _paired(returns, benchmark, risk_free, periods_per_year)
    if len(x) < 2:
        return dict.fromkeys(BENCHMARK_STATISTICS, math.nan)
    year = periods_per_year
    active = settled(x - y, x, y)
    error = spread_of(active) * math.sqrt(year)
    gain = float(active.mean()) * year
    excess, theirs = settled(x - rate, x), settled(y - rate, y)
    varied, market = spread_of(excess) > 0.0, spread_of(theirs)
    beta = math.nan
    if market > 0.0:
        beta = float(np.cov(excess, theirs)[0, 1]) / market**2 if varied else 0.0
    return {
        "active_return": gain,
        "tracking_error": error,
        "information_ratio": gain / error if error > 0.0 else math.nan,
        "beta": beta,
        "alpha": (float(excess.mean()) - beta * float(theirs.mean())) * year,
        "r_squared": float(np.corrcoef(excess, theirs)[0, 1]) ** 2 if varied and market > 0.0 else math.nan,
        "treynor": float(excess.mean()) * year / beta if beta else math.nan,
        "specific_risk": float((x - beta * y).std()) * math.sqrt(year),
        "up_capture": _capture(x, y, y > 0.0),
        "down_capture": _capture(x, y, y < 0.0),
    }


def shared_bars(returns: object, benchmark: object) -> int:
    """Return the number of bars on which `benchmark_metrics` compares the two."""
    if isinstance(returns, pd.Series) and isinstance(benchmark, pd.Series):
        return len(returns.index.intersection(benchmark.index))
    return len(np.asarray(returns))


def _paired(
    returns: object, benchmark: object, risk_free: RiskFree, year: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both series and the rate per bar, on the bars that both series have."""
    rate = np.broadcast_to(bar_rates(risk_free, returns, year), len(np.asarray(returns)))
    if isinstance(returns, pd.Series) and isinstance(benchmark, pd.Series):
        shared = returns.index.intersection(benchmark.index)
        if len(shared) < len(returns):
            rate = rate[returns.index.get_indexer(shared)]
        x, y = returns.loc[shared].to_numpy(dtype=float), benchmark.loc[shared].to_numpy(dtype=float)
    else:
        x, y = np.asarray(returns, dtype=float), np.asarray(benchmark, dtype=float)
    if len(x) != len(y):
        raise DataInvalid(
            f"Returns and benchmark need the same bars. Got {len(x)} and {len(y)}.", hint="Give both as dated Series."
        )
    return x, y, rate


def _capture(x: np.ndarray, y: np.ndarray, chosen: np.ndarray) -> float:
    return float(x[chosen].mean()) / float(y[chosen].mean()) if chosen.any() else math.nan
