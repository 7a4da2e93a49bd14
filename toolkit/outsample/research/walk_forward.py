"""Walk-forward: parameters chosen on the past, judged on what came next.

The strategy is swept once, so that its indicators are warm in every window. For each window the
combination with the best objective on the training returns is chosen after the close of the last
training bar, and governs the decisions from that bar to the last one before the next choice. The
stitched decisions are simulated *once*: costs at the seams, carried cash and stops follow by themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.engine import Simulation
from outsample.metrics import Metrics, measure
from outsample.research.beside import compared, default_returns, stability
from outsample.research.choosing import choose_strictly, choose_windows
from outsample.research.evidence import deflated
from outsample.research.plan import Plan, check_windows
from outsample.research.stitching import Span, bar_before, reference, stitched
from outsample.research.sweep import SweepRuns
from outsample.research.window_table import WindowChoice, efficiency_of, window_table
from outsample.stats import Window

__all__ = ["WalkForwardRun", "WindowChoice", "run_walk_forward"]


@dataclass(frozen=True, kw_only=True)
class WalkForwardRun:
    """The stitched out-of-sample run.

    Parameters
    ----------
    sweep : SweepRuns
    plan : Plan
    choices : tuple of WindowChoice
    simulation : Simulation
        The stitched decisions, simulated once over all test windows.
    """

    sweep: SweepRuns
    plan: Plan
    choices: tuple[WindowChoice, ...]
    simulation: Simulation

    @cached_property
    def metrics(self) -> Metrics:
        """Of the stitched returns."""
        return measure(self.simulation, conventions=self.sweep.request.resolved_conventions)

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """Dates of the returns that the windows count."""
        return _index(self.sweep)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per window: dates, chosen parameters, Sharpe and CAGR in and out of sample, efficiency."""
        return window_table(self.choices, list(self.sweep.grid), self.dates, self.simulation, self._periods)

    @cached_property
    def efficiency(self) -> float:
        """Stitched out-of-sample CAGR over the mean in-sample CAGR; NaN when that is not positive."""
        inside = [row for row in self.table["in_sample_cagr"] if not math.isnan(row)]
        mean = float(np.mean(inside)) if inside else math.nan
        return efficiency_of(metrics.cagr(self.simulation.returns, periods_per_year=self._periods), mean)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know: of the stitched simulation, and windows for which nothing could be chosen."""
        idle = sum(choice.chosen is None for choice in self.choices)
        if not idle:
            return self.simulation.warnings
        enough = f" with at least {self.plan.min_trades} trades in training" if self.plan.min_trades else ""
        return (
            f"{idle} of {len(self.choices)} windows stay in cash: no combination{enough} has a defined objective.",
            *self.simulation.warnings,
        )

    @property
    def _periods(self) -> float:
        return self.sweep.request.periods_per_year

    @cached_property
    def comparison(self) -> pd.DataFrame:
        """The stitched series against hindsight, the default parameters, and buying and holding; a row each."""
        first = reference(self.sweep).outcome
        held = None if first is None else first.benchmark
        series = {
            "stitched, out of sample": self.simulation.returns,
            "best combination, with hindsight": self.sweep.best.returns,
            "default parameters": default_returns(self.sweep),
            "buy and hold": None if held is None else held.returns,
        }
        return compared(series, self.simulation.returns.index, self._periods)

    @cached_property
    def stability(self) -> pd.DataFrame:
        """How often each parameter kept its value from window to window."""
        chosen = [None if choice.chosen is None else choice.chosen.params for choice in self.choices]
        return stability(list(self.sweep.grid), chosen)

    @cached_property
    def deflated_sharpe(self) -> float:
        """Of the stitched returns, with every combination of the sweep counted as a trial."""
        evidence = self.sweep.evidence
        return deflated(self.simulation.returns, evidence.n_trials, evidence.trials_variance)


def run_walk_forward(sweep: SweepRuns, plan: Plan, *, n_jobs: int | None = None) -> WalkForwardRun:
    """Choose per window, stitch the decisions, and simulate them once.

    Parameters
    ----------
    sweep : SweepRuns
        Every combination over the whole history.
    plan : Plan
    n_jobs : int, optional
        Sandboxes at once, where `Plan.strict` runs anything again.

    Raises
    ------
    ConfigError
        The windows do not fit the data, or options of ``sim`` differ between combinations.
    """
    dates = _index(sweep)
    windows = check_windows(dates, plan)
    choices = _strict_choices(sweep, windows, plan, n_jobs) if plan.strict else _choices(sweep, windows, plan)
    spans = [Span(chosen=choice.chosen, begin=dates[choice.window.train.stop - 1]) for choice in choices]
    start = bar_before(sweep, dates[windows[0].test.start])  # equity begins a bar before the returns
    end = dates[windows[-1].test.stop - 1]
    simulation = stitched(sweep, spans, start=start, end=end, boundary=plan.boundary)
    return WalkForwardRun(sweep=sweep, plan=plan, choices=choices, simulation=simulation)


def _choices(sweep: SweepRuns, windows: list[Window], plan: Plan) -> tuple[WindowChoice, ...]:
    found = choose_windows(sweep, [window.train for window in windows], plan.min_trades)
    return tuple(
        WindowChoice(window=window, chosen=None if best is None else sweep.combinations[best], objective=value)
        for window, (best, value) in zip(windows, found, strict=True)
    )


def _strict_choices(
    sweep: SweepRuns, windows: list[Window], plan: Plan, n_jobs: int | None
) -> tuple[WindowChoice, ...]:
    dates, choices = _index(sweep), []
    for place, window in enumerate(windows):
        last = place + 1 == len(windows)
        until = dates[window.test.stop - 1 if last else windows[place + 1].train.stop - 1]
        found, value = choose_strictly(sweep, window, dates, until, plan.min_trades, n_jobs)
        choices.append(WindowChoice(window=window, chosen=found, objective=value))
    return tuple(choices)


def _index(sweep: SweepRuns) -> pd.DatetimeIndex:
    run = reference(sweep).run
    assert run is not None
    return run.dates
