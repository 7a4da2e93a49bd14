"""Many tables of positions on one market under one set of options: the runs of a sweep, without their frames.

What comes out of a run here is what a sweep compares: net returns, the end and the deepest fall of their
wealth, and the number of trades. All of it equals what `outsample.engine.simulate` and
`outsample.metrics.measure` say of the same table, bit by bit. Where one symbol is held whole or not at all, the
numbers need no returns: `measure_many` takes them from the holdings (`outsample.engine.segments`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution
from outsample.engine.many_kernel import count_trades, many_kernel
from outsample.engine.market import Market, market_of
from outsample.engine.plan import Table, span, table_of
from outsample.engine.record import rates_of
from outsample.engine.schedule import decision_dates, fill_bars
from outsample.engine.segments import Held, Segments, held_whole, measure_segments
from outsample.engine.simulation import Simulation

__all__ = ["Many", "is_plain", "measure_many", "returns_of", "simulate_many", "trades_of"]

_NO_TABLE = np.empty((0, 0))
_EVERYBODY = np.empty((0, 0), dtype=bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class Many:
    """What many runs came to.

    Parameters
    ----------
    returns : ndarray of float64 [run x bar]
        Net returns, from the second bar of the evaluation on.
    ends, depths : ndarray of float64 [run]
        The last value of the wealth that begins with 1, and its deepest fall, in [-1, 0].
    trades : ndarray of int64 [run]
        Flat-to-flat holdings, those open at the end included; -1 where the table has an infinite weight and
        nothing was run.
    dates : DatetimeIndex
        Of the returns.
    """

    returns: np.ndarray
    ends: np.ndarray
    depths: np.ndarray
    trades: np.ndarray
    dates: pd.DatetimeIndex


def is_plain(execution: Execution, data: object, engine: str) -> bool:
    """Return whether many tables can be run in one go: no stops, no universe, nothing that a table decides alone."""
    return (
        engine == "vectorised"
        and not execution.has_stops
        and not execution.check
        and not (execution.allocation == "pre_cost" and execution.start is None)
        and market_of(data).universe is None
    )


def simulate_many(
    values: np.ndarray, first_table: pd.DataFrame, data: object, *, execution: Execution, costs: Costs
) -> Many:
    """Simulate tables of positions that have the same dates, symbols and type.

    Parameters
    ----------
    values : ndarray [table x date x symbol], bool or float64
    first_table : DataFrame [date x symbol]
        The first of them, whose labels all have.
    data : Dataset, or DataFrame of closes
    execution : Execution
        Of which `is_plain` is true.
    costs : Costs

    Raises
    ------
    DataInvalid
        As for each table alone.
    """
    asked = _asked(values, first_table, data, execution)
    market, (first, last) = asked.market, asked.bars
    returns, ends, counts = _run(asked, execution, costs)
    dates = market.dates[first + 1 : last + 1]
    return Many(returns=returns, ends=ends[:, 0], depths=ends[:, 1], trades=counts, dates=dates)


def measure_many(
    values: np.ndarray, first_table: pd.DataFrame, data: object, *, execution: Execution, costs: Costs
) -> tuple[Segments, pd.DatetimeIndex] | None:
    """Measure tables of positions by their holdings, where the options let that be done.

    Parameters
    ----------
    values, first_table, data, execution, costs
        As for `simulate_many`.

    Returns
    -------
    tuple, or None
        What the tables came to, and the dates of their returns. None: there is more than one symbol, or something
        that grows by the day.

    Raises
    ------
    DataInvalid
        As for each table alone.
    """
    if not held_whole(execution, costs, data):
        return None
    asked = _asked(values, first_table, data, execution)
    market, (first, last) = asked.market, asked.bars
    segments = measure_segments(
        asked.values[:, :, int(asked.columns[0])],
        asked.rows,
        asked.fills,
        market=market,
        execution=execution,
        costs=costs,
        bars=asked.bars,
    )
    return segments, market.dates[first + 1 : last + 1]


def returns_of(held: Held, data: object, *, execution: Execution, costs: Costs) -> np.ndarray:
    """Return the net returns of holdings that were measured on the same data under the same options [bar]."""
    edges, among = held.edges, held.among
    if not len(edges):
        return np.zeros(among.last - among.first)
    # A table that changes with every row, each filled where the holdings begin or end.
    places = np.arange(len(edges), dtype=np.int64)
    asked = _Asked(
        values=(places % 2 == 0).reshape(1, -1, 1),
        market=market_of(data),
        columns=np.zeros(1, dtype=np.int64),
        rows=places,
        fills=edges,
        bars=(among.first, among.last),
        only_changes=True,
    )
    found: np.ndarray = _run(asked, execution, costs)[0][0]
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    """Tables that were aligned with a market: values, the row and the bar of each decision, the bars."""

    values: np.ndarray
    market: Market
    columns: np.ndarray
    rows: np.ndarray
    fills: np.ndarray
    bars: tuple[int, int]
    only_changes: bool


def _asked(values: np.ndarray, first_table: pd.DataFrame, data: object, execution: Execution) -> _Asked:
    market = market_of(data)
    table = table_of(first_table, market)
    if not first_table.index.is_monotonic_increasing:
        values = np.ascontiguousarray(values[:, first_table.index.argsort()])
    first, last = span(table, market, execution)
    rows, fills = _decisions(table, market, execution, first, last)
    return _Asked(
        values=values,
        market=market,
        columns=table.columns,
        rows=rows,
        fills=fills,
        bars=(first, last),
        only_changes=execution.resample is None,
    )


def _run(asked: _Asked, execution: Execution, costs: Costs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Net returns, ends and deepest falls, and numbers of trades of tables."""
    market, (first, last) = asked.market, asked.bars
    returns = np.empty((len(asked.values), last - first))
    ends, counts = np.empty((len(asked.values), 2)), np.empty(len(asked.values), dtype=np.int64)
    many_kernel()(
        asked.values,
        asked.rows,
        asked.columns,
        _EVERYBODY,
        float(execution.leverage),
        float(execution.position_limit),
        asked.only_changes,
        asked.fills,
        market.close,
        market.trade_price(execution.trade_at_price),
        _NO_TABLE,
        market.volume,
        _days(market, costs),
        market.delisted,
        rates_of(execution, costs),
        first,
        last,
        execution.delist_after,
        _mode(execution),
        returns,
        ends,
        counts,
    )
    return returns, ends, counts


