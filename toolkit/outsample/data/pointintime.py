"""Tables of figures with a period and a date on which they became known, as daily frames.

A figure (earnings of a quarter, revenue of a month) belongs to a period, is published later, and may be
restated. What a strategy may see at t is the newest *period* known by t, in the version known by t. A
restatement of an older period is therefore no news about the newest one and does not replace it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outsample.errors import ConfigError, DataInvalid, DataMissing

__all__ = ["point_in_time", "published"]

COLUMNS = ("symbol", "period", "known", "value")
_QUARTER = re.compile(r"(\d{4})-?Q([1-4])")
_MONTH = re.compile(r"(\d{4})-?M(\d{1,2})")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
# Filing deadlines of quarterly reports in Taiwan: (years later, month, day).
_DEADLINES = {1: (0, 5, 15), 2: (0, 8, 14), 3: (0, 11, 14), 4: (1, 3, 31)}


def point_in_time(
    table: pd.DataFrame, dates: pd.DatetimeIndex, *, symbols: Sequence[Any] | None = None, back: int = 0
) -> pd.DataFrame:
    """Make a daily frame of what was known when.

    Parameters
    ----------
    table : DataFrame with the columns symbol, period, known, value
        One row per published figure. `period` is anything that sorts (a Timestamp, a Period, 202401,
        "2024Q1"), `known` the date, or date and time, of publication. Rows without a value are left out.
    dates : DatetimeIndex
        The bars, sorted.
    symbols : sequence, optional
        Columns of the result; all symbols of the table, sorted, by default.
    back : int
        0 is the newest period known, 1 the one before it among the known ones, and so on.

    Returns
    -------
    DataFrame [date x symbol], float64
        Row t shows what was known by t (``known <= t``); NaN before the first figure. A date without a time
        is known from that day's bar on. Figures are carried until newer ones are known.

    Raises
    ------
    DataMissing
        A column is not there.
    DataInvalid
        A publication date is missing, or one version of a figure has two values.
    ConfigError
        `back` is no whole number >= 0.

    Examples
    --------
    >>> table = pd.DataFrame(
    ...     {
    ...         "symbol": "A",
    ...         "period": [20233, 20234, 20233],
    ...         "known": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    ...         "value": [1.0, 2.0, 1.5],
    ...     }
    ... )
    >>> point_in_time(table, pd.date_range("2024-01-01", periods=4))["A"].tolist()
    [nan, 1.0, 2.0, 2.0]
    """
    if isinstance(back, bool) or not isinstance(back, int | np.integer) or back < 0:
        raise ConfigError(f"back must be a whole number >= 0. Got {back!r}.")
    rows = _checked(table, dates)
    names = sorted(rows["symbol"].unique().tolist()) if symbols is None else list(symbols)
    out = np.full((len(names), len(dates)), np.nan)
    groups = dict(iter(rows.groupby("symbol", sort=False)))
    for place, name in enumerate(names):
        if name in groups:
            group = groups[name]
            seen = _versions(group["period"].tolist(), group["value"].to_numpy(), int(back))
            last = group["known"].searchsorted(dates, side="right") - 1
            out[place] = np.where(last >= 0, seen[np.maximum(last, 0)], np.nan)
    return pd.DataFrame(out.T, index=dates, columns=names, copy=False)


def published(labels: pd.Index[Any]) -> pd.DatetimeIndex:
    """Return the dates on which figures of reporting periods are public, by Taiwan's rules.

    Parameters
    ----------
    labels : Index of str
        "2024-Q1" (quarterly reports: 15 May, 14 August, 14 November, 31 March of the next year),
        "2024-M1" (monthly revenue: the 10th of the next month), or dates.

    Raises
    ------
    DataInvalid
        A label is none of these.

    Examples
    --------
    >>> published(pd.Index(["2023-Q4", "2024-M12"])).strftime("%Y-%m-%d").tolist()
    ['2024-03-31', '2025-01-10']
    """
    return pd.DatetimeIndex([_published(label) for label in labels])


def _published(label: object) -> pd.Timestamp:
    text = str(label).strip()
    quarter, month = _QUARTER.fullmatch(text), _MONTH.fullmatch(text)
    if quarter is not None:
        years, at, day = _DEADLINES[int(quarter[2])]
        return pd.Timestamp(int(quarter[1]) + years, at, day)
    if month is not None and 1 <= int(month[2]) <= 12:
        return pd.Timestamp(int(month[1]), int(month[2]), 10) + pd.DateOffset(months=1)
    try:
        if _DATE.match(text):
            return pd.Timestamp(text)
    except ValueError:
        pass
    raise DataInvalid(f"A label must be like '2024-Q1', '2024-M1' or a date. Got {label!r}.")


def _checked(table: pd.DataFrame, dates: pd.DatetimeIndex) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise DataMissing(f"A point-in-time table has the columns {', '.join(COLUMNS)}. Missing: {', '.join(missing)}.")
    rows = table.loc[table["value"].notna(), list(COLUMNS)]
    known = pd.DatetimeIndex(rows["known"])
    if known.hasnans:
        row = rows.iloc[int(np.flatnonzero(known.isna())[0])]
        raise DataInvalid(
            f"The figure of {row['symbol']!r} for {row['period']!r} has no publication date.",
            hint="A figure that nobody knows when it was known cannot be used; drop it or set 'known'.",
        )
    if known.tz != dates.tz:
        known = known.tz_localize(dates.tz) if known.tz is None else known.tz_convert(dates.tz)
    rows = rows.assign(known=known).sort_values(["known", "period"], kind="stable")
    twice = rows.duplicated(["symbol", "period", "known"])
    if twice.any():
        row = rows[twice].iloc[0]
        raise DataInvalid(
            f"The figure of {row['symbol']!r} for {row['period']!r} known on {row['known']} is given twice.",
            hint="Keep one value for each symbol, period and publication date.",
        )
    return rows


def _versions(periods: list[Any], values: np.ndarray[Any, Any], back: int) -> np.ndarray[Any, Any]:
    """What is seen after each publication, in their order."""
    order: list[Any] = []
    latest: dict[Any, float] = {}
    seen = np.full(len(periods), np.nan)
    for place, period in enumerate(periods):
        if period not in latest:
            bisect.insort(order, period)
        latest[period] = float(values[place])
        if len(order) > back:
            seen[place] = latest[order[-1 - back]]
    return seen
