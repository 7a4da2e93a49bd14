"""The sentence: Strategy -> validate -> sandbox -> Positions -> simulate -> measure -> classify.

A `Request` holds everything that can change a number; `request_key` is the digest of exactly that. `run`
turns it into an `Outcome`, or raises the typed error of the stage that failed. Nothing here reads a
ledger, a clock that matters, or a setting: what depends on those is added by the layers above.
"""

from __future__ import annotations

import dataclasses
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from outsample import errors
from outsample.canonical import canonical_json, digest
from outsample.classify import classify_success
from outsample.config import Costs, Execution, SandboxPolicy
from outsample.data import Dataset
from outsample.data.content import frame_id
from outsample.engine import Simulation, simulate
from outsample.engine.market import market_of
from outsample.engine.scores import scores_of, signal_weights
from outsample.metrics import Metrics, measure
from outsample.model import ExecutionResult, Positions, Status, Verdict
from outsample.request import Request, key_parts, resolved_options
from outsample.sandbox import run_sandboxed

__all__ = [
    "Evaluator",
    "Executor",
    "Outcome",
    "check_dates",
    "evaluate",
    "execute",
    "raise_for_status",
    "run",
    "weights_of",
]

# What runs the strategy of a request: the request, and what cancels it.
Executor = Callable[[Request, threading.Event | None], ExecutionResult]

# What turns an execution into an outcome elsewhere; it must answer what `evaluate` would.
Evaluator = Callable[[Request, ExecutionResult], "Outcome"]

# The runs of a study share their benchmark: so many of each dataset are remembered.
BENCHMARKS = 8
_held: weakref.WeakKeyDictionary[Dataset, dict[object, Simulation]] = weakref.WeakKeyDictionary()

