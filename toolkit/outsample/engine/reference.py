"""The reference engine: the rules in plain Python, slow and short, to be read beside the specification.

It shares the preparation (schedule, weights) and the record with the compiled engine, and nothing of
what happens on a bar. Money only: a holding is a number of units, everything else is looked up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution
from outsample.engine.market import Market
from outsample.engine.plan import Plan
from outsample.engine.problem import problem_of
from outsample.engine.record import REASONS, ROWS, Problem, Record
from outsample.engine.simulation import Simulation

__all__ = ["ReferenceEngine"]


@dataclass(frozen=True)
class ReferenceEngine:
    """Plain Python; what ``check=True`` compares with.

    Parameters
    ----------
    same_bar : bool
        Test mode: fill on the deciding bar itself, as some other libraries do. Never for results.
    """

    same_bar: bool = False
    name: str = "reference"
    version: str = "1"
    capabilities: frozenset[str] = frozenset({"stops", "touched_exit", "shorts", "pre_cost", "signals"})

    def describe(self) -> str:
        """Say in one line what this engine is."""
        return "The rules in plain Python, for comparison: slow, short, without compiled code."

    def simulate(self, positions: pd.DataFrame, data: object, *, execution: Execution, costs: Costs) -> Simulation:
        """Simulate a table of positions; see `outsample.engine.simulate`."""
        lag = 0 if self.same_bar else None
        return self.solve(problem_of(positions, data, execution=execution, costs=costs, lag=lag))

    def solve(self, problem: Problem) -> Simulation:
        """Simulate a prepared problem."""
        record = _Run(problem, same_bar=self.same_bar).run()
        return Simulation(problem=problem, record=record, engine=self.name, engine_version=self.version)


@dataclass
class _Holding:
    units: float = 0.0
    price: float = math.nan  # the last price that was seen while it was held
    basis: float = math.nan  # p0 of the stops
    peak: float = 1.0  # best 1 + r since p0
    silent: int = 0  # bars in a row without a price


@dataclass
class _Run:
    """One simulation: the state between bars, and one method per rule."""

    problem: Problem
    same_bar: bool = False
    cash: float = 0.0
    earned: float = 0.0
    book: dict[int, _Holding] = field(default_factory=dict)
    orders: dict[int, tuple[float, int]] = field(default_factory=dict)  # waiting: name -> (weight, decision)
    exits: dict[int, tuple[str, int]] = field(default_factory=dict)  # queued: name -> (reason, bar of judgement)
    stopped: dict[int, int] = field(default_factory=dict)  # since the last rebalance: name -> bar
    fills: list[tuple[int, int, int, int]] = field(default_factory=list)
    amounts: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.market: Market = self.problem.market
        self.plan: Plan = self.problem.plan
        self.options: Execution = self.problem.execution
        self.costs: Costs = self.problem.costs
        self.trade = self.market.trade_price(self.options.trade_at_price)
        self.touching = self.options.touched_exit and self.options.has_stops
        self.finlab = self.options.allocation == "pre_cost"
        self.cash = self.options.initial_capital
        self.bars = np.zeros((len(ROWS), self.plan.last - self.plan.first + 1))
        self.stale = np.zeros(len(self.market.symbols), dtype=np.int64)
        self.residual = 0.0

    def run(self) -> Record:
        first, last = self.plan.first, self.plan.last
        self.bars[0, 0] = self.bars[1, 0] = self.cash
        ruin, shortfall = -1, 0.0
        for t in range(first if self.same_bar else first + 1, last + 1):
            equity = self.bar(t)
            if equity <= 1e-12 * self.options.initial_capital:
                for i in sorted(self.book):
                    self.note(t, i, "ruin", -1 - t, -self.book[i].units, self.book[i].price)
                ruin, shortfall = t, -equity
                break
            held = [holding.units * holding.price for _, holding in sorted(self.book.items())]
            self.bars[:3, t - first] = equity, self.cash, sum(map(abs, held))
        return Record(
            curve=self.bars[:3],
            carry=self.bars[6:8],
            first=self.plan.first,
            fills=np.array(self.fills, dtype=np.int64).reshape(-1, 4),
            amounts=np.array(self.amounts, dtype=np.float64).reshape(-1, 5),
            stale=self.stale,
            ruin=ruin,
            shortfall=shortfall,
            residual=self.residual,
        )

    # -- rule 4: the order of events on a bar

    def bar(self, t: int) -> float:
        if t > self.plan.first:
            self.carry(t)
        decided = np.flatnonzero(self.plan.fills == t)
        decision = int(decided[0]) if len(decided) else None
        at_open = self.options.trade_at_price == "open"
        if self.touching and not at_open:
            self.touch(t)
        self.leave(t)
        if self.finlab and not self.touching:
            self.judge(t)
        if decision is not None:
            self.decide(t, decision)
        if self.orders:
            self.rebalance(t, everything=decision is not None and not self.plan.partial)
        if self.touching and at_open:
            self.touch(t)
        equity = self.close(t)
        if not self.touching:
            if self.finlab:
                for i, holding in self.book.items():
                    if i not in self.exits and self.close_of(t, i) is not None:
                        holding.peak = max(holding.peak, self.worth(i, holding.price))
            else:
                self.judge(t)
        return equity

    def carry(self, t: int) -> None:
        days = (self.market.dates[t] - self.market.dates[t - 1]) / pd.Timedelta(days=1)
        short = sum(-h.units * h.price for _, h in sorted(self.book.items()) if h.units < 0)
        borrow = short * self.costs.borrow_rate * days / 365.0
        financing = max(0.0, -self.cash) * self.costs.financing_rate * days / 365.0
        self.cash -= borrow + financing
        self.earned -= borrow + financing
        self.bars[6:8, t - self.plan.first] = borrow, financing

    def leave(self, t: int) -> None:
        for i, (reason, judged) in sorted(self.exits.items()):
            if judged == t:
                continue
            self.stopped[i] = t
            if self.can_trade(t, i, buy=self.book[i].units < 0):
                self.move(t, i, 0.0, float(self.trade[t, i]), reason, -1 - judged)
                self.exits.pop(i)
                self.orders.pop(i, None)

    def decide(self, t: int, decision: int) -> None:
        a, b = self.plan.targets.start[decision : decision + 2]
        wanted = dict(zip(self.plan.targets.names[a:b].tolist(), self.plan.targets.weights[a:b].tolist(), strict=True))
        if self.plan.partial:
            for i, w in wanted.items():
                busy = i in self.book or i in self.orders
                if busy == (w == 0.0) and i not in self.exits:
                    self.orders[i] = (w, decision)
            return
        self.exits = {i: found for i, found in self.exits.items() if found[1] == t}
        if self.options.stop_trading_next_period and self.options.has_stops:
            gross = sum(map(abs, wanted.values()))
            rest = sum(abs(w) for i, w in wanted.items() if i not in self.stopped)
            limit = self.options.position_limit
            if self.finlab and any(i in self.stopped for i in wanted):
                # Names stopped before this bar were not in the row when it was normalised; those that
                # leave on this bar pass their share on.
                divisor = float(self.plan.targets.divisors[decision])
                there = sum(abs(w) for i, w in wanted.items() if self.stopped.get(i, t) == t)
                gross = there * divisor / max(there * divisor / self.options.leverage, 1.0)
            for i, w in wanted.items():
                grown = 0.0 if i in self.stopped else w * gross / rest
                wanted[i] = min(max(grown, -limit), limit)
        self.stopped.clear()
        self.orders = {i: (wanted.get(i, 0.0), decision) for i in sorted({*self.book, *wanted, *self.orders})}

    # -- rule 4 and 6: allocation, and what can trade

    def rebalance(self, t: int, *, everything: bool) -> None:
        names = sorted({*self.book, *self.orders})
        price = {i: self.price_at(t, i) for i in names}
        value = {i: self.book[i].units * price[i] if i in self.book else 0.0 for i in names}
        equity = self.cash + sum(value.values())
        if equity <= 0.0:
            return
        tiny = 1e-12 * equity
        moving = []
        for i in sorted(self.orders):
            if i in self.exits and not everything:
                continue
            w = self.orders[i][0]
            change = w * equity - value[i]
            done = abs(change) <= tiny and (w != 0.0 or self.units(i) == 0.0)
            if done and not self.priced(t, i):
                self.orders.pop(i)
            elif done or self.can_trade(t, i, buy=change > 0):
                moving.append(i)
        while True:
            m = self.allocate(equity, moving, value)
            wrong = [
                i
                for i in moving
                if abs(self.orders[i][0] * m - value[i]) > tiny
                and not self.can_trade(t, i, buy=self.orders[i][0] * m > value[i])
            ]
            if not wrong:
                break
            moving = [i for i in moving if i not in wrong]
        before = {i: self.units(i) for i in names}
        for i in moving:
            w, decision = self.orders.pop(i)
            if abs(w * m - value[i]) > tiny or (w * m == 0.0 and before[i] != 0.0):
                self.move(t, i, w * m, price[i], "signal", decision)
        for i in names if everything else moving:
            same_side = before[i] * self.units(i) > 0
            if i in self.book and not (self.options.retain_cost_when_rebalance and same_side):
                self.book[i].basis, self.book[i].peak = price[i], 1.0

    def allocate(self, equity: float, moving: list[int], value: dict[int, float]) -> float:
        """Find m so that targets w m hold after costs; blocked holdings count against the leverage."""
        w = {i: self.orders[i][0] for i in moving}
        gross = sum(map(abs, w.values()))
        blocked = sum(abs(v) for i, v in value.items() if i not in w)
        leverage = self.options.leverage
        if gross == 0.0:
            return equity
        if self.finlab:
            return min(equity, max(leverage * equity - blocked, 0.0) / gross)
        m = _root(lambda m: m + self.cost_of(w, value, m) - equity, w, value, equity)
        if blocked and gross * m + blocked > leverage * m * (1 + 1e-12):
            m = _root(lambda m: (gross * m + blocked) / leverage + self.cost_of(w, value, m) - equity, w, value, equity)
        return m

    def cost_of(self, w: dict[int, float], value: dict[int, float], m: float) -> float:
        buy = self.costs.fee_ratio + self.costs.slippage
        changes = [w[i] * m - value[i] for i in w]
        return sum(buy * c if c > 0 else (buy + self.costs.tax_ratio) * -c for c in changes)

    def can_trade(self, t: int, i: int, *, buy: bool, price: float | None = None) -> bool:
        if price is None:
            if not self.priced(t, i):
                return False
            price = float(self.trade[t, i])
        if t >= self.market.delisted[i] or (self.market.has("volume") and self.market.volume[t, i] <= 0):
            return False
        before = self.close_of(t - 1, i) if t > 0 else None
        if self.options.price_limit is None or before is None:
            return True
        move = price / before - 1.0
        return move < self.options.price_limit - 1e-4 if buy else move > -self.options.price_limit + 1e-4

    # -- rule 5: stops

    def judge(self, t: int) -> None:
        for i, holding in sorted(self.book.items()):
            price = self.close_of(t, i)
            if price is None or i in self.exits:
                continue
            x = self.worth(i, price)
            holding.peak = max(holding.peak, x)
            level, reason = self.stop_level(holding)
            if x >= self.goal - 1e-9:
                reason = "take_profit"
            elif x >= level - 1e-9:
                continue
            self.exits[i] = (reason, t)
            if not self.finlab:
                self.orders.pop(i, None)

    def touch(self, t: int) -> None:
        for i, holding in sorted(self.book.items()):
            close = self.close_of(t, i)
            if close is None or i in self.exits:
                continue
            quotes = [float(table[t, i]) for table in (self.market.open, self.market.high, self.market.low)]
            opened, high, low = (close if math.isnan(quote) else quote for quote in quotes)
            side = math.copysign(1.0, holding.units)
            best, worst = (high, low) if side > 0 else (low, high)
            level, reason = self.stop_level(holding)
            down, up = self.worth(i, worst) <= level + 1e-9, self.worth(i, best) >= self.goal - 1e-9
            price = math.nan
            if self.worth(i, opened) <= level + 1e-9:
                price = opened
            elif self.worth(i, opened) >= self.goal - 1e-9:
                reason, price = "take_profit", opened
            elif up and (not down or self.options.intrabar == "optimistic"):
                reason, price = "take_profit", holding.basis * (1.0 + side * (self.goal - 1.0))
            elif down:
                price = holding.basis * (1.0 + side * (level - 1.0))
            holding.peak = max(holding.peak, self.worth(i, best))
            if math.isnan(price):
                continue
            self.stopped[i] = t
            self.orders.pop(i, None)
            if self.can_trade(t, i, buy=side < 0, price=price):
                self.move(t, i, 0.0, price, reason, -1 - t)
            else:
                self.exits[i] = (reason, t)

    @property
    def goal(self) -> float:
        return 1.0 + (math.inf if self.options.take_profit is None else self.options.take_profit)

    def worth(self, i: int, price: float) -> float:
        """1 + r: what one unit of entry cost is worth at a price."""
        holding = self.book[i]
        return 1.0 + math.copysign(1.0, holding.units) * (price / holding.basis - 1.0)

    def stop_level(self, holding: _Holding) -> tuple[float, str]:
        level, reason = -math.inf, "stop_loss"
        if self.options.stop_loss is not None:
            level = 1.0 - self.options.stop_loss
        if self.options.trail_stop is not None:
            armed = holding.peak >= 1.0 + (self.options.trail_stop_activation or 0.0) - 1e-9
            if armed and holding.peak - self.options.trail_stop > level:
                level, reason = holding.peak - self.options.trail_stop, "trail_stop"
        return level, reason

    # -- books

    def move(self, t: int, i: int, target: float, price: float, reason: str, signal: int) -> None:
        """Trade one name to a value; a change of sign is two trades."""
        value = self.units(i) * price
        if value * target < 0:
            self.move(t, i, 0.0, price, reason, signal)
            value = 0.0
        holding = self.book.setdefault(i, _Holding(price=price))
        self.earned += holding.units * (price - holding.price)
        holding.price = price
        change = target - value
        adding = abs(target) > abs(value)
        sale = not adding if self.finlab else change < 0
        fee, slip = self.costs.fee_ratio * abs(change), self.costs.slippage * abs(change)
        tax = self.costs.tax_ratio * abs(change) if sale else 0.0
        if self.finlab and adding and change > 0:
            change -= fee + tax + slip
        delta = -holding.units if target == 0.0 else change / price
        self.cash -= delta * price + fee + tax + slip
        self.earned -= fee + tax + slip
        self.bars[[3, 4, 5, 8], t - self.plan.first] += fee, tax, slip, abs(delta * price)
        holding.units = 0.0 if target == 0.0 else holding.units + delta
        if target == 0.0:
            self.book.pop(i)
        self.note(t, i, reason, signal, delta, price, fee, tax, slip)

    def close(self, t: int) -> float:
        for i in sorted(self.book):
            holding, price = self.book[i], self.close_of(t, i)
            if price is None:
                holding.silent += 1
                self.stale[i] += 1
            else:
                self.earned += holding.units * (price - holding.price)
                holding.price, holding.silent = price, 0
            if t >= self.market.delisted[i] or holding.silent >= self.options.delist_after:
                self.settle(t, i)
        self.orders = {i: order for i, order in self.orders.items() if t < self.market.delisted[i]}
        self.exits = {i: found for i, found in self.exits.items() if i in self.book}
        equity = self.cash + sum(holding.units * holding.price for _, holding in sorted(self.book.items()))
        gap = abs(self.options.initial_capital + self.earned - equity)
        self.residual = max(self.residual, gap / max(equity, self.bars[0, max(t - self.plan.first - 1, 0)]))
        return equity

    def settle(self, t: int, i: int) -> None:
        """Close a delisted holding at what it is said to be worth; nobody charges for that."""
        holding = self.book.pop(i)
        share = {"last": 1.0, "zero": 0.0}.get(str(self.options.delisting), self.options.delisting)
        price = holding.price * float(share)
        self.cash += holding.units * price
        self.earned += holding.units * (price - holding.price)
        self.orders.pop(i, None)
        self.exits.pop(i, None)
        self.note(t, i, "delisting", -1 - t, -holding.units, price)

    def note(self, t: int, i: int, reason: str, signal: int, *amounts: float) -> None:
        self.fills.append((t, i, REASONS.index(reason), signal))
        delta, price, *paid = amounts
        fee, tax, slip = paid or (0.0, 0.0, 0.0)
        self.amounts.append((delta, price, fee, tax, slip))

    # -- prices

    def units(self, i: int) -> float:
        return self.book[i].units if i in self.book else 0.0

    def close_of(self, t: int, i: int) -> float | None:
        price = float(self.market.close[t, i])
        return None if math.isnan(price) else price

    def priced(self, t: int, i: int) -> bool:
        return self.close_of(t, i) is not None and not math.isnan(float(self.trade[t, i]))

    def price_at(self, t: int, i: int) -> float:
        if self.priced(t, i):
            return float(self.trade[t, i])
        return self.book[i].price if i in self.book else math.nan


def _root(function: Callable[[float], float], w: dict[int, float], value: dict[int, float], scale: float) -> float:
    """Root of a rising function that is linear between the points where a name changes from sale to purchase."""
    kinks = sorted({value[i] / w[i] for i in w if w[i] != 0.0 and value[i] / w[i] > 0.0})
    low, high = 0.0, math.inf
    if function(0.0) >= 0.0:
        return 0.0
    for kink in kinks:
        if function(kink) < 0.0:
            low = kink
        else:
            high = kink
            break
    if math.isinf(high):
        high = low + scale
    a, b = function(low), function(high)
    return float(low - a * (high - low) / (b - a))
