"""Statistics of closed trades, and of exposure and costs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["exposure_metrics", "trade_metrics"]


def trade_metrics(pnl: object, *, bars: object = None) -> dict[str, float]:
    """Return the statistics of closed trades; NaN without trades.

    Parameters
    ----------
    pnl : array-like [trade]
        Net profit of each closed trade, in currency.
    bars : array-like [trade], optional
        Bars held.

    Returns
    -------
    dict
        win_rate, payoff (mean win / mean loss; inf without losses), profit_factor (inf without losses),
        expectancy, sqn = sqrt(n) mean / sd, kelly = W - (1 - W) / payoff, max_consecutive_wins and _losses,
        largest_win_share, average_bars_held, max_bars_held.
    """
    x = np.asarray(pnl, dtype=float)
    if not len(x):
        return dict.fromkeys(_TRADES, math.nan)
    won, lost = x[x > 0.0], x[x < 0.0]
    rate = len(won) / len(x)
    gain, loss = float(won.sum()), -float(lost.sum())
    payoff = math.nan if not len(won) and not len(lost) else math.inf
    if len(lost):
        payoff = (float(won.mean()) if len(won) else 0.0) / (loss / len(lost))
    spread = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    held = None if bars is None else np.asarray(bars, dtype=float)
    return {
        "win_rate": rate,
        "payoff": payoff,
        "profit_factor": gain / loss if loss > 0.0 else (math.inf if gain > 0.0 else math.nan),
        "expectancy": float(x.mean()),
        "sqn": math.sqrt(len(x)) * float(x.mean()) / spread if spread > 1e-12 * np.abs(x).max() else math.nan,
        "kelly": rate - (1.0 - rate) / payoff if payoff > 0.0 else math.nan,
        "max_consecutive_wins": float(_streak(x > 0.0)),
        "max_consecutive_losses": float(_streak(x < 0.0)),
        "largest_win_share": float(won.max()) / gain if len(won) else math.nan,
        "average_bars_held": math.nan if held is None else float(held.mean()),
        "max_bars_held": math.nan if held is None else float(held.max()),
    }


_TRADES = (
    "win_rate",
    "payoff",
    "profit_factor",
    "expectancy",
    "sqn",
    "kelly",
    "max_consecutive_wins",
    "max_consecutive_losses",
    "largest_win_share",
    "average_bars_held",
    "max_bars_held",
)


def _streak(flags: np.ndarray) -> int:
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def exposure_metrics(simulation: Any, periods_per_year: float) -> dict[str, float]:  # noqa: ANN401 - duck-typed
    """Return annual one-way turnover, time in market, mean gross and net exposure, and costs.

    `cost_drag` is costs per year over mean equity.
    """
    bars = len(simulation.returns)
    if not bars:
        return {}
    exposure = simulation.exposure
    paid = float(pd.DataFrame(simulation.costs).to_numpy().sum())
    mean = float(simulation.equity.mean())
    return {
        "annual_turnover": float(np.asarray(simulation.turnover, dtype=float).sum()) * periods_per_year / bars,
        # The last close earns nothing any more, so it is not counted.
        "time_in_market": float((exposure["gross"].to_numpy()[:-1] > 0.0).mean()),
        "average_gross": float(exposure["gross"].mean()),
        "average_net": float(exposure["net"].mean()),
        "cost_total": paid,
        "cost_drag": paid / mean * periods_per_year / bars if mean > 0.0 else math.nan,
    }