# A label of a yearly period may lie this far from its bars.
LONGEST_LABEL = pd.Timedelta(days=366)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a request led to. Everything but `execution` and `seconds` follows from the key.

    Parameters
    ----------
    request : Request
    key : str
        Digest of `parts`.
    parts : mapping
        The inputs that the key is made of.
    execution : ExecutionResult
    execution_options, costs : Execution, Costs
        The resolved options.
    simulation, benchmark : Simulation
    benchmark_name : str
    metrics : Metrics
    verdict : Verdict
        Level 0-3, without caps.
    undeclared_costs : tuple of str
    warnings : tuple of str
    seconds : mapping of str to float
        Wall-clock time of each stage.
    """

    request: Request
    key: str
    parts: Mapping[str, Any]
    execution: ExecutionResult
    execution_options: Execution
    costs: Costs
    simulation: Simulation
    benchmark: Simulation | None
    benchmark_name: str
    metrics: Metrics
    verdict: Verdict
    undeclared_costs: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: Mapping[str, float]

    @property
    def positions(self) -> Positions:
        """What the strategy wanted to hold."""
        assert self.execution.positions is not None
        return self.execution.positions

    @cached_property
    def canonical_bytes(self) -> bytes:
        """The canonical text of the result: same key, same bytes."""
        simulation = self.simulation
        return canonical_json(
            {
                "format": 1,
                "key": self.key,
                "frame_ids": dict(self.request.data.frame_ids),
                "execution": self.execution_options,
                "costs": self.costs,
                "positions": frame_id(self.positions.frame.astype(np.float64)),
                "equity": frame_id(simulation.equity.to_frame("equity")),
                "trades": frame_id(_content(simulation.trades)),
                "metrics": self.metrics.to_dict(),
                "verdict": self.verdict,
                # What was said when the data were read in is no part of the key.
                "warnings": [text for text in self.warnings if text not in self.request.data.warnings],
            }
        )


def execute(request: Request, cancel: threading.Event | None = None) -> ExecutionResult:
    """Run the strategy of a request in the sandbox; setting `cancel` from another thread ends it."""
    return run_sandboxed(
        request.strategy,
        request.data,
        policy=request.policy,
        validate=request.validate,
        seed=request.seed,
        cancel=cancel,
    )


def run(
    request: Request,
    *,
    on_stage: Callable[[str], None] | None = None,
    execute: Executor = execute,
    evaluator: Evaluator | None = None,
    cancel: threading.Event | None = None,
) -> Outcome:
    """Run one backtest.

    Parameters
    ----------
    request : Request
    on_stage : callable, optional
        Called with the name of each stage as it begins.
    execute : callable, optional
        Runs the strategy of a request; takes the request and `cancel`.
    evaluator : callable, optional
        Instead of `evaluate`, for example in another process.
    cancel : threading.Event, optional
        Set from another thread, it ends the run.

    Raises
    ------
    ValidationError, SandboxError, StrategyError, DataError, ConfigError
        The stage that failed.
    """
    watch = _Watch(on_stage)
    watch.begin("sandbox")
    execution = execute(request, cancel)
    watch.split("sandbox", "validate", execution.validate_seconds)
    raise_for_status(execution, request.policy)
    if evaluator is None:
        return evaluate(request, execution, watch=watch)
    watch.begin("simulate")
    outcome = evaluator(request, execution)
    watch.end()
    return dataclasses.replace(outcome, seconds={**watch.seconds, **outcome.seconds})


def evaluate(request: Request, execution: ExecutionResult, *, watch: _Watch | None = None) -> Outcome:
    """Turn what the sandbox returned into an Outcome: simulate, measure, classify."""
    watch = watch or _Watch(None)
    positions = execution.positions
    assert positions is not None
    check_dates(positions.frame.index, request.data)
    watch.begin("simulate")
    options, costs, undeclared = resolved_options(request, positions)
    simulation = simulate(
        weights_of(request, positions), request.data, execution=options, costs=costs, engine=request.engine
    )
    benchmark, benchmark_name = _benchmark(request, simulation, costs)
    watch.begin("measure")
    metrics = measure(
        simulation, benchmark=None if benchmark is None else benchmark.returns, conventions=request.resolved_conventions
    )
    verdict = classify_success(metrics, thresholds=request.thresholds)
    parts = key_parts(request)
    watch.end()
    return Outcome(
        request=request,
        key=digest(parts),
        parts=parts,
        execution=execution,
        execution_options=options,
        costs=costs,
        simulation=simulation,
        benchmark=benchmark,
        benchmark_name=benchmark_name,
        metrics=metrics,
        verdict=verdict,
        undeclared_costs=undeclared,
        warnings=(*request.data.warnings, *execution.warnings, *simulation.warnings, *_cost_warnings(undeclared)),
        seconds=watch.seconds,
    )


def weights_of(request: Request, positions: Positions) -> pd.DataFrame:
    """Return what the engine is given: the positions, or, in alpha mode, the weights made from the signal.

    Raises
    ------
    StrategyError
        A signal without a weight method, or a weight method without a signal.
    """
    if positions.kind == "signal":
        if request.alpha is None:
            raise errors.StrategyError(
                "The strategy assigned `signal` (scores), not `position` (weights).",
                hint="Say how scores become weights, for example --alpha rank, or assign position = "
                "signal.is_largest(10).",
            )
        return signal_weights(scores_of(positions.frame, market_of(request.data)), method=request.alpha)
    if request.alpha is not None:
        raise errors.StrategyError(
            f"--alpha {request.alpha} is for scores, and the strategy gave positions.",
            hint="Assign the scores to `signal`, or leave --alpha out.",
        )
    return positions.frame


def check_dates(index: pd.Index, data: Dataset) -> None:
    """Refuse rows that are no dates of this dataset; labels of the period that is not over yet may be ahead.

    Raises
    ------
    ResultInvalid
        A row is dated more than a year before the first bar or after the last.
    """
    dates = index if isinstance(index, pd.DatetimeIndex) else pd.DatetimeIndex(index)
    local = dates.tz_localize(None)
    first, last = data.dates[0].tz_localize(None), data.dates[-1].tz_localize(None)
    earliest, latest = first - LONGEST_LABEL, last + LONGEST_LABEL
    if len(local) and (local.min() < earliest or local.max() > latest):
        outside = local[(local < earliest) | (local > latest)]
        raise errors.ResultInvalid(
            f"{len(outside)} of {len(local)} rows of position are dated outside the data, for example "
            f"{outside[0].date()}. The data run from {first.date()} to {last.date()}.",
            hint="Build position from frames of data.get, so that it has their dates.",
        )


def _cost_warnings(undeclared: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"The strategy sets {name} below the market's; give --{name.replace('_', '-')} yourself to accept it."
        for name in undeclared
    )


# -- the benchmark


def _benchmark(request: Request, simulation: Simulation, costs: Costs) -> tuple[Simulation | None, str]:
    """Bought on the strategy's first bar and held, at the same costs."""
    data, dates = request.data, simulation.equity.index
    symbol = request.benchmark or data.benchmark
    if len(dates) < 2:
        return None, ""
    if symbol is None:
        name, held = "equal-weight buy and hold", data.frame("close").loc[dates[0]].notna()
    else:
        name, held = str(symbol), pd.Series([column == symbol for column in data.symbols], index=data.symbols)
    if not held.any():
        return None, ""
    known = _held.setdefault(data, {})
    key = (symbol, dates[0], dates[-1], costs)
    if key not in known:
        row = pd.DataFrame([held.to_numpy()], index=dates[:1], columns=data.symbols)
        options = Execution(start=dates[0], end=dates[-1])
        while len(known) >= BENCHMARKS:
            known.pop(next(iter(known)), None)
        known[key] = simulate(row, data, execution=options, costs=costs)
    return known[key], name


