"""Sweep: a strategy with every combination of parameter values, each simulated on the same bars.

Combinations run in sandbox sessions: one locked child per thread, a new namespace for each. What a strategy
leaves behind in a module would be seen by the next one, so the best five and five random combinations are
run again in fresh children; if any of them decides otherwise, the strategy is stateful, and all of them are
run again, each in a child of its own.

Of each combination a few numbers are computed at once, many combinations at a time, and kept as a table; the
combination itself, its returns, simulation, metrics and all else are made when they are asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import errors
from outsample.canonical import canonical_json
from outsample.engine import get_engine
from outsample.model import ExecutionResult
from outsample.pipeline import execute, raise_for_status
from outsample.request import Request
from outsample.research.bulk import simulated, simulated_alone
from outsample.research.combination import Combination, Combinations
from outsample.research.evidence import SelectionEvidence, selection_evidence
from outsample.research.grid import Constraint, combinations, neighbourhood_medians
from outsample.research.numbers import NUMBERS
from outsample.research.objective import Objective, scores, smoothed
from outsample.research.parallel import pmap_cancellable
from outsample.research.runs import Run, SweptRuns
from outsample.research.sessions import Done, in_children, in_sessions
from outsample.sandbox.decode import Batch
from outsample.strategy import Literal
from outsample.strategy.parameters import coerce
from outsample.validation import validate

__all__ = ["Combination", "SweepRuns", "run_sweep"]

CONTROLS = 5


@dataclass(frozen=True, kw_only=True)
class SweepRuns:
    """All combinations of a sweep, in grid order.

    Parameters
    ----------
    request : Request
        What was swept.
    grid : mapping
    objective : str or callable
    combinations : Combinations
    stateful : bool
        Runs influenced each other in a session; the numbers are of fresh children.
    seconds : mapping of str to float
        Wall-clock time of the runs, and of the control runs in fresh children.
    """

    request: Request
    grid: Mapping[str, Sequence[Literal]]
    objective: Objective
    combinations: Combinations
    stateful: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per combination, in grid order: parameters, objective, metrics, error."""
        found, runs = self.combinations, self.combinations.runs
        columns: dict[str, object] = {
            name: _shown([params[name] for params in found.params]) for name in (found.params[0] if found else ())
        }
        columns["objective"] = found.values
        if runs.ran.any():
            columns |= {name: runs.column(name) for name in NUMBERS}
        if runs.ran.all():
            columns["n_trades"] = runs.column("n_trades").astype(np.int64)
        failed = {place: str(found[place].error) for place in np.flatnonzero(~runs.ran).tolist()}
        columns["error"] = [failed.get(place, "") for place in range(len(found))] if failed else ""
        return pd.DataFrame(columns)

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns [bar x place of the combination], of those that ran."""
        places = np.flatnonzero(self.combinations.runs.ran).tolist()
        runs = self.combinations.runs.some(places)
        if runs and all(run.dates is runs[0].dates or run.dates.equals(runs[0].dates) for run in runs[1:]):
            values = np.stack([run.returns for run in runs])
            return pd.DataFrame(values.T, index=runs[0].dates, columns=places, copy=False)
        return pd.DataFrame(
            {place: pd.Series(run.returns, index=run.dates) for place, run in zip(places, runs, strict=True)}
        )

    @cached_property
    def evidence(self) -> SelectionEvidence:
        """Deflated Sharpe ratio, PBO and SPA of choosing the best of these combinations."""
        return selection_evidence(
            self.returns.fillna(0.0), self.best.returns, n_trials=len(self.combinations), seed=self.request.seed
        )

    @property
    def best(self) -> Combination:
        """The combination with the largest objective; of equal ones the first in grid order."""
        values = self.combinations.values
        if np.isnan(values).all():
            reasons = sorted({str(c.error) for c in self.combinations if c.error is not None})
            raise errors.StrategyError(
                "No combination has a defined objective.", hint=f"First error: {reasons[0]}" if reasons else ""
            )
        return self.combinations[np.nanargmax(values)]


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
    scores(objective, request.periods_per_year)  # an unknown name is refused before anything runs
    began = time.perf_counter()
    params = combinations(grid, constraint)
    done = in_sessions(request, params, n_jobs, on_done, functools.partial(_check, request, params))
    found = _combined(request, params, done, objective)
    ran = time.perf_counter()
    stateful = _differs_alone(found, n_jobs)
    controlled = time.perf_counter()
    if stateful:
        found = _combined(request, params, in_children(request, params, n_jobs, on_done), objective)
    if smoothed(objective):
        medians = neighbourhood_medians(grid, params, found.values.tolist())
        found = dataclasses.replace(found, values=np.array(medians))
    return SweepRuns(
        request=request,
        grid=dict(grid),
        objective=objective,
        combinations=found,
        stateful=stateful,
        seconds={"runs": ran - began + time.perf_counter() - controlled, "controls": controlled - ran},
    )


def _check(request: Request, params: Sequence[Mapping[str, Literal]]) -> None:
    """Refuse names and values that the strategy does not take, and a source that breaks a rule."""
    get_engine(request.engine)  # an unknown one is no fault of a combination
    strategy = request.strategy.with_params(**params[0])
    for name in params[0]:
        for value in {id(one[name]): one[name] for one in params}.values():  # each value of the grid once
            coerce(name, value, strategy.parameters[name].default)
    sources = (strategy.source, *strategy.modules.values())
    broken = any(item.severity == "error" for text in sources for item in validate(text, modules=strategy.modules))
    if request.validate and broken:
        raise_for_status(execute(dataclasses.replace(request, strategy=strategy)), request.policy)


def _combined(
    request: Request, params: Sequence[Mapping[str, Literal]], done: Sequence[Done], objective: Objective
) -> Combinations:
    """Bring runs to one index, and judge them."""
    done, start = _on_common_start(request, params, done)
    judge = scores(objective, request.periods_per_year)
    (values,) = judge(SweptRuns(parts=[one.runs for one in done]), [None])
    return Combinations(base=request, params=params, done=done, start=start, values=values)


def _on_common_start(
    request: Request, params: Sequence[Mapping[str, Literal]], done: Sequence[Done]
) -> tuple[Sequence[Done], pd.Timestamp | None]:
    """All combinations share one index: the earliest first row of any of them, unless a start is given."""
    firsts = [one.first for one in done if one.first is not None]
    if request.options.get("start") is not None or not firsts:
        return done, None
    start, found, end = min(firsts), [], 0
    later = dataclasses.replace(request, options={**request.options, "start": start})
    for one in done:
        begin, end = end, end + len(one.runs)
        if one.first is None or one.first == start:
            found.append(one)
            continue
        for batch in [one.executions] if one.executions else _alone_again(request, params[begin:end]):
            runs = simulated(later, batch)
            executions = batch if one.executions else None
            found.append(Done(executions=executions, first=one.first, runs=runs))
    return found, start


def _alone_again(request: Request, params: Sequence[Mapping[str, Literal]]) -> Iterator[Batch[ExecutionResult]]:
    """Batches of one: what was too large to keep is decided again."""
    for values in params:
        yield Batch.of(Combination(params=values, base=request).again())


def _differs_alone(found: Combinations, n_jobs: int | None) -> bool:
    """Whether any of the best five and five random combinations decides otherwise in a fresh child."""
    ranked = np.argsort(-found.values, kind="stable")[: np.count_nonzero(~np.isnan(found.values))]
    random = np.random.Generator(np.random.Philox(found.base.seed)).permutation(len(found))
    chosen = [found[place] for place in sorted({*ranked[:CONTROLS].tolist(), *random[:CONTROLS].tolist()})]
    fresh = pmap_cancellable(_again, [one.request for one in chosen], n_jobs=n_jobs)
    return not all(_same(one, again) for one, again in zip(chosen, fresh, strict=True))


def _again(request: Request, cancel: threading.Event | None) -> ExecutionResult:
    return execute(request, cancel)


def _same(one: Combination, again: ExecutionResult) -> bool:
    ours = None if one.execution is None else one.execution.positions
    if ours is not None and again.positions is not None:
        return ours.call == again.positions.call and ours.frame.equals(again.positions.frame)
    if one.execution is None and one.run is not None:  # its decisions were too large to keep
        other = simulated_alone(one.request, again)
        return isinstance(other, Run) and np.array_equal(other.returns, one.run.returns)
    return one.execution is not None and one.execution.status is again.status


def _shown(values: list[Literal]) -> list[object]:
    return [canonical_json(value).decode() if isinstance(value, list | tuple) else value for value in values]
