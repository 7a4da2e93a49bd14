"""From what strategies decided to returns and numbers, many at a time.

Tables with the same dates, symbols and options go through one kernel (`outsample.engine.many`): where one symbol is
held whole or not at all, by the holdings alone, and else bar by bar. Every other run goes the ordinary way by
itself. `simulated_alone` is that way, and what the fast ones are tested against: by holdings the numbers are the
same up to rounding (1e-9), returns and all else the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from outsample import errors, metrics
from outsample.config import Costs, Execution
from outsample.engine import simulate
from outsample.engine.many import is_plain, measure_many, simulate_many, trades_of
from outsample.metrics.values import wealth
from outsample.model import ExecutionResult, Positions
from outsample.pipeline import check_dates, evaluate, raise_for_status, weights_of
from outsample.request import Request, resolved_options
from outsample.research.numbers import Numbers, numbers_from, numbers_of
from outsample.research.runs import Found, Measured, Run, Runs
from outsample.sandbox.decode import Batch, BatchPositions

__all__ = ["simulated", "simulated_alone"]


def simulated(request: Request, batch: Batch[ExecutionResult]) -> Runs:
    """Return what the executions of a batch come to: returns and numbers, or the error that each ended with.

    Parameters
    ----------
    request : Request
        Of all of them; the parameters do not matter here.
    batch : Batch of ExecutionResult
    """
    measured, numbers, alone = _together(request, batch.positions)
    left = np.ones(len(batch), dtype=bool) if measured is None else ~measured.segments.sound
    for place in np.flatnonzero(left).tolist():
        found = alone.get(place) or simulated_alone(request, batch[place])
        alone[place] = found
        if isinstance(found, Run):
            numbers[place] = found.numbers
    return Runs(numbers=numbers, alone=alone, measured=measured)


def simulated_alone(request: Request, execution: ExecutionResult) -> Found:
    """As `simulated`, of one execution and by way of the ordinary engine."""
    try:
        raise_for_status(execution, request.policy)
        positions = execution.positions
        assert positions is not None
        check_dates(positions.frame.index, request.data)
        options, costs, _ = resolved_options(request, positions)
        weights = weights_of(request, positions)
        simulation = simulate(weights, request.data, execution=options, costs=costs, engine=request.engine)
        row = simulation.returns.to_numpy()
        if not np.isfinite(row).all():
            evaluate(request, execution)  # says what is wrong
        (numbers,) = numbers_of(
            row[None],
            wealth(row)[-1:],
            np.array([metrics.max_drawdown(row)]),
            np.array([trades_of(simulation)]),
            dates=simulation.dates[1:],
            conventions=request.resolved_conventions,
        )
    except errors.OutsampleError as error:
        return error
    return Run(row=row, dates=simulation.dates[1:], numbers=Numbers.of(numbers), execution=options, costs=costs)


_Together = tuple[Measured | None, np.ndarray, dict[int, Found]]


def _together(request: Request, positions: Sequence[Positions | None]) -> _Together:
    """Runs that were measured by their holdings, the numbers of each place, and runs that were simulated bar by bar.

    Places that neither of them has are to go alone, where an error is said too.
    """
    nothing = np.full((len(positions), len(Numbers._fields)), np.nan)
    tables = _tables(positions)
    if tables is None or tables.kind != "position" or request.engine != "vectorised" or request.alpha is not None:
        return None, nothing, {}
    try:
        check_dates(tables.dates, request.data)
        options, costs, _ = resolved_options(request, tables[0])
        if not is_plain(options, request.data, request.engine):
            return None, nothing, {}
        shared = _Shared(request, tables, options, costs)
        # A run alone is measured as one among others is: how they are shared out never changes a number.
        measured, numbers = _by_holdings(shared) or (None, nothing)
        left = np.arange(len(tables)) if measured is None else np.flatnonzero(~measured.segments.sound)
        return measured, numbers, _by_bars(shared, left) if len(left) else {}
    except errors.OutsampleError:
        return None, nothing, {}


def _tables(positions: Sequence[Positions | None]) -> BatchPositions | None:
    """Tables that are alike: those of a batch, or one alone."""
    if isinstance(positions, BatchPositions):
        return positions
    first = positions[0]
    if len(positions) > 1 or first is None:
        return None
    frame = first.frame
    return BatchPositions(
        tables=frame.to_numpy()[None], dates=frame.index, symbols=frame.columns, kind=first.kind, call=first.call
    )


@dataclass(frozen=True)
class _Shared:
    """What the runs of a batch have in common."""

    request: Request
    tables: BatchPositions
    execution: Execution
    costs: Costs


def _by_holdings(shared: _Shared) -> tuple[Measured, np.ndarray] | None:
    """Runs and numbers of what can be measured by holdings; of other places the numbers are NaN."""
    conventions, data = shared.request.resolved_conventions, shared.request.data
    if conventions.risk_free:
        return None
    tables = shared.tables
    found = measure_many(tables.tables, tables[0].frame, data, execution=shared.execution, costs=shared.costs)
    if found is None:
        return None
    segments, dates = found
    ends, depths, moments = segments.found[:, 0], segments.found[:, 1], segments.found[:, 2:4]
    numbers = numbers_from(moments, ends, depths, segments.trades, dates=dates, conventions=conventions)
    numbers[~segments.sound] = np.nan
    return Measured(segments=segments, dates=dates, execution=shared.execution, costs=shared.costs, data=data), numbers


def _by_bars(shared: _Shared, places: np.ndarray) -> dict[int, Found]:
    """Runs that are simulated bar by bar, one after another in one kernel, those without a fault."""
    tables, first = shared.tables.tables, shared.tables[0].frame
    values = tables if len(places) == len(tables) else tables[places]
    many = simulate_many(values, first, shared.request.data, execution=shared.execution, costs=shared.costs)
    conventions = shared.request.resolved_conventions
    numbers = numbers_of(many.returns, many.ends, many.depths, many.trades, dates=many.dates, conventions=conventions)
    sound = (many.trades >= 0) & np.isfinite(many.ends)
    return {
        place: Run(row=row, dates=many.dates, numbers=Numbers.of(one), execution=shared.execution, costs=shared.costs)
        for place, row, one, fine in zip(places.tolist(), many.returns, numbers, sound.tolist(), strict=True)
        if fine
    }
