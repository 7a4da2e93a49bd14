"""The market as arrays: what an engine reads of a dataset, bars x symbols, without copies where possible."""

from __future__ import annotations

import functools
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.errors import DataInvalid, DataMissing
from outsample.jit import jit

__all__ = ["Market", "date_index", "market_of"]

_NO_TABLE = np.empty((0, 0))


@dataclass(frozen=True, kw_only=True, eq=False)
class Market:
    """Prices of one market, rows = bars in time order, columns = symbols in sorted order.

    Parameters
    ----------
    dates : DatetimeIndex
        The bars, in nanoseconds.
    symbols : Index
    close : ndarray [bars x symbols]
        Adjusted closes; NaN = no price.
    open, high, low, volume : ndarray [bars x symbols]
        Shape (0, 0) where the dataset has none.
    raw_close : ndarray [bars x symbols]
        Closes as traded.
    delisted : ndarray of int64 [symbols]
        First bar on or after the delisting date; the number of bars where none is known.
    universe : DataFrame or None
        Who was a member when.
    periods_per_year : float
    name : str
    """

    dates: pd.DatetimeIndex
    symbols: pd.Index
    close: np.ndarray
    delisted: np.ndarray
    raw_close: np.ndarray
    open: np.ndarray = field(default_factory=lambda: _NO_TABLE)
    high: np.ndarray = field(default_factory=lambda: _NO_TABLE)
    low: np.ndarray = field(default_factory=lambda: _NO_TABLE)
    volume: np.ndarray = field(default_factory=lambda: _NO_TABLE)
    universe: pd.DataFrame | None = None
    periods_per_year: float = 252.0
    name: str = ""

    def has(self, name: str) -> bool:
        """Whether the market has this table ("open", "high", "low", "volume")."""
        return bool(getattr(self, name).shape[0])

    def trade_price(self, which: str) -> np.ndarray:
        """Return the price at which orders are filled.

        Parameters
        ----------
        which : {"close", "open", "ohlc4"}
            "ohlc4" is the mean of open, high, low and close.

        Raises
        ------
        DataMissing
            The dataset has no such prices.
        """
        if which == "close":
            return self.close
        self.need(("open",) if which == "open" else ("open", "high", "low"), f"trade_at_price={which!r}")
        return self.open if which == "open" else (self.open + self.high + self.low + self.close) / 4.0

    def has_dates(self, index: pd.Index) -> bool:
        """Whether an index holds exactly the bars, in whatever unit; checks nothing else and copies nothing."""
        if not isinstance(index, pd.DatetimeIndex) or len(index) != len(self.dates) or index.tz != self.dates.tz:
            return False
        return bool(np.array_equal(index.asi8, self._stamps(index.unit)))

    def _stamps(self, unit: str) -> np.ndarray:
        """Return the bars in a unit; they are converted once."""
        if unit not in self._converted:
            self._converted[unit] = np.empty(0, dtype=np.int64)
            dates = self.dates.as_unit(unit)  # type: ignore[arg-type]
            if dates.equals(self.dates):  # nothing was rounded
                self._converted[unit] = dates.asi8
        return self._converted[unit]

    @functools.cached_property
    def _converted(self) -> dict[str, np.ndarray]:
        return {}

    def need(self, names: tuple[str, ...], why: str) -> None:
        """Raise DataMissing when one of these tables is not there."""
        missing = [name for name in names if not self.has(name)]
        if missing:
            raise DataMissing(
                f"{why} needs the frames {', '.join(names)}; {', '.join(missing)} is missing.",
                hint="Dataset.from_frames({'close': ..., 'open': ..., 'high': ..., 'low': ...}, name='...').",
            )


# A dataset never changes: its arrays are looked up once, however many simulations follow.
_KNOWN: weakref.WeakKeyDictionary[Dataset, Market] = weakref.WeakKeyDictionary()


def market_of(data: object) -> Market:
    """Return the arrays of a dataset, or of a plain frame of closes.

    Parameters
    ----------
    data : Dataset, or DataFrame or Series [date x symbol]
        A frame holds closes: nothing but closes can be traded then.

    Raises
    ------
    DataInvalid
        The frame cannot mean one thing: no dates, duplicates, prices that are not positive numbers.
    """
    if isinstance(data, Dataset):
        market = _KNOWN.get(data)
        if market is None:
            market = _KNOWN[data] = _from_dataset(data)
        return market
    if isinstance(data, pd.Series):
        data = data.to_frame("asset" if data.name is None else data.name)
    if isinstance(data, pd.DataFrame):
        return _from_frame(data)
    raise DataInvalid(
        f"Prices are a Dataset or a DataFrame of closes. Got {type(data).__name__}.",
        hint="outsample.load('sample') gives a Dataset.",
    )


