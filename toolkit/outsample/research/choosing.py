"""The choice of a window: the best objective on its training returns.

`choose_windows` reads slices of returns that were computed once. `choose_strictly` runs every combination again on
data that end with the training window, and the chosen one on data that end where its decisions end: for a
strategy without look-ahead the same numbers, at many times the cost.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Sequence

import numpy as np
import pandas as pd

from outsample.pipeline import execute
from outsample.research.bulk import simulated_alone
from outsample.research.grid import neighbourhood_medians
from outsample.research.objective import scores, smoothed
from outsample.research.parallel import pmap_cancellable
from outsample.research.runs import Run, Runs, SweptRuns
from outsample.research.sweep import Combination, SweepRuns
from outsample.sandbox.decode import Batch
from outsample.stats import Window

__all__ = ["choose_rows", "choose_strictly", "choose_windows"]


Choice = tuple[int | None, float]


def choose_rows(sweep: SweepRuns, rows: range | np.ndarray, min_trades: int) -> Choice:
    """Return the place and the objective of the best combination on some bars.

    Ties go to the first in grid order; an undefined objective, a failed combination and one with fewer than
    `min_trades` trades that begin on these bars never win.
    """
    return choose_windows(sweep, [rows], min_trades)[0]


def choose_windows(sweep: SweepRuns, windows: Sequence[range | np.ndarray], min_trades: int) -> list[Choice]:
    """As `choose_rows`, for several windows."""
    return _best_of(sweep, sweep.combinations, sweep.combinations.runs, windows, min_trades)


def _best_of(
    sweep: SweepRuns,
    found: Sequence[Combination],
    runs: SweptRuns,
    windows: Sequence[range | np.ndarray],
    min_trades: int,
) -> list[Choice]:
    """As `choose_windows`, among these runs of the sweep's combinations."""
    judged = scores(sweep.objective, sweep.request.periods_per_year)(runs, windows)
    return [_best(sweep, found, values, rows, min_trades) for values, rows in zip(judged, windows, strict=True)]


def _best(
    sweep: SweepRuns, found: Sequence[Combination], values: np.ndarray, rows: range | np.ndarray, min_trades: int
) -> Choice:
    if min_trades:
        values[[place for place, one in enumerate(found) if _trades_in(one, rows) < min_trades]] = math.nan
    if smoothed(sweep.objective):
        params = sweep.combinations.params
        values = np.array(neighbourhood_medians(sweep.grid, params, values.tolist()))
    if np.isnan(values).all():
        return None, math.nan
    best = int(np.nanargmax(values))
    return best, float(values[best])


def choose_strictly(
    sweep: SweepRuns,
    window: Window,
    dates: pd.DatetimeIndex,
    until: pd.Timestamp,
    min_trades: int,
    n_jobs: int | None,
) -> tuple[Combination | None, float]:
    """Return the combination chosen on data that end with training, run on data that end at `until`."""
    seen = _run_until(sweep.combinations, dates[window.train.stop - 1], n_jobs)
    runs = SweptRuns(parts=[Runs.of([one.found for one in seen])])
    ((place, value),) = _best_of(sweep, seen, runs, [window.train], min_trades)
    if place is None:
        return None, value
    (chosen,) = _run_until((sweep.combinations[place],), until, n_jobs)
    return (None, math.nan) if chosen.run is None else (chosen, value)


def _run_until(found: Sequence[Combination], end: pd.Timestamp, n_jobs: int | None) -> list[Combination]:
    def again(one: Combination, cancel: threading.Event | None) -> Combination:
        base = dataclasses.replace(one.base, data=one.base.data.until(end))
        seen = dataclasses.replace(one, base=base, batch=None, place=0, run=None, error=None)
        execution = execute(seen.request, cancel)
        run = simulated_alone(seen.request, execution)
        if isinstance(run, Run):
            return dataclasses.replace(seen, batch=Batch.of(execution), run=run)
        return dataclasses.replace(seen, batch=Batch.of(execution), error=run)

    return pmap_cancellable(again, found, n_jobs=n_jobs)


def _trades_in(one: Combination, rows: range | np.ndarray) -> int:
    """Trades that begin on these bars."""
    simulation = one.simulation
    if simulation is None:
        return 0
    dates = simulation.returns.index[np.asarray(rows)]
    return int(simulation.trades["entry_date"].isin(dates).sum())
