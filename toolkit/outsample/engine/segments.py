"""Runs of one symbol that is held whole or not at all, measured by their holdings and not bar by bar.

Between the bar on which a holding is bought and the one on which it is sold, wealth is a multiple of the price.
So what a run comes to follows from its entries and exits and from tables of the price that all runs share
(`outsample.engine.range_table`): its end, its deepest fall, mean and standard deviation of its returns, over all
bars or over any window of them. They are those of the ordinary engine up to rounding (1e-9); its returns, made
when they are asked for, come from that engine and are the same to the bit.

Left to the ordinary way, table by table: weights that are not 0 or 1; a holding through a bar without a price or
past a delisting; an order on a bar that cannot be traded; ruin; and returns so much alike that rounding would
show in their standard deviation.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from outsample.config import Costs, Execution
from outsample.engine.market import Market, market_of
from outsample.engine.range_table import RangeTable, range_table
from outsample.engine.segment_kernel import NUMBERS, measure_kernel, window_kernel

__all__ = ["Course", "Held", "Segments", "held_whole", "measure_segments"]

# Moves within this of a price limit do not trade, as in the kernel of the engine.
_LIMIT_EDGE = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """Tables of one price, made once for all runs on it.

    Parameters
    ----------
    table : RangeTable
        Of the closes. A bar without a price is odd, and every one from the delisting on.
    trade : ndarray of float64 [bar]
        Prices at which orders are filled.
    stuck : ndarray of bool [bar]
        No order can be filled.
    largest : float
        The largest sum of returns from the first bar on, without its sign.
    """

    table: RangeTable
    trade: np.ndarray
    stuck: np.ndarray
    largest: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Segments:
    """What runs with the same options share, and what they came to.

    Parameters
    ----------
    course : Course
    buy, sell : float
        Costs of an order, a fraction of its value.
    first, last : int
        Bars of the evaluation.
    begins : ndarray of int64 [run + 1]
    edges : ndarray of int64
        Run s has ``edges[begins[s]:begins[s + 1]]``: bars of entry and exit, in turn.
    found : ndarray of float64 [run, 5]
        End and deepest fall of the wealth that begins with 1, mean and standard deviation of the net returns,
        and whether this way could measure the run (1) or not (0).
    """

    course: Course
    buy: float
    sell: float
    first: int
    last: int
    begins: np.ndarray
    edges: np.ndarray
    found: np.ndarray

    @property
    def sound(self) -> np.ndarray:
        """Which runs were measured [run]."""
        return np.asarray(self.found[:, NUMBERS.index("sound")] == 1.0)

    @property
    def trades(self) -> np.ndarray:
        """Flat-to-flat holdings [run], those open at the end included."""
        return (np.diff(self.begins) + 1) // 2

    def edges_of(self, run: int) -> np.ndarray:
        """Return the bars on which a run's holdings begin and end, in turn."""
        edges: np.ndarray = self.edges[self.begins[run] : self.begins[run + 1]]
        return edges

    def moments(self, runs: np.ndarray, windows: Sequence[range]) -> np.ndarray:
        """Return mean and standard deviation of some net returns of runs [window, run, 2].

        Parameters
        ----------
        runs : ndarray of int64
        windows : sequence of range
            Places in the returns of each run, one after another.

        Returns
        -------
        ndarray of float64
            A standard deviation of -1: rounding might show, or there are fewer than two returns.
        """
        found = np.full((len(windows), len(runs), 2), -1.0)
        firsts = np.array([window.start for window in windows], dtype=np.int64) + self.first + 1
        lasts = np.array([window.stop for window in windows], dtype=np.int64) + self.first
        course, table = self.course, self.course.table
        window_kernel()(
            table.close, course.trade, table.sums, course.largest, self.buy, self.sell, self.begins, self.edges,
            runs, firsts, lasts, found,
        )  # fmt: skip
        return found


