"""A strategy against a benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid
from outsample.metrics.values import ROUNDING

__all__ = ["benchmark_metrics"]


def benchmark_metrics(
    returns: object, benchmark: object, *, periods_per_year: float = 252, risk_free: float = 0.0
) -> Mapping[str, float]:
    """Return the statistics of returns against a benchmark; NaN where undefined.

    Parameters
    ----------
    returns, benchmark : Series or array-like [bar]
        Two Series are compared on the dates they share; anything else must have equal length.
    periods_per_year, risk_free : float

    Returns
    -------
    mapping
        active_return, tracking_error, information_ratio, beta, alpha (arithmetic, annual), r_squared, treynor,
        specific_risk (population deviation of the residual, annual), up_capture and down_capture (ratio of
        mean returns where the benchmark rises or falls).
    """
    x, y = _paired(returns, benchmark)
    rate = (1.0 + risk_free) ** (1.0 / periods_per_year) - 1.0
    n, year = len(x), periods_per_year
    if n < 2:
        return dict.fromkeys(_NAMES, math.nan)
    active = x - y
    error = _spread(active) * math.sqrt(year)
    found = {"active_return": float(active.mean()) * year, "tracking_error": error}
    found["information_ratio"] = found["active_return"] / error if error > 0.0 else math.nan
    spread = _spread(y)
    beta = float(np.cov(x, y)[0, 1]) / spread**2 if spread > 0.0 else math.nan
    excess, theirs = float(x.mean()) - rate, float(y.mean()) - rate
    residual = x - beta * y
    varied = spread > 0.0 and _spread(x) > 0.0
    found |= {
        "beta": beta,
        "alpha": (excess - beta * theirs) * year,
        "r_squared": float(np.corrcoef(x, y)[0, 1]) ** 2 if varied else math.nan,
        "treynor": excess * year / beta if beta else math.nan,
        "specific_risk": float(residual.std()) * math.sqrt(year),
        "up_capture": _capture(x, y, y > 0.0),
        "down_capture": _capture(x, y, y < 0.0),
    }
    return found


_NAMES = (
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


def _paired(returns: object, benchmark: object) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(returns, pd.Series) and isinstance(benchmark, pd.Series):
        if not returns.index.equals(benchmark.index):
            shared = returns.index.intersection(benchmark.index)
            returns, benchmark = returns.loc[shared], benchmark.loc[shared]
        x, y = returns.to_numpy(dtype=float), benchmark.to_numpy(dtype=float)
    else:
        x, y = np.asarray(returns, dtype=float), np.asarray(benchmark, dtype=float)
    if len(x) != len(y):
        raise DataInvalid(
            f"Returns and benchmark need the same bars. Got {len(x)} and {len(y)}.", hint="Give both as dated Series."
        )
    return x, y


def _spread(x: np.ndarray) -> float:
    spread = float(x.std(ddof=1))
    return 0.0 if spread <= ROUNDING * float(np.abs(x).max()) else spread


def _capture(x: np.ndarray, y: np.ndarray, chosen: np.ndarray) -> float:
    return float(x[chosen].mean()) / float(y[chosen].mean()) if chosen.any() else math.nan
