"""Sweep: a strategy with every combination of parameter values, each simulated on the same bars.

Combinations run in sandbox sessions: one locked child per thread, a new namespace for each. What a strategy
leaves behind in a module would be seen by the next one, so the best five and five random combinations are
run again in fresh children; if any of them decides otherwise, the strategy is stateful, and all of them are
run again, each in a child of its own.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import errors
from outsample.canonical import canonical_json
from outsample.model import ExecutionResult, Status
from outsample.pipeline import Outcome, evaluate, execute, raise_for_status
from outsample.request import Request
from outsample.research.evidence import SelectionEvidence, selection_evidence
from outsample.research.grid import Constraint, combinations, neighbourhood_medians
from outsample.research.objective import Objective, objective_function, smoothed
from outsample.research.parallel import distributing, pmap, pmap_cancellable
from outsample.sandbox import SandboxSession
from outsample.strategy import Literal

__all__ = ["Combination", "SweepRuns", "evaluated", "run_sweep"]

CONTROLS = 5


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One combination of a sweep.

    Parameters
    ----------
    params : mapping
    request : Request
        What was run.
    outcome : Outcome or None
        None if it failed.
    error : OutsampleError or None
    value : float
        The objective over the whole evaluation; NaN if it failed or is undefined.
    """

    params: Mapping[str, Literal]
    request: Request
    outcome: Outcome | None
    error: errors.OutsampleError | None
    value: float


@dataclass(frozen=True, kw_only=True)
class SweepRuns:
    """All combinations of a sweep, in grid order.

    Parameters
    ----------
    request : Request
        What was swept.
    grid : mapping
    objective : str or callable
    combinations : tuple of Combination
    stateful : bool
        Runs influenced each other in a session; the numbers are of fresh children.
    """

    request: Request
    grid: Mapping[str, Sequence[Literal]]
    objective: Objective
    combinations: tuple[Combination, ...]
    stateful: bool = False

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per combination, in grid order: parameters, objective, metrics, error."""
        rows = [_row(combination) for combination in self.combinations]
        return pd.DataFrame(rows)

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns [bar x place of the combination], of those that ran."""
        return pd.DataFrame(
            {
                place: combination.outcome.simulation.returns
                for place, combination in enumerate(self.combinations)
                if combination.outcome is not None
            }
        )

    @cached_property
    def evidence(self) -> SelectionEvidence:
        """Deflated Sharpe ratio, PBO and SPA of choosing the best of these combinations."""
        chosen = self.best.outcome
        selected = None if chosen is None else chosen.simulation.returns
        return selection_evidence(
            self.returns.fillna(0.0), selected, n_trials=len(self.combinations), seed=self.request.seed
        )

    @property
    def best(self) -> Combination:
        """The combination with the largest objective; of equal ones the first in grid order."""
        ranked = [combination for combination in self.combinations if not math.isnan(combination.value)]
        if not ranked:
            reasons = sorted({str(c.error) for c in self.combinations if c.error is not None})
            raise errors.StrategyError(
                "No combination has a defined objective.", hint=f"First error: {reasons[0]}" if reasons else ""
            )
        return max(ranked, key=lambda combination: combination.value)


def run_sweep(
    request: Request,
    grid: Mapping[str, Sequence[Literal]],
    *,
    objective: Objective = "sharpe",
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
    constraint: Constraint | None = None,
) -> SweepRuns:
    """Run every combination of a grid.

    Parameters
    ----------
    request : Request
        Strategy, data and options; its parameters are the defaults of what the grid does not name.
    grid : mapping of parameter name to values
    objective : str or callable
    n_jobs : int, optional
        Sandboxes at once; None: one per core. Never changes a number.
    on_done : callable, optional
        Called with (done, total).
    constraint : str or callable, optional
        Combinations that it does not allow are left out: "fast < slow", or a function of the parameters.

    Raises
    ------
    ConfigError
        A parameter that the strategy does not have, or an unknown objective.
    ValidationError
        The source breaks a rule (nothing is run).
    """
    score = objective_function(objective, request.periods_per_year)
    params = combinations(grid, constraint)
    requests = [
        dataclasses.replace(request, strategy=request.strategy.with_params(**values), validate=place == 0)
        for place, values in enumerate(params)
    ]
    first = execute(requests[0])
    if first.status is Status.REJECTED:
        raise_for_status(first, request.policy)
    executions = [first, *_in_sessions(requests[1:], n_jobs, on_done, len(requests))]
    found = _evaluated(params, requests, executions, score, n_jobs)
    stateful = _differs_alone(found, executions, request.seed, n_jobs)
    if stateful:
        executions = pmap_cancellable(execute, requests, n_jobs=n_jobs, on_done=on_done)
        found = _evaluated(params, requests, executions, score, n_jobs)
    if smoothed(objective):
        medians = neighbourhood_medians(grid, params, [one.value for one in found])
        found = [dataclasses.replace(one, value=value) for one, value in zip(found, medians, strict=True)]
    return SweepRuns(
        request=request, grid=dict(grid), objective=objective, combinations=tuple(found), stateful=stateful
    )


