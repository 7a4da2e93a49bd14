"""One combination of a sweep: its numbers at once, everything else when it is asked for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from outsample import errors
from outsample.config import Costs, Execution
from outsample.data import Dataset
from outsample.engine import Simulation, simulate
from outsample.engine.many import returns_of
from outsample.engine.segments import Held
from outsample.model import ExecutionResult, Positions
from outsample.pipeline import Outcome, evaluate, execute, raise_for_status, weights_of
from outsample.request import Request, resolved_options
from outsample.research.numbers import Numbers
from outsample.strategy import Literal

__all__ = ["Combination", "Run"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What is kept of a run that did not fail.

    Parameters
    ----------
    dates : DatetimeIndex
        Of the returns.
    numbers : Numbers
    execution : Execution
    costs : Costs
        The resolved options.
    row : ndarray [bar], optional
        Net returns, where they are known already.
    held : Held, optional
        The holdings, where they were measured without returns.
    data : Dataset, optional
        What returns are made from when they are asked for.
    """

    dates: pd.DatetimeIndex
    numbers: Numbers
    execution: Execution
    costs: Costs
    row: np.ndarray | None = None
    held: Held | None = None
    data: Dataset | None = None

    @cached_property
    def returns(self) -> np.ndarray:
        """Net returns [bar], a fraction; those of the ordinary engine to the bit."""
        if self.row is not None:
            return self.row
        assert self.held is not None
        return returns_of(self.held, self.data, execution=self.execution, costs=self.costs)

    def __getstate__(self) -> dict[str, object]:
        # Returns travel, data do not.
        state = {name: self.__dict__[name] for name in self.__dataclass_fields__}
        return {**state, "row": self.returns, "data": None}


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
    execution : ExecutionResult or None
        What the strategy decided; None: it is run again when its decisions are asked for.
    run : Run or None
        None if it failed.
    error : OutsampleError or None
    value : float
        The objective over the whole evaluation; NaN if it failed or is undefined.
    """

    params: Mapping[str, Literal]
    base: Request
    start: pd.Timestamp | None = None
    execution: ExecutionResult | None = None
    run: Run | None = None
    error: errors.OutsampleError | None = None
    value: float = math.nan

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
        execution = self._execution
        assert execution.positions is not None
        return execution.positions

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
