"""The sentence: Strategy -> validate -> sandbox -> Positions -> simulate -> measure -> classify.

A `Request` holds everything that can change a number; `request_key` is the digest of exactly that. `run`
turns it into an `Outcome`, or raises the typed error of the stage that failed. Nothing here reads a
ledger, a clock that matters, or a setting: what depends on those is added by the layers above.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from outsample import errors
from outsample.canonical import canonical_json, digest
from outsample.classify import classify_success
from outsample.config import (
    FINLAB_DEFAULTS,
    Conventions,
    Costs,
    Execution,
    SandboxPolicy,
    Thresholds,
    option_names,
    resolve_options,
)
from outsample.data import Dataset
from outsample.data.content import frame_id
from outsample.engine import Simulation, get_engine, simulate
from outsample.metrics import Metrics, measure
from outsample.model import SEMANTICS, ExecutionResult, Positions, Status, Verdict
from outsample.sandbox import run_sandboxed
from outsample.strategy import Strategy

__all__ = [
    "Outcome",
    "Request",
    "evaluate",
    "key_parts",
    "raise_for_status",
    "request_key",
    "resolved_options",
    "run",
]

# A label of a yearly period may lie this far from its bars.
LONGEST_LABEL = pd.Timedelta(days=366)
# An option that only checks: it can raise, and never changes a number.
_NOT_IN_KEY = frozenset({"check"})


@dataclass(frozen=True, kw_only=True)
class Request:
    """One backtest: everything that can change a number, and the limits under which it runs.

    Parameters
    ----------
    strategy : Strategy
    data : Dataset
    options : mapping
        Options of ``sim`` that the caller gave; they beat the strategy's own.
    settings : mapping
        Options of ``sim`` from the settings; the strategy's own beat them.
    conventions : Conventions
    thresholds : Thresholds
    engine : str
    benchmark : str or None
        A symbol; None: the dataset's benchmark, else the equal-weighted universe bought and held.
    seed : int
        Of ``random`` and ``numpy.random`` inside the strategy.
    policy : SandboxPolicy
        Not part of the key: limits end a run, they never change a number.
    validate : bool
    """

    strategy: Strategy
    data: Dataset
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    conventions: Conventions = field(default_factory=Conventions)
    thresholds: Thresholds = field(default_factory=Thresholds)
    engine: str = "vectorised"
    benchmark: str | None = None
    seed: int = 0
    policy: SandboxPolicy = field(default_factory=SandboxPolicy)
    validate: bool = True

    def __post_init__(self) -> None:
        resolve_options(self.settings, self.options)  # refuses what is not allowed before anything runs
        if self.benchmark is not None and self.benchmark not in self.data.symbols:
            raise errors.DataMissing(
                f"The benchmark {self.benchmark!r} is no symbol of the dataset {self.data.name!r}.",
                hint=errors.nearest(str(self.benchmark), map(str, self.data.symbols)),
            )


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
                "warnings": self.warnings,
            }
        )


def run(request: Request, *, on_stage: Callable[[str], None] | None = None) -> Outcome:
    """Run one backtest.

    Parameters
    ----------
    request : Request
    on_stage : callable, optional
        Called with the name of each stage as it begins.

    Raises
    ------
    ValidationError, SandboxError, StrategyError, DataError, ConfigError
        The stage that failed.
    """
    watch = _Watch(on_stage)
    watch.begin("sandbox")
    execution = run_sandboxed(
        request.strategy, request.data, policy=request.policy, validate=request.validate, seed=request.seed
    )
    raise_for_status(execution, request.policy)
    return evaluate(request, execution, watch=watch)


def evaluate(request: Request, execution: ExecutionResult, *, watch: _Watch | None = None) -> Outcome:
    """Turn what the sandbox returned into an Outcome: simulate, measure, classify."""
    watch = watch or _Watch(None)
    positions = execution.positions
    assert positions is not None
    if positions.kind == "signal":
        raise errors.StrategyError(
            "The strategy assigned `signal` (scores), not `position` (weights).",
            hint="Assign position, for example position = signal.is_largest(10); scores are for alpha_backtest().",
        )
    _check_dates(positions.frame.index, request.data)
    watch.begin("simulate")
    options, costs, undeclared = resolved_options(request, positions)
    simulation = simulate(positions.frame, request.data, execution=options, costs=costs, engine=request.engine)
    benchmark, benchmark_name = _benchmark(request, simulation, costs)
    watch.begin("measure")
    metrics = measure(
        simulation, benchmark=None if benchmark is None else benchmark.returns, conventions=_conventions(request)
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


def _check_dates(index: pd.Index, data: Dataset) -> None:
    """Refuse rows that are no dates of this dataset; labels of the period that is not over yet may be ahead."""
    dates = index if isinstance(index, pd.DatetimeIndex) else pd.DatetimeIndex(index)
    local = dates.tz_localize(None)
    first, last = data.dates[0].tz_localize(None), data.dates[-1].tz_localize(None)
    outside = local[(local < first - LONGEST_LABEL) | (local > last + LONGEST_LABEL)]
    if len(outside):
        raise errors.ResultInvalid(
            f"{len(outside)} of {len(local)} rows of position are dated outside the data, for example "
            f"{outside[0].date()}. The data run from {first.date()} to {last.date()}.",
            hint="Build position from frames of data.get, so that it has their dates.",
        )


# -- options


def resolved_options(request: Request, positions: Positions) -> tuple[Execution, Costs, tuple[str, ...]]:
    """Resolve the options of a run: caller > the strategy's ``sim`` call > settings > preset.

    Returns
    -------
    execution : Execution
    costs : Costs
    undeclared : tuple of str
        Cost options that the strategy lowered below the preset and the caller did not give.
    """
    preset = request.data.preset.options
    call: dict[str, Any] = {}
    if positions.call is not None:
        base = FINLAB_DEFAULTS if positions.call.dialect == "finlab" else {}
        call = {**base, **{name: value for name, value in positions.call.options.items() if value is not None}}
    execution, costs = resolve_options(preset, request.settings, call, request.options)
    undeclared = tuple(
        name
        for name in ("fee_ratio", "tax_ratio")
        if request.options.get(name) is None and name in call and getattr(costs, name) < preset.get(name, 0.0)
    )
    return execution, costs, undeclared


def _cost_warnings(undeclared: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        f"The strategy sets {name} below the market's; give --{name.replace('_', '-')} yourself to accept it."
        for name in undeclared
    )


def _conventions(request: Request) -> Conventions:
    periods = request.conventions.periods_per_year or request.data.periods_per_year
    return dataclasses.replace(request.conventions, periods_per_year=periods)


# -- the key


def request_key(request: Request) -> str:
    """Return the result key: 64 hexadecimal digits, equal for equal inputs."""
    return digest(key_parts(request))


def key_parts(request: Request) -> dict[str, Any]:
    """Return the inputs of a result by name; `digest` of them is the key."""
    return {
        "structure": request.strategy.sha,
        "parameters": dict(request.strategy.values),
        "config": _key_config(request),
        "snapshot": request.data.id,
        "semantics": SEMANTICS,
        "environment": _environment(request.strategy),
        "seed": request.seed,
    }


def _key_config(request: Request) -> dict[str, Any]:
    given = {name: value for name, value in request.options.items() if value is not None}
    if "sim" not in request.strategy.names:
        # Without a sim call of its own nothing stands between the caller and the defaults.
        default, given = _as_mapping(request.data.preset.options, request.settings, given), {}
    else:
        default = _as_mapping(request.data.preset.options, request.settings)
    forced = {name: value for name, value in _as_mapping(given).items() if name in given}
    return {
        "caller": forced,
        "default": {name: value for name, value in default.items() if name not in forced},
        "engine": [request.engine, get_engine(request.engine).version],
        "benchmark": request.benchmark or request.data.benchmark,
        "conventions": _conventions(request),
        "thresholds": request.thresholds,
    }


def _as_mapping(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Resolved options by name, in one normal form."""
    values = resolve_options(*layers)
    found = {item.name: getattr(value, item.name) for value in values for item in dataclasses.fields(value)}
    return {name: found[name] for name in option_names() if name not in _NOT_IN_KEY}


def _environment(strategy: Strategy) -> dict[str, str]:
    versions = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "pandas": _minor(pd.__version__),
        "numpy": _minor(np.__version__),
    }
    for package, distribution in (("scipy", "scipy"), ("sklearn", "scikit-learn")):
        if package in strategy.names:
            versions[package] = _installed(distribution)
    return versions


def _installed(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return _minor(version(distribution))
    except PackageNotFoundError:
        return "none"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


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
    row = pd.DataFrame([held.to_numpy()], index=dates[:1], columns=data.symbols)
    options = Execution(start=dates[0], end=dates[-1])
    return simulate(row, data, execution=options, costs=costs), name


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

    def end(self) -> None:
        if self._stage:
            self.seconds[self._stage] = time.perf_counter() - self._since
        self._stage = ""