def _in_sessions(
    requests: list[Request], n_jobs: int | None, on_done: Callable[[int, int], None] | None, total: int
) -> list[ExecutionResult]:
    """Run requests that differ in parameters alone, in one session per thread, results in their order."""
    if not requests:
        return []
    threads = max(1, min(n_jobs or os.cpu_count() or 1, len(requests)))
    counter = itertools.count(2)  # the first combination is done
    lock = threading.Lock()

    def one_done() -> None:
        with lock:
            if on_done is not None:
                on_done(next(counter), total)

    # A cluster gets neither the lock nor the caller's function: progress is not told from there.
    part = functools.partial(_session, tell=None if distributing() else one_done)
    parts = pmap_cancellable(part, [requests[place::threads] for place in range(threads)], n_jobs=threads)
    return [parts[place % threads][place // threads] for place in range(len(requests))]


def _session(
    requests: list[Request], cancel: threading.Event | None, *, tell: Callable[[], None] | None
) -> list[ExecutionResult]:
    """Run requests in one session, one after another."""
    first, results = requests[0], []
    with SandboxSession(first.strategy, first.data, policy=first.policy, seed=first.seed) as session:
        for one in requests:
            if cancel is not None and cancel.is_set():
                raise errors.SandboxCancelled("The sweep was cancelled.")
            results.append(session.run(one.strategy.values, cancel=cancel))
            if tell is not None:
                tell()
    return results


def _evaluated(
    params: list[dict[str, Literal]],
    requests: list[Request],
    executions: list[ExecutionResult],
    score: Callable[[pd.Series], float],
    n_jobs: int | None,
) -> list[Combination]:
    requests = _common_start(requests, executions)
    done = pmap(_pair, list(zip(requests, executions, strict=True)), n_jobs=n_jobs)
    return [
        Combination(
            params=values,
            request=one,
            outcome=outcome,
            error=error,
            value=math.nan if outcome is None else score(outcome.simulation.returns),
        )
        for values, one, (outcome, error) in zip(params, requests, done, strict=True)
    ]


def _differs_alone(found: list[Combination], executions: list[ExecutionResult], seed: int, n_jobs: int | None) -> bool:
    """Whether any of the best five and five random combinations decides otherwise in a fresh child."""
    ranked = sorted(
        (place for place, one in enumerate(found) if not math.isnan(one.value)),
        key=lambda place: (-found[place].value, place),
    )
    random = np.random.Generator(np.random.Philox(seed))
    chosen = {*ranked[:CONTROLS], *random.permutation(len(found))[:CONTROLS].tolist()} - {0}
    places = sorted(chosen)
    requests = [dataclasses.replace(found[place].request, validate=False) for place in places]
    fresh = pmap_cancellable(execute, requests, n_jobs=n_jobs)
    return any(not _same(executions[place], again) for place, again in zip(places, fresh, strict=True))


def _same(a: ExecutionResult, b: ExecutionResult) -> bool:
    if a.positions is None or b.positions is None:
        return a.status is b.status
    return a.positions.call == b.positions.call and a.positions.frame.equals(b.positions.frame)


def _common_start(requests: list[Request], executions: list[ExecutionResult]) -> list[Request]:
    """All combinations share one index: the earliest first row of any of them, unless a start is given."""
    if requests[0].options.get("start") is not None:
        return requests
    firsts = [
        execution.positions.frame.index[0]
        if execution.positions is not None and len(execution.positions.frame)
        else None
        for execution in executions
    ]
    known = [first for first in firsts if first is not None]
    if not known:
        return requests
    start = min(known)
    # A combination that begins there anyway keeps the key that it has outside of the sweep.
    return [
        one if first is None or first == start else dataclasses.replace(one, options={**one.options, "start": start})
        for one, first in zip(requests, firsts, strict=True)
    ]


def _pair(pair: tuple[Request, ExecutionResult]) -> tuple[Outcome | None, errors.OutsampleError | None]:
    return evaluated(*pair)


def evaluated(request: Request, execution: ExecutionResult) -> tuple[Outcome | None, errors.OutsampleError | None]:
    """Return what an execution led to, or the error that it ended with."""
    try:
        raise_for_status(execution, request.policy)
        return evaluate(request, execution), None
    except errors.OutsampleError as error:
        return None, error


def _row(combination: Combination) -> dict[str, object]:
    row: dict[str, object] = {
        name: canonical_json(value).decode() if isinstance(value, list | tuple) else value
        for name, value in combination.params.items()
    }
    row["objective"] = combination.value
    if combination.outcome is not None:
        measured = combination.outcome.metrics
        for name in ("sharpe", "total_return", "cagr", "max_drawdown", "volatility", "n_trades"):
            row[name] = getattr(measured, name, math.nan)
    row["error"] = "" if combination.error is None else str(combination.error)
    return row
