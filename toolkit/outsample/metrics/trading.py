"""Statistics of closed trades.

pnl: net profit of a trade in currency, after all costs; W: win rate; payoff: mean win over mean loss. A trade
with pnl 0 neither wins nor loses, and ends a streak.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid

__all__ = ["MEASURED_COLUMNS", "TRADE_STATISTICS", "by_exit_reason", "by_side", "trade_metrics", "trade_sides"]

# What `trade_metrics` reads of a table.
MEASURED_COLUMNS = ("pnl", "bars", "return_net", "mae", "mfe", "side")
TRADE_STATISTICS = (
    "win_rate",
    "payoff",
    "profit_factor",
    "expectancy",
    "average_win",
    "average_loss",
    "average_trade_return",
    "sqn",
    "kelly",
    "max_consecutive_wins",
    "max_consecutive_losses",
    "largest_win_share",
    "average_bars_held",
    "max_bars_held",
    "average_mae",
    "average_mfe",
    "worst_mae",
    "n_long",
    "n_short",
    "long_win_rate",
    "short_win_rate",
    "long_pnl",
    "short_pnl",
)


def trade_metrics(trades: object, *, bars: object = None) -> dict[str, float]:
    """Return the statistics of closed trades; NaN without trades.

    Parameters
    ----------
    trades : DataFrame or array-like [trade]
        Closed trades in the order of their entries. A table has pnl and, where known, bars, return_net, mae,
        mfe (fractions) and side (1 long, -1 short); an array is pnl.
    bars : array-like [trade], optional
        Bars held; takes the place of the column.

    Returns
    -------
    dict
        The names of `TRADE_STATISTICS`. win_rate; payoff (inf without losses) and profit_factor = sum of wins /
        sum of losses (inf without losses); expectancy = mean pnl; average_win, average_loss (negative);
        average_trade_return; sqn = sqrt(n) mean / sd (Tharp, 2008); kelly = W - (1 - W) / payoff (Kelly, 1956);
        max_consecutive_wins and _losses; largest_win_share of all wins; average_bars_held, max_bars_held;
        average_mae, worst_mae (at most 0) and average_mfe, excursions from the entry price (Sweeney, 1997);
        n_long, n_short, long_win_rate, short_win_rate, long_pnl, short_pnl.

    Raises
    ------
    DataInvalid
        A table without pnl, or pnl that is not finite.

    Examples
    --------
    >>> found = trade_metrics([3.0, -1.0, 2.0])
    >>> found["profit_factor"], found["payoff"], round(found["kelly"], 6)
    (5.0, 2.5, 0.533333)
    """
    table = _table(trades, bars)
    x = table["pnl"].to_numpy(dtype=float)
    if not len(x):
        return dict.fromkeys(TRADE_STATISTICS, math.nan)
    return _of_pnl(x) | _of_columns(table) | _of_sides(table)


def _table(trades: object, bars: object) -> pd.DataFrame:
    table = trades if isinstance(trades, pd.DataFrame) else pd.DataFrame({"pnl": np.asarray(trades, dtype=float)})
    if "pnl" not in table:
        raise DataInvalid(f"Trades need a column pnl. Got {', '.join(map(str, table.columns)) or 'none'}.")
    if not np.isfinite(table["pnl"].to_numpy(dtype=float)).all():
        raise DataInvalid("pnl of trades must be finite.", hint="Leave out trades whose result is not known.")
    return table if bars is None else table.assign(bars=np.asarray(bars, dtype=float))


def _of_pnl(x: np.ndarray) -> dict[str, float]:
    won, lost = x[x > 0.0], x[x < 0.0]
    rate = len(won) / len(x)
    gain, loss = float(won.sum()), -float(lost.sum())
    payoff = math.inf if len(won) else math.nan
    if len(lost):
        payoff = (float(won.mean()) if len(won) else 0.0) / (loss / len(lost))
    spread = float(x.std(ddof=1)) if len(x) > 1 else 0.0
    return {
        "win_rate": rate,
        "payoff": payoff,
        "profit_factor": gain / loss if loss > 0.0 else (math.inf if gain > 0.0 else math.nan),
        "expectancy": float(x.mean()),
        "average_win": float(won.mean()) if len(won) else math.nan,
        "average_loss": float(lost.mean()) if len(lost) else math.nan,
        "sqn": math.sqrt(len(x)) * float(x.mean()) / spread if spread > 1e-12 * np.abs(x).max() else math.nan,
        "kelly": rate - (1.0 - rate) / payoff if payoff > 0.0 else math.nan,
        "max_consecutive_wins": float(_streak(x > 0.0)),
        "max_consecutive_losses": float(_streak(x < 0.0)),
        "largest_win_share": float(won.max()) / gain if len(won) else math.nan,
    }


def _of_columns(table: pd.DataFrame) -> dict[str, float]:
    def values(name: str) -> np.ndarray:
        return np.asarray(table.get(name, np.array([math.nan])), dtype=float)

    held, worst = values("bars"), values("mae")
    return {
        "average_trade_return": float(values("return_net").mean()),
        "average_bars_held": float(held.mean()),
        "max_bars_held": float(held.max()),
        "average_mae": float(worst.mean()),
        "average_mfe": float(values("mfe").mean()),
        "worst_mae": float(worst.min()),
    }


def _of_sides(table: pd.DataFrame) -> dict[str, float]:
    names = ("n_long", "n_short", "long_win_rate", "short_win_rate", "long_pnl", "short_pnl")
    if "side" not in table:
        return dict.fromkeys(names, math.nan)
    found = {}
    x, side = table["pnl"].to_numpy(dtype=float), table["side"].to_numpy(dtype=float)
    for name, sign in (("long", 1.0), ("short", -1.0)):
        own = x[side == sign]
        found[f"n_{name}"] = float(len(own))
        found[f"{name}_win_rate"] = float((own > 0.0).mean()) if len(own) else math.nan
        found[f"{name}_pnl"] = float(own.sum())
    return found


def _streak(flags: np.ndarray) -> int:
    ends = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def trade_sides(simulation: Any) -> pd.Series:  # noqa: ANN401 - duck-typed
    """Return the side of each trade of a simulation: 1 long, -1 short.

    The sign of the units held at the close of the entry bar. Of a trade that ended on its entry bar nothing is
    held there: its side follows from price and result before costs, and is 1 if the price did not move.

    Parameters
    ----------
    simulation : Simulation

    Returns
    -------
    Series [trade]
    """
    trades = simulation.trades
    if not len(trades):
        return pd.Series([], index=trades.index, dtype=float, name="side")
    units = simulation.units
    rows, columns = units.index.get_indexer(trades["entry_date"]), units.columns.get_indexer(trades["symbol"])
    side = np.sign(units.to_numpy()[rows, columns])
    moved = np.sign(trades["exit_price"].to_numpy() - trades["entry_price"].to_numpy())
    implied = moved * np.sign(trades["return_gross"].to_numpy())
    return pd.Series(np.where(side != 0.0, side, np.where(implied != 0.0, implied, 1.0)), trades.index, name="side")


def by_exit_reason(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the trades by why they ended, the most frequent first.

    Parameters
    ----------
    trades : DataFrame
        With exit_reason and pnl, and return_net and bars where known. Open trades have the reason "open".

    Returns
    -------
    DataFrame [reason]
        trades, share, win_rate, pnl (sum), average_return, average_bars (NaN where not known).

    Examples
    --------
    >>> table = pd.DataFrame({"exit_reason": ["signal", "stop_loss", "signal"], "pnl": [2.0, -1.0, -0.5]})
    >>> by_exit_reason(table)[["trades", "win_rate", "pnl"]].loc["signal"].tolist()
    [2.0, 0.5, 1.5]
    """
    return _grouped(trades, "exit_reason")


