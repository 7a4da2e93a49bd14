"""What was held, how much was traded, and what that cost.

w: weights held at a close, drifted, as fractions of equity (negative = short). Turnover is one-way:
1/2 sum |w_target - w_drifted|, half of what was bought and sold, so that replacing the whole portfolio is 1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["EXPOSURE_STATISTICS", "concentration", "exposure_metrics"]

_COSTS = ("fee", "tax", "slippage", "borrow", "financing")
EXPOSURE_STATISTICS = (
    "annual_turnover",
    "holding_period",
    "time_in_market",
    "average_gross",
    "max_gross",
    "average_net",
    "average_position",
    "max_position",
    "hhi",
    "effective_names",
    "cost_total",
    *(f"{name}_total" for name in _COSTS),
    "cost_drag",
    "break_even_cost",
    "gross_total_return",
)


def concentration(weights: object) -> pd.DataFrame:
    """Return how concentrated each bar's holdings are.

    Parameters
    ----------
    weights : DataFrame or array-like [bar x symbol]

    Returns
    -------
    DataFrame [bar]
        hhi, the sum of squared shares of gross exposure (Herfindahl-Hirschman index), in [1 / names, 1], and
        effective_names = 1 / hhi; NaN on bars that hold nothing.

    Examples
    --------
    >>> concentration([[0.5, 0.5], [0.8, -0.2], [0.0, 0.0]]).round(4)["effective_names"].tolist()
    [2.0, 1.4706, nan]
    """
    table = weights if isinstance(weights, pd.DataFrame) else pd.DataFrame(np.asarray(weights, dtype=float))
    hhi = _herfindahl(np.abs(table.to_numpy(dtype=float)))
    return pd.DataFrame({"hhi": hhi, "effective_names": 1.0 / hhi}, index=table.index)


def _herfindahl(size: np.ndarray) -> np.ndarray:
    gross = size.sum(axis=1)
    squares = np.einsum("ij,ij->i", size, size)
    hhi: np.ndarray = np.divide(squares, gross**2, out=np.full(len(gross), math.nan), where=gross > 0.0)
    return hhi


def exposure_metrics(simulation: Any, periods_per_year: float) -> dict[str, float]:  # noqa: ANN401 - duck-typed
    """Return the statistics of exposure, turnover and costs; empty without returns.

    Parameters
    ----------
    simulation : Simulation
        What has returns, equity, exposure (gross, net), turnover (bought plus sold, as a fraction of equity),
        costs by kind, and weights (without weights, what needs them is NaN).
    periods_per_year : float

    Returns
    -------
    dict
        The names of `EXPOSURE_STATISTICS`. annual_turnover: one-way, per year. holding_period: mean gross
        exposure over mean one-way turnover of a bar, in bars. time_in_market: share of closes, the last left
        out, with a holding. average_position, max_position: of the size of w over all holdings. hhi, effective_names:
        means over bars with a holding. cost_total and its parts: money. cost_drag: costs per year over mean equity.
        break_even_cost: cost per unit of one-way turnover at which the arithmetic sum of net returns were 0.
        gross_total_return: growth with each bar's costs added back.
    """
    bars = len(simulation.returns)
    if not bars:
        return {}
    exposure = simulation.exposure
    gross = exposure["gross"].to_numpy(dtype=float)
    turnover = 0.5 * float(np.asarray(simulation.turnover, dtype=float).sum())
    return {
        "annual_turnover": turnover * periods_per_year / bars,
        "holding_period": float(gross.mean()) * len(gross) / turnover if turnover > 0.0 else math.nan,
        # The last close earns nothing any more, so it is not counted.
        "time_in_market": float((gross[:-1] > 0.0).mean()),
        "average_gross": float(gross.mean()),
        "max_gross": float(gross.max()),
        "average_net": float(exposure["net"].mean()),
        **_positions(getattr(simulation, "weights", None)),
        **_costs(simulation, turnover, periods_per_year),
    }


def _positions(weights: pd.DataFrame | None) -> dict[str, float]:
    names = ("average_position", "max_position", "hhi", "effective_names")
    if weights is None or not weights.size:
        return dict.fromkeys(names, math.nan)
    size = np.abs(weights.to_numpy(dtype=float))
    held = np.count_nonzero(size)
    if not held:
        return {**dict.fromkeys(names, math.nan), "max_position": 0.0}
    hhi = _herfindahl(size)
    some = ~np.isnan(hhi)
    bars = np.count_nonzero(some)
    return {
        "average_position": float(size.sum()) / held,
        "max_position": float(size.max()),
        "hhi": float(np.where(some, hhi, 0.0).sum()) / bars,
        "effective_names": float(np.where(some, 1.0 / hhi, 0.0).sum()) / bars,
    }


def _costs(simulation: Any, turnover: float, periods_per_year: float) -> dict[str, float]:  # noqa: ANN401
    costs = pd.DataFrame(simulation.costs)
    equity = simulation.equity.to_numpy(dtype=float)
    net = simulation.returns.to_numpy(dtype=float)
    paid = costs.to_numpy(dtype=float).sum(axis=1)
    total, mean = float(paid.sum()), float(equity.mean())
    before = equity[:-1]
    # Costs of a bar as a fraction of the equity it began with, like its return.
    drag = np.divide(paid[1:], before, out=np.zeros(len(before)), where=before > 0.0)
    grown = np.cumprod(np.maximum(1.0 + net + drag, 0.0))
    return {
        "cost_total": total,
        **{f"{name}_total": float(costs[name].sum()) if name in costs else math.nan for name in _COSTS},
        "cost_drag": total / mean * periods_per_year / len(net) if mean > 0.0 else math.nan,
        "break_even_cost": float((net + drag).sum()) / turnover if turnover > 0.0 else math.nan,
        "gross_total_return": float(grown[-1]) - 1.0,
    }
