"""Intervals of the key metrics, as a report shows them."""

from __future__ import annotations

import math

import numpy as np

from outsample.pipeline import Outcome
from outsample.research.bootstrap import bootstrap

__all__ = ["LEVEL", "N_PATHS", "key_intervals"]

LEVEL = 0.95
N_PATHS = 1_000
# Below this there is no autocorrelation to speak of, and no interval to believe.
_MINIMUM = 60
_NAMED = ("cagr", "volatility", "sharpe", "max_drawdown")


def key_intervals(outcome: Outcome) -> dict[str, tuple[float, float]]:
    """Return 95 % intervals by metric; a metric without one is left out.

    Parameters
    ----------
    outcome : Outcome

    Returns
    -------
    dict of metric name to (low, high)
        Sharpe ratio: HAC standard error. Others: percentiles of 1,000 paths of the stationary bootstrap (Politis
        and Romano, 1994) with seed 0, the same on every display. Empty for fewer than 60 returns, or without
        any variation.
    """
    returns = outcome.simulation.returns
    x = returns.to_numpy(dtype=float)
    if len(x) < _MINIMUM or not np.isfinite(x).all() or not x.std() > 0 or not (x > -1).all():
        return {}
    used = outcome.request.resolved_conventions
    made = bootstrap(
        returns,
        n_paths=N_PATHS,
        level=LEVEL,
        periods_per_year=used.periods_per_year,
        risk_free=used.risk_free if isinstance(used.risk_free, int | float) else 0.0,
    )
    table = made.table.set_index("statistic")[["low", "high"]].astype(float)
    rows = {str(name): (low, high) for name, (low, high) in zip(table.index, table.to_numpy().tolist(), strict=True)}
    found = {name: rows[name] for name in _NAMED if name in rows}
    if "final_wealth" in rows:
        found["total_return"] = (rows["final_wealth"][0] - 1.0, rows["final_wealth"][1] - 1.0)
    # The Sharpe ratio's is that of the metrics, with their rates by date.
    low, high = outcome.metrics.sharpe_low, outcome.metrics.sharpe_high
    found["sharpe"] = (math.nan, math.nan) if low is None or high is None else (float(low), float(high))
    return {name: pair for name, pair in found.items() if all(math.isfinite(value) for value in pair)}
