"""Combinations of a sweep: their numbers at once, everything else when it is asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import errors
from outsample.engine import Simulation, simulate
from outsample.engine.plan import decision_rows
from outsample.model import ExecutionResult, Positions
from outsample.pipeline import Outcome, evaluate, execute, raise_for_status, weights_of
from outsample.request import Request, resolved_options
from outsample.research.runs import Found, Run, SweptRuns
from outsample.research.sessions import Done
from outsample.sandbox.decode import Batch
from outsample.sequences import LazySequence
from outsample.strategy import Literal

__all__ = ["Combination", "Combinations"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Combination:
    """One combination of a sweep.

    Parameters
    ----------
    params : mapping
    base : Request
        What was swept.
    start : Timestamp or None
        Where the evaluation begins, if not with the combination's own first row.
    batch : Batch of ExecutionResult, or None
        Where what the strategy decided is kept; None: it is run again when its decisions are asked for.
    place : int
        Which of them.
    run : Run or None
        None if it failed.
    error : OutsampleError or None
    value : float
        The objective over the whole evaluation; NaN if it failed or is undefined.
    """

    params: Mapping[str, Literal]
    base: Request
    start: pd.Timestamp | None = None
    batch: Batch[ExecutionResult] | None = None
    place: int = 0
    run: Run | None = None
    error: errors.OutsampleError | None = None
    value: float = math.nan

    @property
    def execution(self) -> ExecutionResult | None:
        """What the strategy decided, if it is kept."""
        return None if self.batch is None else self.batch[self.place]

    @property
    def found(self) -> Found:
        """The run, or the error that it ended with."""
        found = self.run or self.error
        assert found is not None
        return found

    @cached_property
    def request(self) -> Request:
        """What was run: alone it gives the same key and the same numbers."""
        options = self.base.options if self.start is None else {**self.base.options, "start": self.start}
        strategy = self.base.strategy.with_params(**self.params)
        return dataclasses.replace(self.base, strategy=strategy, options=options, validate=False)

    @property
    def returns(self) -> pd.Series | None:
        """Net returns [bar]; None if it failed."""
        return None if self.run is None else pd.Series(self.run.returns, index=self.run.dates, name="returns")

    @cached_property
    def positions(self) -> Positions | None:
        """What the strategy decided; None if it failed."""
        if self.run is None:
            return None
        positions = self._execution.positions if self.batch is None else self.batch.positions[self.place]
        assert positions is not None
        return positions

    @cached_property
    def decisions(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Dates in nanoseconds since 1970 [decision], and weights [decision x symbol]; None if it failed."""
        if self.run is None or self.positions is None:
            return None
        return decision_rows(weights_of(self.base, self.positions), self.base.data, self.run.execution)

    @cached_property
    def simulation(self) -> Simulation | None:
        """The simulation; None if it failed."""
        positions = self.positions
        if positions is None:
            return None
        options, costs, _ = resolved_options(self.request, positions)
        weights = weights_of(self.request, positions)
        return simulate(weights, self.base.data, execution=options, costs=costs, engine=self.base.engine)

    @cached_property
    def outcome(self) -> Outcome | None:
        """All that `backtest` says of these parameters, measured when it is first asked for; None if it failed."""
        return None if self.run is None else evaluate(self.request, self._execution)

    def __getstate__(self) -> dict[str, object]:
        # Its own decisions travel, those of others in the batch do not.
        batch = None if self.execution is None else Batch.of(self.execution)
        return {**self.__dict__, "batch": batch, "place": 0}

    def again(self) -> ExecutionResult:
        """Run the strategy again, in a fresh child.

        Raises
        ------
        StrategyError, SandboxError
            It fails this time.
        """
        again = execute(self.request)
        raise_for_status(again, self.request.policy)
        return again

    @cached_property
    def _execution(self) -> ExecutionResult:
        return self.execution or self.again()


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Combinations(LazySequence[Combination]):
    """All combinations of a sweep, in grid order.

    Parameters
    ----------
    base : Request
        What was swept.
    params : sequence of mapping
    done : sequence of Done
        What they came to, batch by batch.
    start : Timestamp or None
        The first row of any of them, on which the evaluation of all begins.
    values : ndarray of float64 [combination]
        The objective of each; NaN if it failed or is undefined.
    """

    base: Request
    params: Sequence[Mapping[str, Literal]]
    done: Sequence[Done]
    start: pd.Timestamp | None
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.params)

    @cached_property
    def runs(self) -> SweptRuns:
        """The run of each."""
        return SweptRuns(parts=[one.runs for one in self.done])

    def make(self, place: int) -> Combination:
        """Return one of them."""
        part, inside = self.runs.locate(place)
        done = self.done[part]
        found = done.runs[inside]
        return Combination(
            params=self.params[place],
            base=self.base,
            # A combination that begins there anyway keeps the key that it has outside of the sweep.
            start=None if done.first is None or done.first == self.start else self.start,
            batch=done.executions,
            place=inside,
            run=found if isinstance(found, Run) else None,
            error=None if isinstance(found, Run) else found,
            value=float(self.values[place]),
        )
