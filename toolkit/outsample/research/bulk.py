"""From what strategies decided to returns and numbers, many at a time.

Tables with the same dates, symbols and options go through one kernel (`outsample.engine.many`): where one symbol is
held whole or not at all, by the holdings alone, and else bar by bar. Every other run goes the ordinary way by
itself. `simulated_alone` is that way, and what the fast ones are tested against: by holdings the numbers are the
same up to rounding (1e-9), returns and all else the same to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample import errors, metrics
from outsample.config import Costs, Execution
from outsample.engine import simulate
from outsample.engine.many import is_plain, measure_many, simulate_many, trades_of
from outsample.engine.segments import Held
from outsample.metrics.values import wealth
from outsample.model import ExecutionResult, Positions
from outsample.pipeline import check_dates, evaluate, raise_for_status, weights_of
from outsample.request import Request, resolved_options
from outsample.research.combination import Run
from outsample.research.numbers import numbers_from, numbers_of
from outsample.sandbox.decode import BatchPositions

__all__ = ["simulated", "simulated_alone"]

Found = Run | errors.OutsampleError

# Tables that are stacked together take at most so many bytes.
_STACK = 32 << 20


def simulated(request: Request, executions: Sequence[ExecutionResult]) -> list[Found]:
    """Return for each execution its returns and numbers, or the error that it ended with.

    Parameters
    ----------
    request : Request
        Of all of them; the parameters do not matter here.
    executions : sequence of ExecutionResult
    """
    found: list[Found | None] = [None] * len(executions)
    for places in _groups(request, executions):
        for place, run in zip(places, _together(request, [executions[k] for k in places]), strict=True):
            found[place] = run
    return [
        simulated_alone(request, execution) if run is None else run
        for run, execution in zip(found, executions, strict=True)
    ]


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
            [trades_of(simulation)],
            dates=simulation.dates[1:],
            conventions=request.resolved_conventions,
        )
    except errors.OutsampleError as error:
        return error
    return Run(row=row, dates=simulation.dates[1:], numbers=numbers, execution=options, costs=costs)


def _groups(request: Request, executions: Sequence[ExecutionResult]) -> Iterator[list[int]]:
    """Places of executions, one after another, whose tables have the same labels, type and options."""
    if request.engine != "vectorised" or request.alpha is not None:
        return
    group: list[int] = []
    first, room = None, 0
    for place, execution in enumerate(executions):
        positions = execution.positions
        if positions is None or positions.kind != "position":
            continue
        if first is not None and len(group) < room and _alike(first, positions):
            group.append(place)
            continue
        if group:
            yield group
        group, first, room = [place], positions, _STACK // max(_bytes(positions), 1)
    if group:
        yield group


def _bytes(positions: Positions) -> int:
    values = positions.tables[0] if isinstance(positions, BatchPositions) else positions.frame
    return values.shape[0] * values.shape[1] * 8


def _stack(executions: Sequence[ExecutionResult]) -> np.ndarray:
    """The tables of a group [run x row x column]: the batch itself, if that is where they came in."""
    several = [one.positions for one in executions if one.positions is not None]
    first, last = several[0], several[-1]
    if isinstance(first, BatchPositions) and isinstance(last, BatchPositions) and first.tables is last.tables:
        return first.tables[first.place : last.place + 1]
    return np.stack([one.frame.to_numpy() for one in several])


def _alike(a: Positions, b: Positions) -> bool:
    if isinstance(a, BatchPositions) and isinstance(b, BatchPositions):
        return a.tables is b.tables
    mine, other = a.frame, b.frame
    return (
        a.call == b.call
        and mine.shape == other.shape
        and (mine.index.is_(other.index) or mine.index.equals(other.index))
        and (mine.columns.is_(other.columns) or mine.columns.equals(other.columns))
        and mine.to_numpy().dtype == other.to_numpy().dtype
    )


def _together(request: Request, executions: Sequence[ExecutionResult]) -> list[Run | None]:
    """Runs of one group; None for those that have to go alone, where an error is said too."""
    found: list[Run | None] = [None] * len(executions)
    first = executions[0].positions
    assert first is not None
    try:
        check_dates(first.frame.index, request.data)
        options, costs, _ = resolved_options(request, first)
        if not is_plain(options, request.data, request.engine):
            return found
        values, shared = _stack(executions), _Shared(request, first.frame, options, costs)
        # A run alone is measured as one among others is: how they are shared out never changes a number.
        _by_holdings(shared, values, found)
        left = [place for place, run in enumerate(found) if run is None]
        if len(executions) > 1 and left:
            _by_bars(shared, values if len(left) == len(found) else values[left], left, found)
    except errors.OutsampleError:
        return [None] * len(executions)
    return found


@dataclass(frozen=True)
class _Shared:
    """What the runs of a group have in common."""

    request: Request
    frame: pd.DataFrame
    execution: Execution
    costs: Costs


def _by_holdings(shared: _Shared, values: np.ndarray, found: list[Run | None]) -> None:
    """Put in what can be measured by holdings."""
    conventions, data = shared.request.resolved_conventions, shared.request.data
    if conventions.risk_free:
        return
    measured = measure_many(values, shared.frame, data, execution=shared.execution, costs=shared.costs)
    if measured is None:
        return
    segments, dates = measured
    numbers = numbers_from(
        segments.found[:, 2:4],
        segments.found[:, 0],
        segments.found[:, 1],
        segments.trades,
        dates=dates,
        conventions=conventions,
    )
    for place in np.flatnonzero(segments.sound).tolist():
        found[place] = Run(
            dates=dates,
            numbers=numbers[place],
            execution=shared.execution,
            costs=shared.costs,
            held=Held(among=segments, run=place),
            data=data,
        )


def _by_bars(shared: _Shared, values: np.ndarray, places: Sequence[int], found: list[Run | None]) -> None:
    """Put in runs that are simulated bar by bar, one after another in one kernel."""
    many = simulate_many(
        values, shared.frame, shared.request.data, execution=shared.execution, costs=shared.costs
    )  # fmt: skip
    conventions = shared.request.resolved_conventions
    numbers = numbers_of(
        many.returns, many.ends, many.depths, many.trades, dates=many.dates, conventions=conventions
    )  # fmt: skip
    sound = (many.trades >= 0) & np.isfinite(many.ends)
    for place, row, one, fine in zip(places, many.returns, numbers, sound.tolist(), strict=True):
        if fine:
            found[place] = Run(
                row=row, dates=many.dates, numbers=one, execution=shared.execution, costs=shared.costs
            )  # fmt: skip
