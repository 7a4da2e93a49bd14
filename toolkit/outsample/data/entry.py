"""Checks of prices when they come in: what cannot be true is an error, what is odd a recorded warning.

Warnings say only what follows from the content, never from the clock: they are part of a result. Dates in the
future depend on the day they are read, so `check_future` is for the rims where files come in.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid

__all__ = ["STALE_BARS", "check_future", "check_prices", "infer_periods", "longest_runs"]

STALE_BARS = 20
_POSITIVE = ("open", "high", "low", "close", "adj_close")
# Prices that were rounded to float32 may leave the range of the bar by so much.
_ROUNDING = 1e-6


def check_prices(prices: Mapping[str, pd.DataFrame]) -> list[str]:
    """Check price frames on one grid and return warnings.

    Parameters
    ----------
    prices : mapping of "open", "high", "low", "close", "adj_close", "volume" to DataFrame [date x symbol]
        Missing values are NaN and no fault.

    Returns
    -------
    list of str
        Order of open, high, low and close; stale prices; gaps; symbols without any price.

    Raises
    ------
    DataInvalid
        A price is not positive, a volume is negative, or there are no rows.
    """
    for name in _POSITIVE:
        if name in prices:
            _check_sign(name, prices[name], strict=True)
    if "volume" in prices:
        _check_sign("volume", prices["volume"], strict=False)
    warnings = _order(prices)
    close = prices.get("close", prices.get("adj_close"))
    if close is not None:
        warnings += _gaps(close)
    return warnings


def check_future(dates: pd.DatetimeIndex, now: pd.Timestamp | None = None) -> None:
    """Refuse bars that lie in the future, by more than the day that time zones make.

    Parameters
    ----------
    dates : DatetimeIndex
    now : Timestamp with a zone, optional
        The present by default.

    Raises
    ------
    DataInvalid
        The last bar is later than tomorrow.
    """
    if not len(dates):
        return
    moment = pd.Timestamp.now(tz="UTC") if now is None else now
    last = dates[-1] if dates.tz is not None else dates[-1].tz_localize("UTC")
    if last > moment + pd.Timedelta(days=1):
        later = int((dates > (moment if dates.tz is not None else moment.tz_convert("UTC").tz_localize(None))).sum())
        raise DataInvalid(
            f"The last bar is {dates[-1]}, in the future; {later} bars lie after {moment:%Y-%m-%d}.",
            hint="Check the order of day and month in the dates, and leave forecasts out.",
        )


def longest_runs(hits: np.ndarray) -> np.ndarray:
    """Return, for every column of a table of True and False, the length of its longest run of True."""
    run = np.zeros(hits.shape[1], dtype=np.int64)
    longest = run.copy()
    for row in hits:
        run = np.where(row, run + 1, 0)
        np.maximum(longest, run, out=longest)
    return longest


def _check_sign(name: str, frame: pd.DataFrame, *, strict: bool) -> None:
    values = frame.to_numpy()
    bad = values <= 0 if strict else values < 0
    if not bad.any():
        return
    row, column = np.argwhere(bad)[0]
    where = f"{name} of {frame.columns[column]!r} is {values[row, column]:g} on {frame.index[row]}"
    if strict:
        raise DataInvalid(
            f"{where}; {int(bad.sum())} prices are not positive.",
            hint="A missing price is NaN: frame.where(frame > 0).",
        )
    raise DataInvalid(f"{where}; {int(bad.sum())} volumes are negative.", hint="A missing volume is NaN.")


def _order(prices: Mapping[str, pd.DataFrame]) -> list[str]:
    if not {"high", "low"} <= set(prices):
        return []
    high, low = prices["high"].to_numpy(), prices["low"].to_numpy()
    warnings = []
    crossed = int((high < low).sum())
    if crossed:
        warnings.append(f"high is below low in {crossed} bars.")
    for name in ("open", "close"):
        if name in prices:
            values = prices[name].to_numpy()
            outside = int(((values > high * (1 + _ROUNDING)) | (values < low * (1 - _ROUNDING))).sum())
            if outside:
                warnings.append(f"{name} is not between low and high in {outside} bars.")
    return warnings


def _gaps(close: pd.DataFrame) -> list[str]:
    values = close.to_numpy()
    if len(values) == 0:
        raise DataInvalid("close has no rows.")
    warnings = []
    stale = longest_runs(values[1:] == values[:-1]) >= STALE_BARS
    if stale.any():
        warnings.append(f"The price does not move for {STALE_BARS} bars or more: {_named(close.columns[stale])}.")
    missing = np.isnan(values)
    empty = missing.all(axis=0)
    # Bars between a symbol's first and last price.
    seen = ~missing
    inside = np.maximum.accumulate(seen, axis=0) & np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    holes = longest_runs(missing & inside) >= STALE_BARS
    if holes.any():
        warnings.append(f"No price for {STALE_BARS} bars or more, and then again: {_named(close.columns[holes])}.")
    if empty.any():
        warnings.append(f"No price at all: {_named(close.columns[empty])}.")
    return warnings


def _named(symbols: pd.Index) -> str:
    return ", ".join(str(symbol) for symbol in symbols[:5])


def infer_periods(close: pd.DataFrame | None, preset: float) -> tuple[float, tuple[str, ...]]:
    """Return the bars of a year, and a warning when they follow from the spacing of the dates.

    Parameters
    ----------
    close : DataFrame [date x symbol] or None
    preset : float
        What daily bars of the market have.
    """
    if close is None or len(close) < 3:
        return preset, ()
    index = close.index
    assert isinstance(index, pd.DatetimeIndex)
    per_day = statistics.median(index.normalize().value_counts().tolist())
    days = float(np.median(np.diff(index.asi8))) / 86_400e9
    periods = preset
    if per_day > 1:
        periods = preset * per_day
    elif days >= 25:
        periods = round(365.25 / days)
    elif days >= 5:
        periods = 52.0
    if periods == preset:
        return preset, ()
    return float(periods), (f"periods_per_year was inferred from the dates: {periods:g}. Say periods_per_year=...",)
