"""When decisions are taken: a frequency, a list of dates, or every change of the table (rule 2).

A decision dated d uses the last row at or before d and is filled on the first bar after d. Nothing here
looks at prices.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.errors import ConfigError

__all__ = ["Decisions", "as_zone", "decision_dates", "fill_bars", "pandas_frequency"]

_FREQUENCY = re.compile(r"^(\d*)([A-Za-z]+)(-[A-Za-z0-9-]+)?$")
# Spellings of older pandas and of finlab -> the spelling of today.
_SPELLINGS = {
    "M": "ME",
    "BM": "BME",
    "CBM": "CBME",
    "SM": "SME",
    "Q": "QE",
    "BQ": "BQE",
    "Y": "YE",
    "A": "YE",
    "BY": "BYE",
    "BA": "BYE",
    "AS": "YS",
    "BAS": "BYS",
    "H": "h",
    "T": "min",
    "S": "s",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Decisions:
    """Dated decisions, in time order.

    Parameters
    ----------
    dates : ndarray of int64 [decisions]
        When each was taken, nanoseconds.
    rows : ndarray of int64 [decisions]
        The row of the table that each one uses.
    """

    dates: np.ndarray
    rows: np.ndarray


def pandas_frequency(text: str) -> str:
    """Return a frequency in the spelling of today's pandas.

    Raises
    ------
    ConfigError
        There is no such frequency.

    Examples
    --------
    >>> pandas_frequency("M"), pandas_frequency("2Q-JAN"), pandas_frequency("W-FRI")
    ('ME', '2QE-JAN', 'W-FRI')
    """
    match = _FREQUENCY.match(text)
    spelled = text
    if match:
        count, unit, anchor = match.groups()
        spelled = f"{count}{_SPELLINGS.get(unit, unit)}{anchor or ''}"
    try:
        offset = pd.tseries.frequencies.to_offset(spelled)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"resample must be a frequency of pandas. Got {text!r}.",
            hint="For example 'D', 'W', 'W-FRI', 'ME', 'QE', or a list of dates.",
        ) from error
    if offset is None or offset.n < 1:
        raise ConfigError(f"resample must be a frequency that goes forward. Got {text!r}.")
    return spelled


def as_zone(index: pd.DatetimeIndex, zone: object) -> pd.DatetimeIndex:
    """Return dates in the time zone of the bars: converted if they have one, read as local time if not."""
    if zone is None:
        return index if index.tz is None else index.tz_localize(None)
    return index.tz_localize(zone) if index.tz is None else index.tz_convert(zone)  # type: ignore[arg-type]


def decision_dates(
    resample: str | tuple[pd.Timestamp, ...],
    offset: pd.Timedelta | None,
    index: pd.DatetimeIndex,
    last_bar: pd.Timestamp,
) -> Decisions:
    """Return the decisions of a frequency or of a list of dates.

    Parameters
    ----------
    resample : str or tuple of Timestamp
        A frequency counts from the first row to the last bar.
    offset : Timedelta or None
        Added to every date.
    index : DatetimeIndex
        Rows of the table, in the time zone of the bars.
    last_bar : Timestamp
        Later decisions are not known yet.

    Raises
    ------
    ConfigError
        The offset carries a date past its neighbour.
    """
    if isinstance(resample, str):
        dates = _calendar(resample, index[0], last_bar)
    else:
        dates = as_zone(pd.DatetimeIndex(list(resample)), index.tz).sort_values().unique()
    dates = dates.as_unit("ns")
    if offset is not None and len(dates):
        gaps = np.diff(dates.asi8)
        if len(gaps) and abs(offset.value) >= gaps.min():
            raise ConfigError(
                f"resample_offset must be shorter than the time between two decisions. Got {offset}, "
                f"the shortest gap is {pd.Timedelta(int(gaps.min()), 'ns')}.",
                hint="Use a lower frequency or a smaller offset.",
            )
        dates = dates + offset
    stamps = dates.asi8[dates.asi8 <= last_bar.value]
    rows = np.searchsorted(index.asi8, stamps, side="right") - 1
    known = rows >= 0
    return Decisions(dates=stamps[known], rows=rows[known].astype(np.int64))


@functools.lru_cache(maxsize=64)
def _calendar(resample: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    # Walking a calendar takes as long as a simulation; the runs of a sweep share one.
    return pd.date_range(first, last, freq=pandas_frequency(resample))


def fill_bars(dates: np.ndarray, bars: np.ndarray, lag: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return for each decision the bar on which it is filled, and which decisions count.

    Parameters
    ----------
    dates, bars : ndarray of int64
        Decisions and bars, nanoseconds, sorted.
    lag : int
        Bars between a decision and its fill; 1 is the first bar after it.
    first : int
        Number of the first bar of the evaluation. A decision that would have been filled at or before
        it is filled on the bar after it.

    Returns
    -------
    fills : ndarray of int64
        ``len(bars)`` or more where the bars end before the fill.
    counts : ndarray of bool
        False where a later decision is filled on the same bar.
    """
    fills = np.searchsorted(bars, dates, side="right").astype(np.int64) + (lag - 1)
    fills = np.minimum(np.maximum(fills, first + min(lag, 1)), len(bars))
    counts = np.ones(len(fills), dtype=bool)
    counts[:-1] = fills[1:] != fills[:-1]
    return fills, counts