class Held(NamedTuple):
    """The holdings of one run.

    Parameters
    ----------
    among : Segments
    run : int
    """

    among: Segments
    run: int

    @property
    def edges(self) -> np.ndarray:
        """Bars of entry and exit, in turn."""
        return self.among.edges_of(self.run)


def held_whole(execution: Execution, costs: Costs, data: object) -> bool:
    """Return whether options let one symbol be held whole or not at all, with nothing that grows by the day."""
    return (
        len(market_of(data).symbols) == 1
        and execution.allocation == "after_cost"
        and execution.leverage >= 1.0
        and execution.position_limit >= 1.0
        and costs.borrow_rate == 0.0
        and costs.financing_rate == 0.0
        and costs.fee_ratio + costs.tax_ratio + costs.slippage < 1.0
    )


def measure_segments(  # noqa: PLR0913 - a run of the engine
    values: np.ndarray,
    rows: np.ndarray,
    fills: np.ndarray,
    *,
    market: Market,
    execution: Execution,
    costs: Costs,
    bars: tuple[int, int],
) -> Segments:
    """Measure tables of positions of one symbol.

    Parameters
    ----------
    values : ndarray [table x row], bool or float64
    rows, fills : ndarray of int64 [decision]
        The row of each decision, and the bar on which it would be filled; both ascending.
    market : Market
        Of one symbol.
    execution : Execution
    costs : Costs
        Of which, with the options, `held_whole` is true.
    bars : tuple of int
        First and last bar of the evaluation.
    """
    course = _course(market, execution)
    buy, sell = costs.fee_ratio + costs.slippage, costs.fee_ratio + costs.tax_ratio + costs.slippage
    count, table = len(values), course.table
    begins, found = np.zeros(count + 1, dtype=np.int64), np.zeros((count, len(NUMBERS)))
    # A table that changes every day has an edge per decision; few do.
    edges = np.empty(max(len(rows), min(count * len(rows), count * 128 + len(rows))), dtype=np.int64)
    numbers = np.ascontiguousarray(values)
    numbers = numbers.view(np.uint8) if values.dtype == bool else numbers
    done = 0
    while True:
        done += measure_kernel()(
            numbers[done:], rows, fills, table.close, course.trade, table.sums, table.begun, table.left, table.blocks,
            course.stuck, course.largest, buy, sell, bars[0], bars[1], begins[done:], edges, found[done:],
        )  # fmt: skip
        if done == count:
            break
        edges = np.concatenate([edges, np.empty(len(edges) + len(rows), dtype=np.int64)])
    edges = edges[: begins[-1]].copy()
    return Segments(
        course=course, buy=buy, sell=sell, first=bars[0], last=bars[1], begins=begins, edges=edges, found=found
    )


# A market never changes: the tables of its price are made once for each way to trade it.
_KNOWN: weakref.WeakKeyDictionary[Market, dict[tuple[object, ...], Course]] = weakref.WeakKeyDictionary()


def _course(market: Market, execution: Execution) -> Course:
    known = _KNOWN.setdefault(market, {})
    key = (execution.trade_at_price, execution.price_limit)
    if key not in known:
        known[key] = _make_course(market, execution)
    return known[key]


def _make_course(market: Market, execution: Execution) -> Course:
    close = np.ascontiguousarray(market.close[:, 0], dtype=np.float64)
    trade = np.ascontiguousarray(market.trade_price(execution.trade_at_price)[:, 0], dtype=np.float64)
    odd = np.isnan(close)
    odd[int(market.delisted[0]) :] = True
    stuck = odd | np.isnan(trade)
    if market.has("volume"):
        stuck |= market.volume[:, 0] <= 0.0
    if execution.price_limit is not None:
        with np.errstate(invalid="ignore"):
            move = np.abs(trade[1:] / close[:-1] - 1.0)
        stuck[1:] |= move >= execution.price_limit - _LIMIT_EDGE
    table = range_table(close, odd)
    return Course(table=table, trade=trade, stuck=stuck, largest=float(np.abs(table.sums[:, 0]).max()))
