"""Bars of longer periods, and nothing of a period that is not over.

A period is over on its last bar. For all periods but the last that is plain to see: a later bar exists.
The last one is over when no trading day is left in it: the next day is taken from the dataset's
calendar if it has one, else it is the next weekday (the next day for markets that trade on weekends).
So a weekly value is there from Friday's close on, and on Wednesday the week before is the latest.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from outsample.data.base import BaseFrame
from outsample.errors import ConfigError, DataInvalid, nearest

__all__ = ["FinishedPeriods", "PeriodMethods", "finished_periods", "frequency"]

HOWS = ("last", "first", "max", "min", "mean", "median", "sum", "std", "var", "count", "prod")
_OLD = re.compile(r"(\d*)(B?)([MQAY])(-[A-Z]{3})?$")


def frequency(text: str) -> str:
    """Return a frequency in the spelling of pandas 2.2 and later.

    Examples
    --------
    >>> frequency("M"), frequency("Q-MAR"), frequency("2A"), frequency("W-FRI")
    ('ME', 'QE-MAR', '2YE', 'W-FRI')
    """
    match = _OLD.fullmatch(text)
    if match is None:
        return text
    count, business, unit, anchor = match.groups()
    return f"{count}{business}{'Y' if unit == 'A' else unit}E{anchor or ''}"


def finished_periods(
    index: pd.DatetimeIndex, freq: str, *, sessions: pd.DatetimeIndex | None = None, every_day: bool = False
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Sort bars into periods, and find those that are over.

    Parameters
    ----------
    index : DatetimeIndex
        Sorted, unique.
    freq : str
        Of pandas; "M", "Q", "A" and "Y" are read as ends of periods.
    sessions : DatetimeIndex, optional
        Trading days, also later ones.
    every_day : bool
        The market trades on weekends.

    Returns
    -------
    codes : ndarray [date] of int
        Number of each bar's period.
    last : ndarray of int
        Row of the last bar of each finished period.

    Raises
    ------
    ConfigError
        `freq` is no frequency.
    DataInvalid
        The index is no sorted index of dates.
    """
    if not isinstance(index, pd.DatetimeIndex) or not index.is_monotonic_increasing or not index.is_unique:
        raise DataInvalid("Bars of periods need a sorted DatetimeIndex without duplicates.")
    if not len(index):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    try:
        offset = pd.tseries.frequencies.to_offset(frequency(freq))
        sizes = pd.Series(1, index=index).resample(frequency(freq)).sum()
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"freq must be a frequency such as 'W', 'ME' or 'QE'. Got {freq!r}.") from error
    counts = sizes.to_numpy()
    counts = counts[counts > 0]
    codes = np.repeat(np.arange(len(counts)), counts)
    last = np.cumsum(counts) - 1
    label = cast(pd.Timestamp, sizes.index[-1])
    following = _following(index, sessions, every_day)
    # Labels at the right edge (weeks, month ends) are the last day itself; at the left edge, its start.
    over = following.normalize() > label if label >= index[-1].normalize() and _right(offset) else False
    if not _right(offset):
        over = following >= label + offset
    return codes, last if over else last[:-1]


def _right(offset: object) -> bool:
    # The periods that pandas itself closes and labels on the right.
    name = str(getattr(offset, "rule_code", "")).split("-")[0]
    return name in {"ME", "YE", "QE", "BME", "BYE", "BQE", "W"}


def _following(index: pd.DatetimeIndex, sessions: pd.DatetimeIndex | None, every_day: bool) -> pd.Timestamp:
    """When the bar after the last one can be at the earliest."""
    now = index[-1]
    if sessions is not None:
        later = sessions[sessions > now]
        if len(later):
            return later[0]
    days = index.normalize()
    if len(index) > 1 and days[-1] == days[-2]:
        return now  # several bars a day: the next may be on the same day
    step = pd.Timedelta(days=1)
    following = days[-1] + step
    weekends = every_day or bool((index.day_of_week >= 5).any())
    while not weekends and following.day_of_week >= 5:
        following += step
    return following


