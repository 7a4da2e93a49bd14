"""What a simulation returns. Arrays are kept; series and frames are built when they are first read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution
from outsample.engine.record import ROWS, Problem, Record
from outsample.engine.trade_kernel import held_rows
from outsample.engine.trades import trade_table

__all__ = ["Simulation"]

# More leading flat bars than this share of all bars is a warning.
_FLAT_SHARE = 0.05


@dataclass(frozen=True, kw_only=True, eq=False)
class Simulation:
    """The outcome of simulating a table of positions.

    Parameters
    ----------
    problem : Problem
        What was asked: market, plan, options.
    record : Record
        What happened.
    engine, engine_version : str
    checked : bool
        The reference engine ran too and agreed.
    """

    problem: Problem
    record: Record
    engine: str
    engine_version: str
    checked: bool = False

    def __repr__(self) -> str:
        end = self.equity.iloc[-1] / self.execution.initial_capital - 1.0
        return (
            f"<Simulation: {len(self.dates)} bars {self.dates[0].date()}..{self.dates[-1].date()}, "
            f"total return {end:+.2%}, {len(self.record.fills)} fills, engine {self.engine} {self.engine_version}>"
        )

    # -- what was asked

    @property
    def execution(self) -> Execution:
        """The resolved options."""
        return self.problem.execution

    @property
    def rates(self) -> Costs:
        """The resolved costs."""
        return self.problem.costs

    @property
    def symbols(self) -> pd.Index:
        """Symbols of the market, sorted."""
        return self.problem.market.symbols

    @property
    def periods_per_year(self) -> float:
        """Bars of a year."""
        return self.problem.market.periods_per_year

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """Every bar of the evaluation."""
        plan, dates = self.problem.plan, self.problem.market.dates
        # All of them, mostly: a view is an index of its own that takes an eighth of the time of a slice.
        return dates.view() if (plan.first, plan.last) == (0, len(dates) - 1) else dates[plan.first : plan.last + 1]

    # -- what happened, bar by bar

    @cached_property
    def equity(self) -> pd.Series:
        """Equity at each close, net of all costs; the initial capital stands on the first bar. Never NaN."""
        return pd.Series(self._row("equity"), index=self.dates, name="equity", copy=False)

    @cached_property
    def returns(self) -> pd.Series:
        """Net return of each bar, a fraction, from the second bar on; 0 after ruin."""
        equity = self._row("equity")
        before = equity[:-1]
        with np.errstate(invalid="ignore"):  # an equity that overflows is refused by who measures it
            change = np.divide(equity[1:], before, out=np.ones(len(before)), where=before > 0.0) - 1.0
        return pd.Series(change, index=self.dates[1:], name="returns", copy=False)

    @cached_property
    def units(self) -> pd.DataFrame:
        """Units held at each close, of the symbols that were ever held (adjusted for splits and dividends)."""
        held = np.unique(self.record.fills[:, 1])
        units = np.zeros((len(self.dates), len(held)))
        rows = self.record.fills[:, 0] - self.problem.plan.first
        np.add.at(units, (rows, np.searchsorted(held, self.record.fills[:, 1])), self.record.amounts[:, 0])
        np.cumsum(units, axis=0, out=units)
        # A sum of fills that ends flat is zero up to rounding.
        units[~self._held_rows(held)] = 0.0
        return pd.DataFrame(units, index=self.dates, columns=self.symbols[held])

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Held weight of each symbol at each close (drifted, negative = short), a fraction of equity."""
        held = np.unique(self.record.fills[:, 1])
        plan = self.problem.plan
        close = self.problem.market.close[plan.first : plan.last + 1, held]
        marks = pd.DataFrame(close).ffill().fillna(0.0).to_numpy()
        equity = self._row("equity")[:, None]
        values = self.units.to_numpy() * marks
        weights = np.zeros((len(self.dates), len(self.symbols)))
        weights[:, held] = np.divide(values, equity, out=np.zeros_like(values), where=equity > 0.0)
        return pd.DataFrame(weights, index=self.dates, columns=self.symbols, copy=False)

    @cached_property
    def turnover(self) -> pd.Series:
        """Traded value of each bar (buys plus sales) as a fraction of equity before that bar's trading costs."""
        base = self._row("equity") + self._row("fee") + self._row("tax") + self._row("slippage")
        traded = self._row("traded")
        share = np.divide(traded, base, out=np.zeros_like(traded), where=base > 0.0)
        return pd.Series(share, index=self.dates, name="turnover", copy=False)

    @cached_property
    def costs(self) -> pd.DataFrame:
        """Costs of each bar in money: fee, tax, slippage, borrow, financing."""
        names = list(ROWS[3:8])
        return pd.DataFrame(self.record.bars[3:8].T, index=self.dates, columns=names)

    @cached_property
    def exposure(self) -> pd.DataFrame:
        """At each close: gross and net exposure as fractions of equity, and the number of names held."""
        equity, cash, gross = (self._row(name) for name in ("equity", "cash", "gross"))
        alive = equity > 0.0
        zero = np.zeros_like(equity)
        return pd.DataFrame(
            {
                "gross": np.divide(gross, equity, out=zero.copy(), where=alive),
                "net": np.divide(equity - cash, equity, out=zero.copy(), where=alive),
                "names": (self.units.to_numpy() != 0.0).sum(axis=1),
            },
            index=self.dates,
        )

    @cached_property
    def next_weights(self) -> pd.Series:
        """Target weights of the decision that the bars end before; empty if none waits."""
        waiting = self.problem.plan.waiting
        if waiting is None:
            return pd.Series([], index=self.symbols[:0], dtype=np.float64, name="next_weights")
        return pd.Series(waiting[1], index=self.symbols[waiting[0]], name="next_weights")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """One row per flat-to-flat holding; the columns are those of `outsample.engine.trades`."""
        return trade_table(self.problem, self.record)

    # -- what to know about it

    @cached_property
    def residual(self) -> float:
        """Largest error of the accounting identities, as a fraction of equity.

        Cash + positions against capital + everything earned on every bar, and the sum of the trades'
        results less financing against the change of equity.
        """
        capital, end = self.execution.initial_capital, float(self._row("equity")[-1])
        earned = float(self.trades["pnl"].sum()) - float(self._row("financing").sum())
        return max(self.record.residual, abs(capital + earned + self.record.shortfall - end) / max(capital, end))

    @cached_property
    def flags(self) -> tuple[str, ...]:
        """What happened that a reader must know: ruin, delistings, holdings without a price."""
        found = []
        if self.record.ruin >= 0:
            found.append(f"ruin on {self.problem.market.dates[self.record.ruin].date()}")
        delisted = self.record.fills[self.record.fills[:, 2] == 4]
        found += [
            f"delisted: {self.symbols[fill[1]]} on {self.problem.market.dates[fill[0]].date()}" for fill in delisted
        ]
        found += [
            f"stale: {self.symbols[name]} was held {self.record.stale[name]} bars without a price"
            for name in np.flatnonzero(self.record.stale).tolist()
        ]
        return tuple(found)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the request, as text."""
        found = list(self.problem.plan.warnings)
        if len(self.record.fills) == 0:
            found.append("Nothing was traded.")
            return tuple(found)
        flat = int(self.record.fills[0, 0]) - self.problem.plan.first - 1
        if self.problem.plan.partial is False and flat > max(_FLAT_SHARE * len(self.dates), 1):
            entry = self.problem.market.dates[int(self.record.fills[0, 0]) - 1]
            found.append(
                f"The first {flat} bars ({flat / len(self.dates):.0%}) hold nothing and count in every statistic; "
                f"start='{entry.date()}' would leave them out."
            )
        return tuple(found)

    # -- helpers

    def _row(self, name: str) -> np.ndarray:
        row = ROWS.index(name)
        values: np.ndarray = self.record.curve[row] if row < 3 else self.record.bars[row]
        return values

    def _held_rows(self, held: np.ndarray) -> np.ndarray:
        """Whether a symbol is held at the close of a bar [bar of the evaluation x symbol of `held`]."""
        fills = self.record.fills
        bars, columns = fills[:, 0] - self.problem.plan.first, np.searchsorted(held, fills[:, 1])
        found: np.ndarray = held_rows(bars, columns, self.record.amounts, len(self.dates), len(held))
        return found

    def __getstate__(self) -> dict[str, Any]:
        # Frames are rebuilt from the arrays.
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}