def trades_of(simulation: Simulation) -> int:
    """Return the number of rows of a simulation's table of trades, without making the table."""
    record = simulation.record
    return int(count_trades(record.fills, record.amounts, len(record.fills), len(simulation.symbols)))


def _decisions(
    table: Table, market: Market, execution: Execution, first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """The row of each decision, and the bar on which it would be filled."""
    end = market.dates[last]
    if execution.resample is None and execution.resample_offset is None:
        known = int(np.searchsorted(table.index.asi8, end.value, side="right"))
        dates, rows = table.index.asi8[:known], np.arange(known, dtype=np.int64)
    else:
        schedule = tuple(table.index) if execution.resample is None else execution.resample
        decided = decision_dates(schedule, execution.resample_offset, table.index, end)
        dates, rows = decided.dates, decided.rows
    fills, _ = fill_bars(dates, market.dates.asi8[: last + 1], execution.lag, first)
    return rows, fills


def _days(market: Market, costs: Costs) -> np.ndarray:
    """Calendar days since the bar before; only carry needs them."""
    if costs.borrow_rate == 0.0 and costs.financing_rate == 0.0:
        return np.empty(0)
    return np.diff(market.dates.asi8, prepend=market.dates.asi8[:1]) / 86_400e9


def _mode(execution: Execution) -> np.ndarray:
    """Switches of the kernel, in its order: all that is about stops is off."""
    at_open, optimistic = execution.trade_at_price == "open", execution.intrabar == "optimistic"
    switches = (False, False, at_open, optimistic, execution.retain_cost_when_rebalance, False)
    return np.array(switches, dtype=np.int64)
