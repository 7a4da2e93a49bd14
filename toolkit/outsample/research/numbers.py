"""What a sweep says of each combination: a few of the numbers of `measure`, from returns alone.

`numbers_of` is made for many rows of returns at once. Every number is that of `outsample.metrics.measure` on the
same row, bit by bit: sums run over each row as they do over a row by itself. `numbers_from` says the same of runs
that were measured by their holdings (`outsample.engine.segments`), up to rounding. Both give a table with a row for
each run and a column for each field of `Numbers`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.config import Conventions
from outsample.metrics.rates import annual_rates

__all__ = ["NUMBERS", "Numbers", "numbers_from", "numbers_of", "sharpes"]

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

    @classmethod
    def of(cls, row: np.ndarray) -> Numbers:
        """Return a row of a table of numbers."""
        found = cls(*row.tolist())
        return found._replace(n_trades=int(found.n_trades))


def numbers_of(
    returns: np.ndarray,
    ends: np.ndarray,
    depths: np.ndarray,
    trades: np.ndarray,
    *,
    dates: pd.DatetimeIndex,
    conventions: Conventions,
) -> np.ndarray:
    """Return the numbers of each row.

    Parameters
    ----------
    returns : ndarray [run x bar]
    ends, depths : ndarray [run]
        The last value of the wealth that begins with 1, and its deepest fall.
    trades : ndarray of int [run]
    dates : DatetimeIndex [bar]
    conventions : Conventions
        With its number of periods per year.

    Returns
    -------
    ndarray of float64 [run, number]
    """
    moments = np.array(list(_moments(returns))).reshape(-1, 2)
    risky = None
    if conventions.risk_free:
        rates, year = annual_rates(conventions.risk_free, pd.Series(0.0, index=dates)), _year(conventions)
        risky = np.array([metrics.sharpe(row, periods_per_year=year, risk_free=rates) for row in returns])
    return numbers_from(moments, ends, depths, trades, dates=dates, conventions=conventions, sharpe=risky)


def numbers_from(  # noqa: PLR0913 - what runs came to
    moments: np.ndarray,
    ends: np.ndarray,
    depths: np.ndarray,
    trades: np.ndarray,
    *,
    dates: pd.DatetimeIndex,
    conventions: Conventions,
    sharpe: np.ndarray | None = None,
) -> np.ndarray:
    """Return the numbers of runs whose moments are known.

    Parameters
    ----------
    moments : ndarray [run, 2]
        Mean and standard deviation of the net returns.
    ends, depths, trades, dates, conventions
        As for `numbers_of`.
    sharpe : ndarray [run], optional
        Sharpe ratios over a risk-free rate; None: there is none.
    """
    year, bars = _year(conventions), len(dates)
    root = math.sqrt(year)
    short = _under_one_year(dates, year) and not conventions.annualise_short
    mean, spread = moments.T
    missing = np.full(len(ends), math.nan)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        plain = np.where(spread != 0.0, mean / spread * root, math.nan)
    sharpe = plain if sharpe is None else sharpe
    growth = missing if short or not bars else [_growth(end, year / bars) for end in ends.tolist()]
    columns = {
        "sharpe": missing if short else sharpe,
        "total_return": ends - 1.0 if bars else missing,
        "cagr": growth,
        "max_drawdown": depths if bars else missing,
        "volatility": missing if short else spread * root,
        "n_trades": trades,
        "sharpe_per_period": sharpe / root,
        "plain_sharpe": plain,
    }
    return np.column_stack([columns[name] for name in Numbers._fields]).astype(np.float64, copy=False)


def _year(conventions: Conventions) -> float:
    return float(conventions.periods_per_year or 252.0)


def sharpes(rows: Sequence[np.ndarray], year: float) -> list[float]:
    """Return the annual Sharpe ratio of rows of returns, without a risk-free rate; NaN without variance."""
    root = math.sqrt(year)
    return [mean / spread * root if spread != 0.0 else math.nan for mean, spread in _moments(rows)]


def _under_one_year(dates: pd.DatetimeIndex, year: float) -> bool:
    """Whether a statistic per year would be said of less than a year, as `measure` decides it."""
    n = len(dates)
    if n >= year:
        return False
    return not (n > 0.9 * year and (dates[-1] - dates[0]).days >= 360)


def _moments(rows: Sequence[np.ndarray] | np.ndarray) -> Iterator[tuple[float, float]]:
    """Mean and standard deviation of each row; a deviation that is rounding is 0, of fewer than two NaN."""
    for first in range(0, len(rows), _ROWS):
        group = rows[first : first + _ROWS]
        same = all(len(row) == len(group[0]) for row in group)
        for part in [group] if same else [[row] for row in group]:
            yield from _moments_of(np.stack(part) if isinstance(part, list) else np.ascontiguousarray(part))


@np.errstate(invalid="ignore", over="ignore")  # returns that are not finite are refused by their own name
def _moments_of(part: np.ndarray) -> Iterator[tuple[float, float]]:
    # Each row lies in one piece: how the numbers lie decides in which order they are added.
    bars = part.shape[1]
    if bars < 2:
        return iter([(float(row[0]) if bars else math.nan, math.nan) for row in part])
    # The steps of numpy's own standard deviation, with the mean taken once.
    mean = part.sum(axis=1, keepdims=True) / bars
    gap = part - mean
    np.multiply(gap, gap, out=gap)
    spread = np.sqrt(gap.sum(axis=1) / (bars - 1))
    # Only beside a mean that is as large can the largest return be so large: only there it is looked for.
    for row in np.flatnonzero(spread <= 1e3 * _ROUNDING * np.abs(mean[:, 0])).tolist():
        if spread[row] <= _ROUNDING * np.abs(part[row]).max():
            spread[row] = 0.0
    return zip(mean[:, 0].tolist(), spread.tolist(), strict=True)


def _growth(end: float, power: float) -> float:
    try:
        return float(end**power) - 1.0
    except OverflowError:
        return math.inf
