"""The table of a bootstrap: what was observed, how it spreads, and how far the simulation itself may err."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.research.bootstrap_run import UNDER_WATER, Paths
from outsample.stats import sharpe_standard_error
from outsample.stats.moments import normal_quantile

__all__ = ["PERCENTILES", "bootstrap_table"]

PERCENTILES = (5, 25, 50, 75, 95)


def bootstrap_table(
    paths: Paths, samples: Mapping[str, np.ndarray], level: float
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a row per statistic, and why paths or intervals are undefined.

    The interval of the Sharpe ratio is estimate +- z times the HAC error; the others' is the percentile one.
    """
    actual = _actual(paths)
    rows, reasons = [], {}
    for name, values in samples.items():
        ordered = np.sort(values)
        kept = ordered[np.searchsorted(ordered, -np.inf, side="right") : np.searchsorted(ordered, np.inf)]
        if len(kept) < len(values):
            reasons[name] = f"no_variance: {len(values) - len(kept)} of {len(values)} paths are undefined"
            if name != "sharpe":
                reasons[name] = f"overflow: {len(values) - len(kept)} of {len(values)} paths are not finite"
        row: dict[str, object] = {"statistic": name, "actual": actual[name], **_spread(kept, level)}
        if name == "sharpe":
            error = sharpe_standard_error(returns=paths.excess, method="hac") * math.sqrt(paths.year)
            margin = normal_quantile((1.0 + level) / 2.0) * error
            # Not simulated: without Monte Carlo error.
            row |= {"low": actual[name] - margin, "high": actual[name] + margin, "mc_low": 0.0, "mc_high": 0.0}
            row["method"] = "hac"
        rows.append(row)
    return pd.DataFrame(rows), reasons


def _actual(paths: Paths) -> dict[str, float]:
    x, year = paths.returns, paths.year
    return {
        "sharpe": metrics.sharpe(paths.excess, periods_per_year=year),
        "cagr": metrics.cagr(x, periods_per_year=year),
        "volatility": metrics.volatility(paths.excess, periods_per_year=year),
        "max_drawdown": metrics.max_drawdown(x),
        "final_wealth": float(metrics.wealth(x)[-1]),
        UNDER_WATER: metrics.longest_drawdown(x),
    }


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Quantile of sorted values, linear between them (Hyndman and Fan, 1996, type 7)."""
    place = min(max(share, 0.0), 1.0) * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below]))


def _spread(kept: np.ndarray, level: float) -> dict[str, object]:
    if not len(kept):
        kept = np.array([np.nan])
    tails = {"low": (1.0 - level) / 2.0, "high": (1.0 + level) / 2.0}
    shares = {**tails, **{f"p{p}": p / 100.0 for p in PERCENTILES}}
    row: dict[str, object] = {"mean": float(kept.mean()), "se": float(kept.std(ddof=1)) if len(kept) > 1 else math.nan}
    row |= {name: _quantile(kept, share) for name, share in shares.items()}
    for name, share in shares.items():
        # Half the distance of the quantiles one binomial deviation to either side: no density is needed.
        margin = math.sqrt(share * (1.0 - share) / len(kept))
        row[f"mc_{name}"] = (_quantile(kept, share + margin) - _quantile(kept, share - margin)) / 2.0
    return {**row, "level": level, "method": "percentile"}