def by_side(trades: pd.DataFrame) -> pd.DataFrame:
    """Return the trades by side, as `by_exit_reason` does; the table has a column side ("long" or "short", or 1, -1).

    Examples
    --------
    >>> by_side(pd.DataFrame({"side": [1, -1, 1], "pnl": [2.0, -1.0, -0.5]}))["pnl"].to_dict()
    {'long': 1.5, 'short': -1.0}
    """
    if "side" in trades:
        names = {1: "long", -1: "short"}
        trades = trades.assign(side=[names.get(side, side) for side in trades["side"].tolist()])
    return _grouped(trades, "side")


def _grouped(trades: pd.DataFrame, column: str) -> pd.DataFrame:
    missing = [name for name in (column, "pnl") if name not in trades]
    if missing:
        raise DataInvalid(f"Trades need the columns {column} and pnl. Missing: {', '.join(missing)}.")
    known = pd.DataFrame(
        {
            "key": trades[column].astype(object),
            "pnl": trades["pnl"].astype(float),
            "won": (trades["pnl"] > 0.0).astype(float),
            "return": trades.get("return_net", pd.Series(math.nan, trades.index)),
            "bars": trades.get("bars", pd.Series(math.nan, trades.index)),
        }
    )
    groups = known.groupby("key", sort=True)
    table = pd.DataFrame(
        {
            "trades": groups.size(),
            "share": groups.size() / max(len(known), 1),
            "win_rate": groups["won"].mean(),
            "pnl": groups["pnl"].sum(),
            "average_return": groups["return"].mean(),
            "average_bars": groups["bars"].mean(),
        }
    )
    table.index.name = column
    return table.sort_values("trades", ascending=False, kind="stable")
