"""The windows of a walk-forward and their table: what was chosen, and how it did in and out of sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.engine import Simulation
from outsample.engine.trades import entry_bars
from outsample.research.combination import Combination
from outsample.research.numbers import sharpes
from outsample.stats import Window

__all__ = ["WindowChoice", "efficiency_of", "window_table"]


@dataclass(frozen=True, kw_only=True)
class WindowChoice:
    """One window and the combination that was chosen for it.

    Parameters
    ----------
    window : Window
        Half-open ranges of places in the returns.
    chosen : Combination or None
        None if no combination has a defined objective: the window stays in cash.
    objective : float
        Of the chosen one, in sample.
    """

    window: Window
    chosen: Combination | None
    objective: float

    @property
    def trained_returns(self) -> np.ndarray:
        """Net returns of the chosen combination in training; empty if the window stays in cash."""
        if self.chosen is None or self.chosen.run is None:
            return np.empty(0)
        return self.chosen.run.returns[self.window.train.start : self.window.train.stop]


def window_table(
    choices: Sequence[WindowChoice],
    names: Sequence[str],
    dates: pd.DatetimeIndex,
    simulation: Simulation,
    periods_per_year: float,
) -> pd.DataFrame:
    """Return a row per window: dates, chosen parameters, Sharpe and CAGR in and out of sample, efficiency.

    Parameters
    ----------
    choices : sequence of WindowChoice
    names : sequence of str
        Parameters of the grid.
    dates : DatetimeIndex
        Of the returns that the windows count.
    simulation : Simulation
        The stitched decisions.
    periods_per_year : float
    """
    outside = _Outside.of(simulation, dates)
    windows = [choice.window for choice in choices]
    tests = [slice(window.test.start, window.test.stop) for window in windows]
    edges = np.array([(w.train.start, w.train.stop - 1, w.test.start, w.test.stop - 1) for w in windows])
    labels = ("train_start", "train_end", "test_start", "test_end")
    columns: dict[str, Any] = {name: dates.take(edges[:, at]) for at, name in enumerate(labels)}
    for name in names:
        columns[name] = [None if choice.chosen is None else choice.chosen.params[name] for choice in choices]
    columns["objective"] = [choice.objective for choice in choices]
    parts = {
        "in_sample": [choice.trained_returns for choice in choices],
        "out_of_sample": [outside.returns[bars] for bars in tests],
    }
    for where, returns in parts.items():
        columns[f"{where}_sharpe"] = sharpes(returns, periods_per_year)
        columns[f"{where}_cagr"] = [metrics.cagr(part, periods_per_year=periods_per_year) for part in returns]
        columns[f"{where}_max_drawdown"] = [metrics.max_drawdown(part) for part in returns]
    columns["trades"] = [int(outside.entries[bars].sum()) for bars in tests]
    columns["turnover"] = [float(outside.turnover[bars].sum()) for bars in tests]
    growths = zip(columns["out_of_sample_cagr"], columns["in_sample_cagr"], strict=True)
    columns["efficiency"] = [efficiency_of(outer, inner) for outer, inner in growths]
    return pd.DataFrame(columns)


def efficiency_of(outside: float, inside: float) -> float:
    """Return CAGR out of sample over CAGR in sample; NaN when that is not positive."""
    if math.isnan(outside) or math.isnan(inside) or inside <= 0:
        return math.nan
    return outside / inside


@dataclass(frozen=True, kw_only=True)
class _Outside:
    """The stitched run on the bars that windows count; it covers all of their tests.

    Parameters
    ----------
    returns, turnover : ndarray of float64 [bar]
        NaN where nothing was simulated.
    entries : ndarray of int64 [bar]
        Trades that begin.
    """

    returns: np.ndarray
    turnover: np.ndarray
    entries: np.ndarray

    @classmethod
    def of(cls, simulation: Simulation, dates: pd.DatetimeIndex) -> Self:
        """Bring a simulation to these bars, of which it has some, one after another."""
        plan, bars = simulation.problem.plan, len(simulation.dates)
        begun = entry_bars(simulation.problem, simulation.record) - plan.first
        rows = (
            np.append(math.nan, simulation.returns.to_numpy()),  # there is none on its first bar
            simulation.turnover.to_numpy(),
            np.bincount(begun, minlength=bars),
        )
        found = (np.full(len(dates), math.nan), np.full(len(dates), math.nan), np.zeros(len(dates), dtype=np.int64))
        first = int(dates.searchsorted(simulation.dates[0]))
        for row, values in zip(found, rows, strict=True):
            row[first : first + bars] = values
        return cls(returns=found[0], turnover=found[1], entries=found[2])
