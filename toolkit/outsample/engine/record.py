"""What an engine writes down while it runs, and the numbers it is given: the seam between engines.

An engine turns a `Problem` (market, plan, options) into a `Record` (one row of sums per bar and the list of
fills). Everything that a user sees is derived from these two, so that two engines agree if their records do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outsample.config import Costs, Execution
from outsample.engine.market import Market
from outsample.engine.plan import Plan

__all__ = ["REASONS", "ROWS", "Problem", "Record", "rates_of"]

# Rows of `Record.bars`: values at the close of each bar, and what the bar cost, in money.
ROWS = ("equity", "cash", "gross", "fee", "tax", "slippage", "borrow", "financing", "traded")
# Why a fill happened, by number.
REASONS = ("signal", "stop_loss", "take_profit", "trail_stop", "delisting", "ruin")


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Everything that an engine may read.

    Parameters
    ----------
    market : Market
    plan : Plan
    execution : Execution
    costs : Costs
    """

    market: Market
    plan: Plan
    execution: Execution
    costs: Costs


@dataclass(frozen=True, kw_only=True, eq=False)
class Record:
    """What happened.

    Parameters
    ----------
    curve : ndarray of float64 [3, bars of the evaluation]
        Equity, cash and gross value at each close.
    carry : ndarray of float64 [2, bars of the evaluation], or [2, 0]
        Borrow and financing of each bar; empty where neither has a rate.
    first : int
        Bar of the market that the first column stands for.
    fills : ndarray of int64 [fills, 4]
        Bar, symbol, reason, and what decided it: the number of the decision in the plan, or
        -1 - (bar on which a stop was judged).
    amounts : ndarray of float64 [fills, 5]
        Units bought (negative: sold), price, fee, tax, slippage.
    stale : ndarray of int64 [symbols]
        Bars on which a holding had no price.
    ruin : int
        Bar on which equity reached zero; -1 if it never did.
    shortfall : float
        Loss beyond the capital, written off on that bar.
    residual : float
        Largest |capital + everything earned - equity| over the bars, as a fraction of the larger of the
        equity and the equity of the bar before.
    """

    curve: np.ndarray
    carry: np.ndarray
    first: int
    fills: np.ndarray
    amounts: np.ndarray
    stale: np.ndarray
    ruin: int
    shortfall: float
    residual: float

    @cached_property
    def bars(self) -> np.ndarray:
        """Return the rows of `ROWS`: the curve, and what the fills and the carry of each bar cost."""
        rows = np.zeros((len(ROWS), self.curve.shape[1]))
        rows[:3] = self.curve
        place = self.fills[:, 0] - self.first
        for row, column in ((3, 2), (4, 3), (5, 4)):
            np.add.at(rows[row], place, self.amounts[:, column])
        ordered = self.fills[:, 2] < REASONS.index("delisting")  # the others are no trades in the market
        np.add.at(rows[8], place[ordered], np.abs(self.amounts[ordered, 0] * self.amounts[ordered, 1]))
        if self.carry.shape[1]:
            rows[6:8] = self.carry
        return rows


def rates_of(execution: Execution, costs: Costs) -> np.ndarray:
    """Return the numbers of a run in the order in which the kernel reads them; "no limit" is infinity."""

    def level(value: float | None, nothing: float) -> float:
        return nothing if value is None else float(value)

    delisting = {"last": 1.0, "zero": 0.0}
    worth = delisting[execution.delisting] if isinstance(execution.delisting, str) else execution.delisting
    return np.array(
        [
            costs.fee_ratio,
            costs.tax_ratio,
            costs.slippage,
            costs.borrow_rate,
            costs.financing_rate,
            execution.leverage,
            execution.position_limit,
            level(execution.stop_loss, math.inf),
            level(execution.take_profit, math.inf),
            level(execution.trail_stop, math.inf),
            level(execution.trail_stop_activation, 0.0),
            level(execution.price_limit, math.inf),
            execution.initial_capital,
            float(execution.allocation == "pre_cost"),
            worth,
        ]
    )