def date_index(index: pd.Index, what: str) -> pd.DatetimeIndex:
    """Return an index as dates in nanoseconds, or raise DataInvalid."""
    if not isinstance(index, pd.DatetimeIndex):
        if len(index) and pd.api.types.is_numeric_dtype(index.dtype):
            raise DataInvalid(f"{what} has an index of numbers, not of dates.", hint="Set the dates as index.")
        try:
            index = pd.DatetimeIndex(index)
        except (ValueError, TypeError) as error:
            raise DataInvalid(f"{what} has an index that cannot be read as dates.") from error
    if index.hasnans:
        raise DataInvalid(f"{what} has a row without a date.", hint="Drop it: frame[frame.index.notna()].")
    return index if index.unit == "ns" else index.as_unit("ns")


def _from_dataset(data: Dataset) -> Market:
    close, raw = data.frame("close"), data.frame("raw_close")
    values = close.to_numpy()
    tables: dict[str, Any] = {
        name: data.frame(name).to_numpy() for name in ("open", "high", "low", "volume") if data.has(name)
    }
    return Market(
        dates=data.dates,
        symbols=close.columns,
        close=values,
        raw_close=values if raw is close else raw.to_numpy(),
        delisted=_delisting_bars(data, data.dates),
        universe=data.frame("universe") if data.has("universe") else None,
        periods_per_year=data.periods_per_year,
        name=data.name,
        **tables,
    )


def _delisting_bars(data: Dataset, dates: pd.DatetimeIndex) -> np.ndarray:
    known = data.delisted
    bars = np.full(len(known), len(dates), dtype=np.int64)
    if known.notna().any():
        stamps = pd.DatetimeIndex(known).as_unit("ns")
        if stamps.tz is None and dates.tz is not None:
            stamps = stamps.tz_localize(dates.tz)
        elif stamps.tz is not None and dates.tz is None:
            stamps = stamps.tz_localize(None)
        there = known.notna().to_numpy()
        bars[there] = np.searchsorted(dates.asi8, stamps.asi8[there], side="left")
    return bars


def _from_frame(frame: pd.DataFrame) -> Market:
    dates = date_index(frame.index, "The frame of closes")
    if len(dates) == 0 or frame.shape[1] == 0:
        raise DataInvalid(f"The frame of closes is empty: {frame.shape[0]} rows, {frame.shape[1]} columns.")
    for index, what in ((dates, "date"), (frame.columns, "symbol")):
        if not index.is_unique:
            twice = index[index.duplicated()][0]
            raise DataInvalid(f"The frame of closes has the {what} {twice!r} twice.")
    values = _numbers(frame)
    symbols = frame.columns
    if not (dates.is_monotonic_increasing and symbols.is_monotonic_increasing):
        rows = dates.argsort()
        try:
            columns = symbols.argsort()
        except TypeError as error:
            raise DataInvalid("The closes mix symbols of several types.", hint="Use str for all of them.") from error
        values, dates, symbols = values[np.ix_(rows, columns)], dates[rows], symbols[columns]
    row, column = _first_bad(values)
    if row >= 0:
        raise DataInvalid(
            f"The close of {symbols[column]!r} is {values[row, column]:g} on {dates[row]}; a price is positive.",
            hint="A missing price is NaN.",
        )
    return Market(
        dates=dates,
        symbols=symbols,
        close=values,
        raw_close=values,
        delisted=np.full(len(symbols), len(dates), dtype=np.int64),
    )


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    values = frame.to_numpy()
    if values.dtype == np.float64:
        return values
    try:
        return frame.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataInvalid("The frame of closes has columns that are not numbers.") from error


def _first_bad_price(values: np.ndarray) -> tuple[int, int]:
    """Row and column of the first price that is not positive and finite; (-1, -1) if there is none."""
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            price = values[row, column]
            if price <= 0.0 or price == np.inf:
                return row, column
    return -1, -1


_first_bad = jit(_first_bad_price, "UniTuple(int64, 2)(Array(float64, 2, 'A', readonly=True))")