# -- errors


def raise_for_status(execution: ExecutionResult, policy: SandboxPolicy) -> None:
    """Raise the typed error of an execution that did not end well; return if it did."""
    status = execution.status
    if status is Status.OK:
        return
    message = execution.error or f"The run ended with status {status.value}."
    if status is Status.REJECTED:
        raise errors.ValidationError(message, hint=execution.hint, findings=execution.findings, line=execution.line)
    if status is Status.STRATEGY_ERROR:
        raise errors.StrategyError(
            message,
            hint=execution.hint,
            error_type=execution.error_type,
            line=execution.line,
            traceback=execution.traceback,
        )
    if status is Status.MEMORY:
        hint = execution.hint or f"The limit is {policy.memory_mb} MB; raise it with memory_mb or --memory."
        raise errors.SandboxMemory(message, hint=hint)
    if status is Status.TIMEOUT:
        hint = execution.hint or f"The limit is {policy.timeout:g} s; raise it with timeout or --timeout."
        raise errors.SandboxTimeout(message, hint=hint)
    raise _PLAIN_STATUS[status](message, hint=execution.hint)


_PLAIN_STATUS: Mapping[Status, type[errors.SandboxError]] = {
    Status.OUTPUT_LIMIT: errors.SandboxOutputLimit,
    Status.RESULT_INVALID: errors.ResultInvalid,
    Status.KILLED: errors.SandboxKilled,
    Status.CRASHED: errors.SandboxCrashed,
    Status.CANCELLED: errors.SandboxCancelled,
    Status.REFUSED: errors.SandboxRefused,
}


# -- helpers


def _content(trades: pd.DataFrame) -> pd.DataFrame:
    """The table of trades with every column of a type that has a content id."""
    return trades.reset_index(drop=True)


class _Watch:
    """Wall-clock time of consecutive stages."""

    def __init__(self, on_stage: Callable[[str], None] | None) -> None:
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage
        self._stage = ""
        self._since = 0.0

    def begin(self, stage: str) -> None:
        self.end()
        self._stage, self._since = stage, time.perf_counter()
        if self._on_stage is not None:
            self._on_stage(stage)

    def split(self, stage: str, part: str, seconds: float) -> None:
        """End a stage and name a part of it that was timed on its own."""
        self.end()
        self.seconds[part] = seconds
        self.seconds[stage] = max(self.seconds[stage] - seconds, 0.0)

    def end(self) -> None:
        if self._stage:
            self.seconds[self._stage] = time.perf_counter() - self._since
        self._stage = ""
