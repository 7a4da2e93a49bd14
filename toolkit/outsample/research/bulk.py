"""From what strategies decided to returns and numbers, many at a time.

Tables with the same dates, symbols and options go through one kernel (`outsample.engine.many`); every other run
goes the ordinary way by itself. `simulated_alone` is that way, and what the fast one is tested against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from outsample import errors, metrics
from outsample.engine import simulate
from outsample.engine.many import is_plain, simulate_many, trades_of
from outsample.metrics.values import wealth
from outsample.model import ExecutionResult, Positions
from outsample.pipeline import check_dates, evaluate, raise_for_status, weights_of
from outsample.request import Request, resolved_options
from outsample.research.combination import Run
from outsample.research.numbers import numbers_of
from outsample.sandbox.wire import BatchPositions

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
    return Run(returns=row, dates=simulation.dates[1:], numbers=numbers, execution=options, costs=costs)


def _groups(request: Request, executions: Sequence[ExecutionResult]) -> Iterator[list[int]]:
    """Places of executions, one after another, whose tables have the same labels, type and options."""
    if request.engine != "vectorised" or request.alpha is not None:
        return
    group: list[int] = []
    size, first = 0, None
    for place, execution in enumerate(executions):
        positions = execution.positions
        if positions is None or positions.kind != "position":
            continue
        if first is not None and size < _STACK and _alike(first, positions):
            group.append(place)
        else:
            if len(group) > 1:
                yield group
            group, size, first = [place], 0, positions
        size += _bytes(positions)
    if len(group) > 1:
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
    nothing: list[Run | None] = [None] * len(executions)
    first = executions[0].positions
    assert first is not None
    try:
        check_dates(first.frame.index, request.data)
        options, costs, _ = resolved_options(request, first)
        if not is_plain(options, request.data, request.engine):
            return nothing
        many = simulate_many(_stack(executions), first.frame, request.data, execution=options, costs=costs)
    except errors.OutsampleError:
        return nothing
    numbers = numbers_of(
        many.returns, many.ends, many.depths, many.trades, dates=many.dates, conventions=request.resolved_conventions
    )
    sound = (many.trades >= 0) & np.isfinite(many.ends)
    return [
        Run(returns=row, dates=many.dates, numbers=one, execution=options, costs=costs) if fine else None
        for row, one, fine in zip(many.returns, numbers, sound.tolist(), strict=True)
    ]
