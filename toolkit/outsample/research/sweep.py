"""Sweep: a strategy with every combination of parameter values, each simulated on the same bars.

Combinations run in sandbox sessions: one locked child per thread, a new namespace for each. What a strategy
leaves behind in a module would be seen by the next one, so the best five and five random combinations are
run again in fresh children; if any of them decides otherwise, the strategy is stateful, and all of them are
run again, each in a child of its own.

Of each combination its returns and a few numbers are computed at once, many combinations at a time; its
simulation, metrics and all else when they are asked for.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
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
from outsample.research.combination import Combination, Run
from outsample.research.evidence import SelectionEvidence, selection_evidence
from outsample.research.grid import Constraint, combinations, neighbourhood_medians
from outsample.research.numbers import NUMBERS
from outsample.research.objective import Objective, scores, smoothed
from outsample.research.parallel import pmap_cancellable
from outsample.research.sessions import Done, in_children, in_sessions
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
    combinations : tuple of Combination
    stateful : bool
        Runs influenced each other in a session; the numbers are of fresh children.
    seconds : mapping of str to float
        Wall-clock time of the runs, and of the control runs in fresh children.
    """

    request: Request
    grid: Mapping[str, Sequence[Literal]]
    objective: Objective
    combinations: tuple[Combination, ...]
    stateful: bool = False
    seconds: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per combination, in grid order: parameters, objective, metrics, error."""
        found = self.combinations
        columns: dict[str, object] = {
            name: [_shown(one.params[name]) for one in found] for name in (found[0].params if found else ())
        }
        columns["objective"] = [one.value for one in found]
        if any(one.run is not None for one in found):
            for name in NUMBERS:
                columns[name] = [math.nan if one.run is None else getattr(one.run.numbers, name) for one in found]
        columns["error"] = ["" if one.error is None else str(one.error) for one in found]
        return pd.DataFrame(columns)

    @cached_property
    def returns(self) -> pd.DataFrame:
        """Net returns [bar x place of the combination], of those that ran."""
        ran = {place: one.run for place, one in enumerate(self.combinations) if one.run is not None}
        runs = list(ran.values())
        if runs and all(run.dates is runs[0].dates or run.dates.equals(runs[0].dates) for run in runs[1:]):
            values = np.stack([run.returns for run in runs])
            return pd.DataFrame(values.T, index=runs[0].dates, columns=list(ran), copy=False)
        return pd.DataFrame({place: pd.Series(run.returns, index=run.dates) for place, run in ran.items()})

    @cached_property
    def evidence(self) -> SelectionEvidence:
        """Deflated Sharpe ratio, PBO and SPA of choosing the best of these combinations."""
        return selection_evidence(
            self.returns.fillna(0.0), self.best.returns, n_trials=len(self.combinations), seed=self.request.seed
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
        medians = neighbourhood_medians(grid, params, [one.value for one in found])
        found = [dataclasses.replace(one, value=value) for one, value in zip(found, medians, strict=True)]
    return SweepRuns(
        request=request,
        grid=dict(grid),
        objective=objective,
        combinations=tuple(found),
        stateful=stateful,
        seconds={"runs": ran - began + time.perf_counter() - controlled, "controls": controlled - ran},
    )


def _check(request: Request, params: Sequence[Mapping[str, Literal]]) -> None:
    """Refuse names and values that the strategy does not take, and a source that breaks a rule."""
    get_engine(request.engine)  # an unknown one is no fault of a combination
    strategy = request.strategy.with_params(**params[0])
    for name in params[0]:
        values: list[Literal] = []
        for one in params:
            if not any(one[name] is value for value in values[-1:]):
                coerce(name, one[name], strategy.parameters[name].default)
                values.append(one[name])
    sources = (strategy.source, *strategy.modules.values())
    broken = any(item.severity == "error" for text in sources for item in validate(text, modules=strategy.modules))
    if request.validate and broken:
        raise_for_status(execute(dataclasses.replace(request, strategy=strategy)), request.policy)


def _combined(
    request: Request, params: Sequence[Mapping[str, Literal]], done: Sequence[Done], objective: Objective
) -> list[Combination]:
    """Bring runs to one index, and judge them."""
    done, start = _on_common_start(request, params, done)
    runs = [one.found if isinstance(one.found, Run) else None for one in done]
    values = scores(objective, request.periods_per_year)(runs, None)
    return [
        Combination(
            params=values_of,
            base=request,
            # A combination that begins there anyway keeps the key that it has outside of the sweep.
            start=None if start is None or one.first is None or one.first == start else start,
            execution=one.execution,
            run=run,
            error=None if isinstance(one.found, Run) else one.found,
            value=value,
        )
        for values_of, one, run, value in zip(params, done, runs, values, strict=True)
    ]


def _on_common_start(
    request: Request, params: Sequence[Mapping[str, Literal]], done: Sequence[Done]
) -> tuple[Sequence[Done], pd.Timestamp | None]:
    """All combinations share one index: the earliest first row of any of them, unless a start is given."""
    firsts = [one.first for one in done if one.first is not None]
    if request.options.get("start") is not None or not firsts:
        return done, None
    start = min(firsts)
    late = [place for place, one in enumerate(done) if one.first is not None and one.first != start]
    if not late:
        return done, start
    later = dataclasses.replace(request, options={**request.options, "start": start})
    executions = [done[place].execution or Combination(params=params[place], base=request).again() for place in late]
    moved = dict(zip(late, simulated(later, executions), strict=True))
    return [
        dataclasses.replace(one, found=moved[place]) if place in moved else one for place, one in enumerate(done)
    ], start


def _differs_alone(found: Sequence[Combination], n_jobs: int | None) -> bool:
    """Whether any of the best five and five random combinations decides otherwise in a fresh child."""
    ranked = sorted(
        (place for place, one in enumerate(found) if not math.isnan(one.value)),
        key=lambda place: (-found[place].value, place),
    )
    random = np.random.Generator(np.random.Philox(found[0].base.seed))
    places = sorted({*ranked[:CONTROLS], *random.permutation(len(found))[:CONTROLS].tolist()})
    chosen = [found[place] for place in places]
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


def _shown(value: Literal) -> object:
    return canonical_json(value).decode() if isinstance(value, list | tuple) else value
