"""The compiled engine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution
from outsample.engine.kernel import WORK, make_kernel
from outsample.engine.market import Market
from outsample.engine.problem import problem_of
from outsample.engine.record import Problem, Record, rates_of
from outsample.engine.simulation import Simulation

__all__ = ["VectorisedEngine", "run_kernel"]

_NO_TABLE = np.empty((0, 0))


@dataclass(frozen=True)
class VectorisedEngine:
    """One compiled pass over the bars; the default.

    Attributes
    ----------
    name, version : str
    capabilities : frozenset of str
    """

    name: str = "vectorised"
    version: str = "1"
    capabilities: frozenset[str] = frozenset({"stops", "touched_exit", "shorts", "pre_cost", "signals"})

    def describe(self) -> str:
        """Say in one line what this engine is."""
        return "One compiled pass over the bars; memory grows with the number of symbols, not of bars."

    def simulate(self, positions: pd.DataFrame, data: object, *, execution: Execution, costs: Costs) -> Simulation:
        """Simulate a table of positions; see `outsample.engine.simulate`."""
        return self.solve(problem_of(positions, data, execution=execution, costs=costs))

    def solve(self, problem: Problem) -> Simulation:
        """Simulate a prepared problem."""
        return Simulation(problem=problem, record=run_kernel(problem), engine=self.name, engine_version=self.version)


def run_kernel(problem: Problem) -> Record:
    """Run the kernel on a problem."""
    plan, execution = problem.plan, problem.execution
    kernel, arguments = _kernel(execution.has_stops), _arguments(problem)
    room, n_bars = 64 + 2 * len(plan.targets.names), plan.last - plan.first + 1
    carry = np.zeros((2, n_bars if problem.costs.borrow_rate or problem.costs.financing_rate else 0))
    while True:
        out = np.empty((3, n_bars))
        stale = np.zeros(len(problem.market.symbols), dtype=np.int64)
        fills, amounts = np.empty((room, 4), dtype=np.int64), np.empty((room, 5))
        n, ruin, shortfall, residual = kernel(*arguments, out, carry, stale, fills, amounts, *_work(len(stale), n_bars))
        if n <= room:
            break
        room = n  # now it is known how many fills there are
    return Record(
        curve=out,
        carry=carry,
        first=plan.first,
        fills=fills[:n],
        amounts=amounts[:n],
        stale=stale,
        ruin=ruin,
        shortfall=shortfall,
        residual=residual,
    )


def _work(n_symbols: int, n_bars: int) -> tuple[np.ndarray, ...]:
    """Return what the kernel remembers from bar to bar, at its start: it allocates nothing itself."""
    numbers, integers = np.zeros((WORK[0], n_symbols)), np.zeros((WORK[1], n_symbols), dtype=np.int64)
    return numbers, integers, np.zeros(2), np.empty(n_bars)


def _arguments(problem: Problem) -> tuple[object, ...]:
    """What the kernel reads, in its order."""
    market, plan, execution = problem.market, problem.plan, problem.execution
    touched = execution.touched_exit and execution.has_stops
    if touched:
        market.need(("open", "high", "low"), "touched_exit=True")
    mode = (
        plan.partial,
        touched,
        execution.trade_at_price == "open",
        execution.intrabar == "optimistic",
        execution.retain_cost_when_rebalance,
        execution.stop_trading_next_period,
    )
    return (
        market.close,
        market.trade_price(execution.trade_at_price),
        *((market.open, market.high, market.low) if touched else (_NO_TABLE,) * 3),
        market.volume,
        _days(market, problem.costs),
        market.delisted,
        plan.fills,
        plan.targets.start,
        plan.targets.names,
        plan.targets.weights,
        plan.targets.divisors,
        rates_of(execution, problem.costs),
        plan.first,
        plan.last,
        execution.delist_after,
        np.array(mode, dtype=np.int64),
    )


@functools.cache
def _kernel(stops: bool) -> Callable[..., Any]:
    return cast(Callable[..., Any], make_kernel(stops=stops))


def _days(market: Market, costs: Costs) -> np.ndarray:
    """Calendar days since the bar before; only carry needs them."""
    if costs.borrow_rate == 0.0 and costs.financing_rate == 0.0:
        return np.empty(0)
    return np.diff(market.dates.asi8, prepend=market.dates.asi8[:1]) / 86_400e9
