"""From fills to trades: one row per holding of one symbol, from flat to flat."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray
from pandas.arrays import NumpyExtensionArray

from outsample.engine.market import Market
from outsample.engine.record import REASONS, Problem, Record
from outsample.engine.trade_kernel import collect_trades

try:  # pandas 3
    from pandas.api.internals import create_dataframe_from_blocks  # type: ignore[import-not-found]
except ImportError:
    create_dataframe_from_blocks = None

__all__ = ["TRADE_COLUMNS", "entry_bars", "trade_table"]

_from_blocks: Callable[..., Any] | None = create_dataframe_from_blocks

TRADE_COLUMNS = (
    "symbol",
    "entry_signal_date",
    "entry_date",
    "exit_signal_date",
    "exit_date",
    "weight",
    "entry_price",
    "exit_price",
    "raw_entry_price",
    "raw_exit_price",
    "basis",
    "pnl",
    "return_net",
    "return_gross",
    "bars",
    "mae",
    "mfe",
    "exit_reason",
    "open",
)
_OPEN = len(REASONS)
_EXIT_REASONS = pd.Index([*REASONS, "open"])
# Rows of the two arrays that the kernel fills, one column per trade.
_INTS = ("symbol", "entry_signal", "entry", "exit_signal", "exit", "reason", "bars")
_FLOATS = ("weight", "entry_price", "exit_price", "basis", "pnl", "costs", "mae", "mfe")
# Columns of the table that are dates, and that are numbers.
_DATES = ("entry_signal_date", "entry_date", "exit_signal_date", "exit_date")
_NUMBERS = (
    "weight",
    "entry_price",
    "exit_price",
    "raw_entry_price",
    "raw_exit_price",
    "basis",
    "pnl",
    "return_net",
    "return_gross",
    "mae",
    "mfe",
)
_COLUMNS = pd.Index(TRADE_COLUMNS)
_NO_TABLE = np.empty((0, 0))


def trade_table(problem: Problem, record: Record) -> pd.DataFrame:
    """Return the trades of a simulation.

    Returns
    -------
    DataFrame
        One row per holding, ordered by entry, then symbol; columns `TRADE_COLUMNS`. Money is in units
        of the capital, returns and excursions are fractions; ``exit_date`` is NaT and ``exit_price``
        the last price of a trade that is open at the end.
    """
    ints, floats = _run_kernel(problem, record)
    market = problem.market
    trades: Mapping[str, np.ndarray] = {
        **dict(zip(_INTS, ints, strict=True)),
        **dict(zip(_FLOATS, floats, strict=True)),
    }
    is_open = trades["reason"] == _OPEN
    parts = _Parts(
        symbol=market.symbols.array.take(trades["symbol"]),
        dates=_dates_of(trades, is_open, problem),
        numbers=_numbers_of(trades, market),
        bars=trades["bars"],
        reason=_EXIT_REASONS.array.take(trades["reason"]),
        is_open=is_open,
    )
    return _assembled(parts, market.dates)


def entry_bars(problem: Problem, record: Record) -> np.ndarray:
    """Return the bar of the market on which each trade begins [trade], without making the table."""
    ints, _ = _run_kernel(problem, record)
    bars: np.ndarray = ints[_INTS.index("entry")]
    return bars


@dataclass(frozen=True, kw_only=True, eq=False)
class _Parts:
    """The columns of the table, those of one type together."""

    symbol: ExtensionArray
    dates: np.ndarray  # int64 [4 x trades], nanoseconds
    numbers: np.ndarray  # float64 [11 x trades]
    bars: np.ndarray
    reason: ExtensionArray
    is_open: np.ndarray


def _dates_of(trades: Mapping[str, np.ndarray], is_open: np.ndarray, problem: Problem) -> np.ndarray:
    """Dates in the order of `_DATES`; there is no exit of what is still open."""
    stamps = problem.market.dates.asi8
    dates = np.empty((len(_DATES), len(is_open)), dtype=np.int64)
    dates[0] = _signal_dates(trades["entry_signal"], problem)
    dates[1] = stamps[trades["entry"]]
    dates[2] = _signal_dates(trades["exit_signal"], problem)
    dates[3] = stamps[trades["exit"]]
    dates[2:, is_open] = np.iinfo(np.int64).min
    return dates


def _numbers_of(trades: Mapping[str, np.ndarray], market: Market) -> np.ndarray:
    """Values in the order of `_NUMBERS`."""
    raw = market.raw_close is not market.close
    basis, pnl = trades["basis"], trades["pnl"]
    numbers = np.empty((len(_NUMBERS), len(basis)))
    rows = dict(zip(_NUMBERS, numbers, strict=True))
    for name in ("weight", "entry_price", "exit_price", "basis", "pnl", "mae", "mfe"):
        rows[name][:] = trades[name]
    np.multiply(trades["entry_price"], _factor(market, trades, "entry") if raw else 1.0, out=rows["raw_entry_price"])
    np.multiply(trades["exit_price"], _factor(market, trades, "exit") if raw else 1.0, out=rows["raw_exit_price"])
    np.divide(pnl, basis, out=rows["return_net"])
    np.divide(pnl + trades["costs"], basis, out=rows["return_gross"])
    return numbers


def _assembled(parts: _Parts, index: pd.DatetimeIndex) -> pd.DataFrame:
    """Put the columns together: in a few blocks where pandas lets us, which takes a fifth of the time."""
    rows = pd.RangeIndex(len(parts.is_open))
    if _from_blocks is None or index.tz is not None or isinstance(parts.symbol, NumpyExtensionArray):
        columns = {
            "symbol": parts.symbol,
            **{name: _dates(stamps, index) for name, stamps in zip(_DATES, parts.dates, strict=True)},
            **dict(zip(_NUMBERS, parts.numbers, strict=True)),
            "bars": parts.bars,
            "exit_reason": parts.reason,
            "open": parts.is_open,
        }
        return pd.DataFrame({name: columns[name] for name in TRADE_COLUMNS}, index=rows, copy=False)
    blocks = [
        (parts.symbol, _places("symbol")),
        (parts.dates.view("datetime64[ns]"), _places(*_DATES)),
        (parts.numbers, _places(*_NUMBERS)),
        (parts.bars[None, :], _places("bars")),
        (parts.reason, _places("exit_reason")),
        (parts.is_open[None, :], _places("open")),
    ]
    frame: pd.DataFrame = _from_blocks(blocks, index=rows, columns=_COLUMNS)
    return frame


@functools.cache
def _places(*names: str) -> np.ndarray:
    return np.array([TRADE_COLUMNS.index(name) for name in names], dtype=np.intp)


def _dates(stamps: np.ndarray, index: pd.DatetimeIndex) -> np.ndarray | pd.DatetimeIndex:
    plain = stamps.view("datetime64[ns]")
    return plain if index.tz is None else pd.DatetimeIndex(plain).tz_localize("UTC").tz_convert(index.tz)


def _signal_dates(signals: np.ndarray, problem: Problem) -> np.ndarray:
    """Dates of what decided a fill: a decision of the plan, or the bar on which a stop was judged."""
    found: np.ndarray = problem.market.dates.asi8[np.maximum(-1 - signals, 0)]
    planned = signals >= 0
    found[planned] = problem.plan.dates[signals[planned]]
    return found


def _factor(market: object, trades: Mapping[str, np.ndarray], when: str) -> np.ndarray:
    """Price as traded over adjusted price, on the bar of the fill (1 where that bar has no close)."""
    close, raw = market.close, market.raw_close  # type: ignore[attr-defined]
    bars, names = trades[when], trades["symbol"]
    factor = raw[bars, names] / close[bars, names]
    known: np.ndarray = np.where(np.isnan(factor), 1.0, factor)
    return known


def _run_kernel(problem: Problem, record: Record) -> tuple[np.ndarray, np.ndarray]:
    market, plan = problem.market, problem.plan
    ranged = market.has("high") and market.has("low")
    year = np.empty(0)
    if problem.costs.borrow_rate:
        year = np.diff(market.dates.asi8, prepend=market.dates.asi8[:1]) / 86_400e9 / 365.0
    ints, floats = collect_trades(
        record.fills,
        record.amounts,
        market.close,
        market.high if ranged else _NO_TABLE,
        market.low if ranged else _NO_TABLE,
        record.curve[0],
        year,
        float(problem.costs.borrow_rate),
        problem.execution.trade_at_price == "open",
        problem.execution.trade_at_price == "close",
        plan.first,
        plan.last,
    )
    order = np.lexsort((ints[:, 0], ints[:, 2]))
    return ints[order].T, floats[order].T
