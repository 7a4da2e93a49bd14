"""Sweeps that are recorded: a trial for each combination."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from outsample.classify import classify_success
from outsample.data.content import ColumnIds
from outsample.ledger.trials import common, failed_trial, ledger_of, record_many
from outsample.request import Request, keys_with
from outsample.research.combination import Combination
from outsample.research.grid import Constraint
from outsample.research.objective import Objective
from outsample.research.runs import Run
from outsample.research.sweep import SweepRuns, run_sweep
from outsample.store import Store, Trial
from outsample.strategy import Literal

__all__ = ["swept", "swept_trials"]

_log = logging.getLogger(__name__)


def swept(  # noqa: PLR0913 - the arguments of sweep, for a request
    request: Request,
    grid: Mapping[str, Sequence[Literal]],
    *,
    objective: Objective = "sharpe",
    n_jobs: int | None = None,
    store: Store | bool | None = None,
    on_done: Callable[[int, int], None] | None = None,
    constraint: Constraint | None = None,
) -> SweepRuns:
    """Run a sweep and record every combination of it as a trial, all in one transaction."""
    ledger, notes = ledger_of(store)
    runs = run_sweep(request, grid, objective=objective, n_jobs=n_jobs, on_done=on_done, constraint=constraint)
    if ledger is not None:
        notes = record_many(ledger, swept_trials(runs))
    for note in notes:
        _log.warning(note)
    return runs


def swept_trials(runs: SweepRuns) -> list[Trial]:
    """Return the trial of each combination: that of its outcome, from the numbers that the sweep has."""
    made = _Trials()
    return [made.of(one) for one in runs.combinations]


class _Trials:
    """Makes trials of one sweep: what its combinations share is worked out once."""

    def __init__(self) -> None:
        self._keys: dict[pd.Timestamp | None, Callable[[Mapping[str, Literal]], str]] = {}
        self._spans: dict[int, _Span] = {}

    def of(self, combination: Combination) -> Trial:
        """Return the trial of a combination."""
        run, request = combination.run, combination.request
        if run is None:
            assert combination.error is not None
            return dataclasses.replace(failed_trial(request, combination.error), kind="sweep")
        numbers, span = run.numbers, self._span(run, combination)
        core = {name: getattr(numbers, name) for name in ("sharpe", "total_return", "max_drawdown", "n_trades")}
        verdict = classify_success(core, thresholds=request.thresholds)
        per_period = numbers.sharpe_per_period
        return Trial(
            **common(request, self._key(combination)),
            kind="sweep",
            start_date=span.start,
            end_date=span.end,
            n_returns=len(run.dates),
            sharpe=numbers.sharpe,
            sharpe_per_period=per_period if math.isfinite(per_period) else None,
            total_return=numbers.total_return,
            max_drawdown=numbers.max_drawdown,
            success_level=int(verdict.level),
            error_category=None if verdict.error_category is None else verdict.error_category.value,
            returns_hash=span.ids.of(run.returns),
        )

    def _key(self, combination: Combination) -> str:
        # Combinations differ in their parameters and in where the evaluation begins.
        if combination.start not in self._keys:
            self._keys[combination.start] = keys_with(combination.request)
        return self._keys[combination.start](combination.request.strategy.values)

    def _span(self, run: Run, combination: Combination) -> _Span:
        if id(run.dates) not in self._spans:
            self._spans[id(run.dates)] = _Span(run.dates, combination.base.data.dates)
        return self._spans[id(run.dates)]


class _Span:
    """The dates of returns: the bar before the first and the last one, and the ids of returns on them."""

    def __init__(self, dates: pd.DatetimeIndex, bars: pd.DatetimeIndex) -> None:
        self.ids = ColumnIds("returns", dates)
        self.start = str(bars[int(bars.searchsorted(dates[0])) - 1] if len(dates) else bars[-1])
        self.end = str(dates[-1] if len(dates) else bars[-1])
