"""Tables of drawdowns and of calendar periods.

Growth of a period is taken from the equity at its last bar, so that periods compound to the total and ruin
holds. First and last periods are whatever part of them has bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd

from outsample.checks import check_choice
from outsample.errors import ConfigError, DataInvalid
from outsample.metrics.falls import drawdown_places
from outsample.metrics.values import wealth

__all__ = ["WINDOWS", "calendar_changes", "calendar_returns", "drawdowns", "monthly_table", "rolling_returns"]

# Calendar months of rolling returns.
WINDOWS = (6, 12, 36)
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


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
    equity, places = wealth(returns), drawdown_places(returns)
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


def calendar_returns(returns: pd.Series, period: str = "month") -> pd.Series:
    """Return the return of each month or year with data.

    Parameters
    ----------
    returns : Series with dates
    period : {"month", "year"}

    Returns
    -------
    Series [Period]
        Fractions; the first and the last may be parts of a month or year.

    Raises
    ------
    DataInvalid
        The returns have no dates.

    Examples
    --------
    >>> days = pd.to_datetime(["2023-12-28", "2023-12-29", "2024-01-02"])
    >>> calendar_returns(pd.Series([0.1, 0.1, -0.5], index=days)).round(6).to_dict()
    {Period('2023-12', 'M'): 0.21, Period('2024-01', 'M'): -0.5}
    """
    check_choice("period", period, ("month", "year"))
    months, equity = _month_ends(returns)
    if period == "year":
        months, equity = _year_ends(months, equity)
    ordinals = months // 12 - 1970 if period == "year" else months - 1970 * 12
    return pd.Series(_changes(equity), index=_periods(ordinals, "Y" if period == "year" else "M"), name="return")


def _year_ends(months: np.ndarray, equity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    last = np.append(months[1:] // 12 != months[:-1] // 12, True)[: len(months)]
    return months[last], equity[last]


def _changes(equity: np.ndarray) -> np.ndarray:
    """Relative change of each value to the one before; the first to 1, 0 after a value of 0."""
    before = np.append(1.0, equity)[: len(equity)]
    change: np.ndarray = np.divide(equity, before, out=np.ones(len(equity)), where=before > 0.0) - 1.0
    return change


def calendar_changes(returns: pd.Series) -> dict[str, np.ndarray]:
    """Return the values of `calendar_returns` by month and year and of the full windows of `rolling_returns`."""
    months, equity = _month_ends(returns)
    found = {"month": _changes(equity), "year": _changes(_year_ends(months, equity)[1])}
    rolled = {length: _rolled(months, equity, length) for length in WINDOWS}
    return found | {f"{length}_months": window[~np.isnan(window)] for length, window in rolled.items()}


def rolling_returns(returns: pd.Series, months: Sequence[int] = WINDOWS) -> pd.DataFrame:
    """Return, at each month with data, the return over the last 6, 12, 36 calendar months.

    Parameters
    ----------
    returns : Series with dates
    months : sequence of int
        Lengths of the windows, which end with the row's month. A month without bars is flat.

    Returns
    -------
    DataFrame [Period x months]
        Total returns, not annualised; NaN until the window is full. The first month counts as a month
        however late in it the returns begin.

    Raises
    ------
    DataInvalid
        The returns have no dates.

    Examples
    --------
    >>> days = pd.date_range("2024-01-31", periods=4, freq="ME")
    >>> rolling_returns(pd.Series([0.1, 0.1, 0.0, -0.5], index=days), [2])[2].round(4).tolist()
    [nan, 0.21, 0.1, -0.5]
    """
    keys, equity = _month_ends(returns)
    if any(isinstance(length, bool) or int(length) != length or length < 1 for length in months):
        raise ConfigError(f"months must be whole numbers >= 1. Got {list(months)!r}.")
    found = {int(length): _rolled(keys, equity, int(length)) for length in months}
    return pd.DataFrame(found, index=_periods(keys - 1970 * 12, "M"))


def _rolled(keys: np.ndarray, equity: np.ndarray, length: int) -> np.ndarray:
    # Equity at the end of the month before the window; before the first month it is the capital.
    starts = np.searchsorted(keys, keys - length, side="right") - 1
    before = np.where(starts >= 0, equity[starts], 1.0) if len(keys) else equity
    change = np.divide(equity, before, out=np.ones(len(equity)), where=before > 0.0) - 1.0
    return np.where(keys - keys[:1].sum() + 1 >= length, change, np.nan)


def _periods(ordinals: np.ndarray, frequency: str) -> pd.PeriodIndex:
    index: pd.PeriodIndex = pd.PeriodIndex.from_ordinals(ordinals, freq=frequency)  # type: ignore[attr-defined]
    return index


def _month_ends(returns: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Number (year x 12 + month - 1) and equity of the last bar of each month with data."""
    if not isinstance(returns, pd.Series) or not isinstance(returns.index, pd.DatetimeIndex):
        raise DataInvalid("Calendar returns need a Series with dates.", hint="Give the returns a DatetimeIndex.")
    dates = returns.index
    if not dates.is_monotonic_increasing:
        raise DataInvalid("The dates of the returns are not in order.", hint="Sort them: returns.sort_index().")
    keys = np.asarray(dates.year * 12 + dates.month - 1, dtype=np.int64)
    last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
    return keys[last], wealth(returns)[1:][last]


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
    found = calendar_returns(returns)
    periods = cast(pd.PeriodIndex, found.index)
    year, month = np.asarray(periods.year), np.asarray(periods.month)
    frame = pd.DataFrame({"year": year, "month": month})
    frame["label"] = [f"{_NAMES[m - 1]} {y}" for y, m in zip(year, month, strict=True)]
    frame["return"] = found.to_numpy()
    frame["winning_trades"], frame["losing_trades"] = 0, 0
    if trades is not None and len(trades):
        closed = trades[trades["exit_date"].notna()]
        exits = closed["exit_date"].dt.year * 12 + closed["exit_date"].dt.month - 1
        for name, chosen in (("winning_trades", closed["pnl"] > 0), ("losing_trades", closed["pnl"] < 0)):
            counts = exits[chosen].value_counts()
            frame[name] = counts.reindex(year * 12 + month - 1, fill_value=0).to_numpy()
    return frame
