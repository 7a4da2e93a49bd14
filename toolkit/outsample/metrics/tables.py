"""Tables of drawdowns and of months."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid
from outsample.metrics.values import wealth

__all__ = ["drawdowns", "monthly_table"]


def drawdowns(returns: object, top: int | None = None) -> pd.DataFrame:
    """Return the drawdowns, deepest first.

    Parameters
    ----------
    returns : Series or array-like [bar]
    top : int, optional
        How many at most.

    Returns
    -------
    DataFrame
        peak (the peak's bar), trough (first bar at the minimum), recovery (first bar at or above the peak, NaT
        or NaN if none), depth (negative fraction), bars and days from peak to recovery or the last bar (days NaN
        without dates), active, peak_value, trough_value, recovery_value (equity from 1). The initial equity
        stands one bar before the first return: that peak is labelled with the first bar's date (or -1).
    """
    equity = wealth(returns)
    below = equity < np.maximum.accumulate(equity)
    edges = np.diff(np.concatenate([[False], below, [False]]).astype(int))
    rows = []
    for begin, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        # Of equal peaks the last is the one that the fall starts from.
        rows.append((begin - 1, begin + int(equity[begin:end].argmin()), end))
    places = np.array(rows, dtype=int).reshape(-1, 3)
    n = len(equity)
    active = places[:, 2] >= n
    last = np.where(active, n - 1, places[:, 2])
    index = returns.index if isinstance(returns, pd.Series) else pd.RangeIndex(n - 1)
    frame = pd.DataFrame(
        {
            "peak": _labels(index, places[:, 0]),
            "trough": _labels(index, places[:, 1]),
            "recovery": pd.Series(_labels(index, last)).mask(active),
            "depth": equity[places[:, 1]] / equity[places[:, 0]] - 1.0,
            "bars": last - places[:, 0],
            "days": np.full(len(places), np.nan),
            "active": active,
            "peak_value": equity[places[:, 0]],
            "trough_value": equity[places[:, 1]],
            "recovery_value": np.where(active, np.nan, equity[last]),
        }
    )
    if isinstance(index, pd.DatetimeIndex) and len(frame):
        ends = pd.Series(_labels(index, last))
        frame["days"] = (ends - frame["peak"]).dt.days.astype(float)
    frame = frame.sort_values("depth", kind="stable").reset_index(drop=True)
    return frame if top is None else frame.head(top)


def _labels(index: pd.Index, places: np.ndarray) -> object:
    """Labels of equity points; point 0 is the initial equity, point k the close of return k."""
    if isinstance(index, pd.DatetimeIndex):
        return index[np.maximum(places - 1, 0)]
    if isinstance(index, pd.RangeIndex):
        return places - 1
    return index[np.maximum(places - 1, 0)]


def monthly_table(returns: pd.Series, trades: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a row per month with data: year, month, label, return, winning and losing trades.

    Parameters
    ----------
    returns : Series with dates
    trades : DataFrame, optional
        With exit_date and pnl; counted in the month of the exit. Open trades are not counted.

    Raises
    ------
    DataInvalid
        The returns have no dates.
    """
    if not isinstance(returns, pd.Series) or not isinstance(returns.index, pd.DatetimeIndex):
        raise DataInvalid("Monthly returns need a Series with dates.", hint="Give the returns a DatetimeIndex.")
    months = returns.index.year * 12 + returns.index.month - 1
    # Growth from the equity, so that ruin holds and the months compound to the total.
    equity = pd.Series(wealth(returns)[1:]).groupby(np.asarray(months)).last()
    before = equity.shift(1, fill_value=1.0).to_numpy()
    change = np.divide(equity.to_numpy(), before, out=np.ones(len(before)), where=before > 0.0) - 1.0
    keys = equity.index.to_numpy()
    frame = pd.DataFrame({"year": keys // 12, "month": keys % 12 + 1})
    names = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    frame["label"] = [f"{names[key % 12]} {key // 12}" for key in keys]
    frame["return"] = change
    frame["winning_trades"], frame["losing_trades"] = 0, 0
    if trades is not None and len(trades):
        closed = trades[trades["exit_date"].notna()]
        exits = closed["exit_date"].dt.year * 12 + closed["exit_date"].dt.month - 1
        for name, chosen in (("winning_trades", closed["pnl"] > 0), ("losing_trades", closed["pnl"] < 0)):
            counts = exits[chosen].value_counts()
            frame[name] = counts.reindex(keys, fill_value=0).to_numpy()
    return frame