@dataclass(frozen=True)
class FinishedPeriods:
    """What ``frame.resample(freq)`` of a `StrategyFrame` returns: pandas' resampler without the future.

    Every method gives one row per finished period, labelled with the period's last bar.

    Parameters
    ----------
    frame : BaseFrame [date x symbol]
    freq : str
    """

    frame: BaseFrame
    freq: str

    def agg(self, how: str | Callable[[Any], object]) -> BaseFrame:
        """Aggregate each finished period.

        Parameters
        ----------
        how : str or callable
            "last", "first", "max", "min", "mean", "median", "sum", "std", "var", "count", "prod", or a
            function of a column's values in one period.

        Returns
        -------
        StrategyFrame [last bar of each finished period x symbol]
            NaN are left out, as in pandas.
        """
        if not callable(how) and how not in HOWS:
            raise ConfigError(
                f"how must be one of {', '.join(HOWS)}, or a function. Got {how!r}.", hint=nearest(str(how), HOWS)
            )
        codes, last = self._finished()
        inside = slice(0, int(last[-1]) + 1 if len(last) else 0)
        plain = pd.DataFrame(self.frame.iloc[inside])
        table = plain.groupby(codes[inside]).agg(how)
        table.index = self.frame.index[last]
        result = type(self.frame)(table)
        object.__setattr__(result, "_context", vars(self.frame).get("_context"))
        return result

    aggregate = apply = agg

    def last(self) -> BaseFrame:
        """Last value of each finished period."""
        return self.agg("last")

    def first(self) -> BaseFrame:
        """First value of each finished period."""
        return self.agg("first")

    def max(self) -> BaseFrame:
        """Largest value of each finished period."""
        return self.agg("max")

    def min(self) -> BaseFrame:
        """Smallest value of each finished period."""
        return self.agg("min")

    def mean(self) -> BaseFrame:
        """Mean of each finished period."""
        return self.agg("mean")

    def median(self) -> BaseFrame:
        """Median of each finished period."""
        return self.agg("median")

    def sum(self) -> BaseFrame:
        """Sum of each finished period."""
        return self.agg("sum")

    def std(self) -> BaseFrame:
        """Standard deviation (n - 1) of each finished period."""
        return self.agg("std")

    def count(self) -> BaseFrame:
        """Number of values in each finished period."""
        return self.agg("count")

    def prod(self) -> BaseFrame:
        """Product of each finished period."""
        return self.agg("prod")

    def ffill(self) -> BaseFrame:
        """Rows at the ends of shorter periods, the last one carried forward (pandas' own)."""
        return pd.DataFrame.resample(self.frame, frequency(self.freq)).ffill()

    def __getattr__(self, name: str) -> object:
        if name in {"bfill", "backfill", "interpolate", "nearest"}:
            raise ConfigError(f"resample().{name}() fills with later values.", hint="Use ffill().")
        raise AttributeError(f"A resampled StrategyFrame has no {name!r}; it has agg, ffill, {', '.join(HOWS)}.")

    def _finished(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        context = vars(self.frame).get("_context")
        return finished_periods(
            cast(pd.DatetimeIndex, self.frame.index),
            self.freq,
            sessions=None if context is None else context.sessions,
            every_day=context is not None and context.periods_per_year >= 360,
        )


class PeriodMethods(BaseFrame):
    """Methods of `StrategyFrame` over weeks, months and other periods."""

    def bars(self, freq: str, how: str | Callable[[Any], object] = "last") -> Self:
        """Bars of a longer period, finished ones only, labelled with their last bar.

        Parameters
        ----------
        freq : str
            "W", "W-FRI", "ME", "QE", ...; finlab's "M" and "Q" too.
        how : str or callable
            As in `FinishedPeriods.agg`.

        Returns
        -------
        StrategyFrame [last bar of each finished period x symbol]
            A period that is not over on the last row has no row. Combined with a daily frame it is
            carried forward, so that a week's value is visible from the close of its last bar on.

        Raises
        ------
        ConfigError
            No such frequency or aggregation.
        DataInvalid
            The index is no sorted index of dates.

        Examples
        --------
        >>> from outsample.data.frame import StrategyFrame
        >>> days = pd.bdate_range("2024-01-01", periods=8)  # Monday to Wednesday of the next week
        >>> StrategyFrame({"A": range(8)}, index=days).bars("W")
                    A
        2024-01-05  4
        """
        return cast(Self, FinishedPeriods(self, freq).agg(how))

    def resample(  # type: ignore[misc,override]  # pandas' own arguments
        self,
        rule: str,
        closed: str | None = None,
        label: str | None = None,
        origin: object = None,
        offset: object = None,
    ) -> FinishedPeriods:
        """Group by period; aggregations see finished periods only, labelled with their last bar.

        The arguments of pandas that place labels have no meaning here and are ignored with a warning.
        """
        asked = {"closed": closed, "label": label, "origin": origin, "offset": offset}
        names = [name for name, value in asked.items() if value is not None]
        if names:
            warnings.warn(
                f"resample({', '.join(names)}=...) is ignored: a period's row is labelled with its last bar, "
                "so that it is not seen before it is over.",
                UserWarning,
                stacklevel=2,
            )
        return FinishedPeriods(self, str(rule))
