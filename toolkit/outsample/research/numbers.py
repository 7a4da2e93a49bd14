"""What a sweep says of each combination: a few of the numbers of `measure`, from returns alone.

`numbers_of` is made for many rows of returns at once. Every number is that of `outsample.metrics.measure` on the
same row, bit by bit: sums run over each row as they do over a row by itself. `numbers_from` says the same of runs
that were measured by their holdings (`outsample.engine.segments`), up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.config import Conventions
from outsample.engine.segments import Held, moments_between
from outsample.metrics.rates import annual_rates

__all__ = ["NUMBERS", "Numbers", "numbers_from", "numbers_of", "sharpes", "sharpes_between"]

NUMBERS = ("sharpe", "total_return", "cagr", "max_drawdown", "volatility", "n_trades")
# Rows that are worked on together: what is in between stays in the cache of the processor.
_ROWS = 16
# A standard deviation below this share of the largest return is rounding, as in `outsample.metrics`.
_ROUNDING = 1e-12


class Numbers(NamedTuple):
    """Numbers of one combination over the whole evaluation; NaN where `measure` says NaN.

    `plain_sharpe` is annual, without a risk-free rate, and said of less than a year too: what an objective maximises.
    """

    sharpe: float
    total_return: float
    cagr: float
    max_drawdown: float
    volatility: float
    n_trades: int
    sharpe_per_period: float
    plain_sharpe: float


class _Run(Protocol):
    """A run: its net returns, and its holdings where they were measured."""

    @property
    def held(self) -> Held | None:
        """Holdings, if they were measured."""

    @property
    def returns(self) -> np.ndarray:
        """Net returns [bar]."""


def numbers_of(
    returns: np.ndarray,
    ends: np.ndarray,
    depths: np.ndarray,
    trades: Sequence[int] | np.ndarray,
    *,
    dates: pd.DatetimeIndex,
    conventions: Conventions,
) -> list[Numbers]:
    """Return the numbers of each row.

    Parameters
    ----------
    returns : ndarray [run x bar]
    ends, depths : ndarray [run]
        The last value of the wealth that begins with 1, and its deepest fall.
    trades : sequence of int
    dates : DatetimeIndex [bar]
    conventions : Conventions
        With its number of periods per year.
    """
    rates = annual_rates(conventions.risk_free, pd.Series(0.0, index=dates)) if conventions.risk_free else None
    year, found = float(conventions.periods_per_year or 252.0), []
    said = _sayer(dates, conventions)
    for row, (mean, spread, _), end, depth, count in zip(
        returns, _moments(returns), ends.tolist(), depths.tolist(), trades, strict=True
    ):
        risky = None if rates is None else metrics.sharpe(row, periods_per_year=year, risk_free=rates)
        found.append(said(mean, spread, end, depth, int(count), risky))
    return found


def numbers_from(
    moments: np.ndarray,
    ends: np.ndarray,
    depths: np.ndarray,
    trades: np.ndarray,
    *,
    dates: pd.DatetimeIndex,
    conventions: Conventions,
) -> list[Numbers]:
    """Return the numbers of runs whose moments are known; without a risk-free rate.

    Parameters
    ----------
    moments : ndarray [run, 2]
        Mean and standard deviation of the net returns.
    ends, depths, trades, dates, conventions
        As for `numbers_of`.
    """
    said = _sayer(dates, conventions)
    each = zip(moments.tolist(), ends.tolist(), depths.tolist(), trades.tolist(), strict=True)
    return [said(mean, spread, end, depth, count, None) for (mean, spread), end, depth, count in each]


def _sayer(
    dates: pd.DatetimeIndex, conventions: Conventions
) -> Callable[[float, float, float, float, int, float | None], Numbers]:
    """What turns mean, spread, end, depth, trades (and a Sharpe ratio over a risk-free rate) into numbers."""
    year, bars = float(conventions.periods_per_year or 252.0), len(dates)
    short = _under_one_year(dates, year) and not conventions.annualise_short
    root = math.sqrt(year)

    def said(mean: float, spread: float, end: float, depth: float, count: int, risky: float | None) -> Numbers:
        plain = mean / spread * root if spread != 0.0 and bars > 1 else math.nan
        sharpe = plain if risky is None else risky
        return Numbers(
            sharpe=math.nan if short else sharpe,
            total_return=end - 1.0 if bars else math.nan,
            cagr=math.nan if short or not bars else _growth(end, year / bars),
            max_drawdown=depth if bars else math.nan,
            volatility=math.nan if short else spread * root,
            n_trades=count,
            sharpe_per_period=sharpe / root,
            plain_sharpe=plain,
        )

    return said


def sharpes_between(rows: Sequence[_Run], begin: int, end: int, year: float) -> list[float]:
    """As `sharpes`, of the places begin to end (half-open) of runs; of holdings no returns are made for it."""
    root, found = math.sqrt(year), [math.nan] * len(rows)
    places = [place for place, run in enumerate(rows) if run.held is not None]
    moments = moments_between([run.held for run in rows if run.held is not None], begin, end)
    left = {place for place, run in enumerate(rows) if run.held is None}
    for place, (mean, spread) in zip(places, moments.tolist(), strict=True):
        if spread < 0.0:
            left.add(place)
        elif spread != 0.0:
            found[place] = mean / spread * root
    slow = sorted(left)
    for place, value in zip(slow, sharpes([rows[place].returns[begin:end] for place in slow], year), strict=True):
        found[place] = value
    return found


def sharpes(rows: Sequence[np.ndarray], year: float) -> list[float]:
    """Return the annual Sharpe ratio of rows of returns, without a risk-free rate; NaN without variance."""
    root, found = math.sqrt(year), []
    for mean, spread, bars in _moments(rows):
        found.append(mean / spread * root if spread != 0.0 and bars > 1 else math.nan)
    return found


def _under_one_year(dates: pd.DatetimeIndex, year: float) -> bool:
    """Whether a statistic per year would be said of less than a year, as `measure` decides it."""
    n = len(dates)
    if n >= year:
        return False
    return not (n > 0.9 * year and (dates[-1] - dates[0]).days >= 360)


def _moments(rows: Sequence[np.ndarray] | np.ndarray) -> Iterator[tuple[float, float, int]]:
    """Mean, standard deviation and length of each row; a deviation that is rounding is 0, of fewer than two NaN."""
    for first in range(0, len(rows), _ROWS):
        group = rows[first : first + _ROWS]
        same = all(len(row) == len(group[0]) for row in group)
        for part in [group] if same else [[row] for row in group]:
            yield from _moments_of(np.stack(part) if isinstance(part, list) else np.ascontiguousarray(part))


def _moments_of(part: np.ndarray) -> Iterator[tuple[float, float, int]]:
    # Each row lies in one piece: how the numbers lie decides in which order they are added.
    n, bars = part.shape
    if bars < 2:
        return iter([(float(row[0]) if bars else math.nan, math.nan, bars) for row in part])
    # The steps of numpy's own standard deviation, with the mean taken once.
    mean = part.sum(axis=1, keepdims=True) / bars
    gap = part - mean
    np.multiply(gap, gap, out=gap)
    spread = np.sqrt(gap.sum(axis=1) / (bars - 1))
    # Only beside a mean that is as large can the largest return be so large: only there it is looked for.
    for row in np.flatnonzero(spread <= 1e3 * _ROUNDING * np.abs(mean[:, 0])).tolist():
        if spread[row] <= _ROUNDING * np.abs(part[row]).max():
            spread[row] = 0.0
    return zip(mean[:, 0].tolist(), spread.tolist(), [bars] * n, strict=True)


def _growth(end: float, power: float) -> float:
    try:
        return float(end**power) - 1.0
    except OverflowError:
        return math.inf
