"""Daily prices from Yahoo Finance, through the optional package yfinance.

The service is public and not ours: what it answers may change from one day to the next. What was fetched is
therefore kept as a snapshot (``outsample data add NAME --yahoo SYMBOLS``), and runs read that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from outsample.errors import DataInvalid, DataMissing, MissingExtra

__all__ = ["Fetch", "yahoo_frames"]

# Symbols, first and last date -> a table [date x (field, symbol)], as yfinance.download gives it.
Fetch = Callable[[Sequence[str], str | None, str | None], pd.DataFrame]

_FIELDS = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Adj Close": "adj_close",
    "Volume": "volume",
}
_TRANSIENT = ("429", "too many requests", "rate limit", "timed out", "timeout", "temporarily", "502", "503", "504")


def yahoo_frames(
    symbols: Sequence[str],
    *,
    start: str | None = None,
    end: str | None = None,
    fetch: Fetch | None = None,
    attempts: int = 5,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, pd.DataFrame]:
    """Return daily prices as traded, adjusted closes and volumes.

    Parameters
    ----------
    symbols : sequence of str
    start, end : str, optional
        First and last date; all there is by default.
    fetch : callable, optional
        Gets the table; yfinance by default.
    attempts : int
        Requests at most. After a transient failure (connection, time-out, too many requests, an answer
        without a symbol that was asked for) the wait is 1, 2, 4, ... seconds.
    sleep : callable
        Waits; for tests.

    Returns
    -------
    dict of str to DataFrame [date x symbol]

    Raises
    ------
    DataMissing
        A symbol has no prices.
    DataInvalid
        The service did not answer.
    MissingExtra
        yfinance is not installed.
    """
    names = [str(symbol).strip() for symbol in symbols]
    if not names or not all(names):
        raise DataMissing("At least one symbol is needed.", hint="outsample data add NAME --yahoo AAPL,MSFT")
    get = _download if fetch is None else fetch
    for attempt in range(1, attempts + 1):
        try:
            frames = _frames(get(names, start, end))
        except (DataMissing, DataInvalid, MissingExtra):
            raise
        except Exception as error:
            # yfinance raises errors of several HTTP libraries, which need not be installed here.
            if not _is_transient(error):
                raise DataInvalid(f"Yahoo's answer cannot be used: {type(error).__name__}: {error}") from error
            if attempt == attempts:
                raise DataInvalid(
                    f"Yahoo did not answer after {attempts} attempts: {error}", hint="Try again later."
                ) from error
        else:
            missing = [name for name in names if name not in frames["close"] or frames["close"][name].isna().all()]
            if not missing:
                return {name: frame[names] for name, frame in frames.items()}
            if attempt == attempts:
                raise DataMissing(f"Yahoo has no prices of {', '.join(map(repr, missing))}.", hint="Check the symbols.")
        sleep(2.0 ** (attempt - 1))
    raise DataMissing(f"attempts must be at least 1. Got {attempts}.")


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    text = f"{type(error).__name__} {error}".lower()
    return "connection" in text or any(word in text for word in _TRANSIENT)


def _frames(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    if not isinstance(table.columns, pd.MultiIndex):
        raise DataInvalid(f"Yahoo's table has other columns than expected: {list(table.columns)[:6]}.")
    index = pd.DatetimeIndex(table.index)
    # The day of the exchange; the time of day is midnight there and says nothing.
    index = index.tz_localize(None).normalize()
    frames: dict[str, pd.DataFrame] = {}
    for field, name in _FIELDS.items():
        if field in table.columns.get_level_values(0):
            frame = pd.DataFrame(table[field]).astype(np.float64).set_axis(index, axis=0)
            frames[name] = frame.set_axis(pd.Index([str(column) for column in frame.columns]), axis=1)
    if "close" not in frames:
        raise DataInvalid("Yahoo's table has no column 'Close'.")
    # Rows of days on which none of the symbols traded.
    some = frames["close"].notna().any(axis=1)
    return {name: frame[some] for name, frame in frames.items()}


def _download(symbols: Sequence[str], start: str | None, end: str | None) -> pd.DataFrame:
    try:
        import yfinance
    except ImportError as error:
        raise MissingExtra("yfinance", "yahoo") from error
    # yfinance leaves the last date out.
    until = None if end is None else str((pd.Timestamp(end) + pd.Timedelta(days=1)).date())
    span = {"period": "max"} if start is None and until is None else {"start": start, "end": until}
    table: pd.DataFrame = yfinance.download(
        list(symbols), auto_adjust=False, actions=False, group_by="column", progress=False, threads=False, **span
    )
    if table is None or table.empty:
        return pd.DataFrame(columns=pd.MultiIndex.from_product([list(_FIELDS), []]), index=pd.DatetimeIndex([]))
    return table
