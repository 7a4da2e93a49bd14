"""outsample: backtests in a notebook cell whose numbers can be believed.

``%load_ext outsample`` registers the magics; everything in ``__all__`` can be imported from here. Names
are loaded when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from outsample import wiring

__version__ = "0.1.0"

_HOMES = {
    "outsample.alpha": ("AlphaResult", "alpha_backtest"),
    "outsample.api": ("backtest", "sweep", "walk_forward"),
    "outsample.archive": ("Explanation", "Store"),
    "outsample.backtester": ("Backtester", "abacktest"),
    "outsample.batch": ("BatchReport", "run_many"),
    "outsample.classify": ("Judgement", "classify_batch", "classify_error", "classify_success"),
    "outsample.config": ("Conventions", "Costs", "Execution", "SandboxPolicy", "Thresholds"),
    "outsample.data": ("Dataset", "StrategyFrame", "load"),
    "outsample.engine": ("Simulation", "from_signals", "get_engine", "list_engines", "sim"),
    "outsample.errors": (
        "ConfigError",
        "DataError",
        "DataInvalid",
        "DataMissing",
        "EngineError",
        "JobError",
        "MissingExtra",
        "OutsampleError",
        "ResultChanged",
        "ResultInvalid",
        "SandboxCancelled",
        "SandboxCrashed",
        "SandboxError",
        "SandboxKilled",
        "SandboxMemory",
        "SandboxOutputLimit",
        "SandboxRefused",
        "SandboxTimeout",
        "StoreError",
        "StrategyError",
        "ValidationError",
        "ZeroTrades",
    ),
    "outsample.golden": ("GoldenCheck", "accept_golden", "check_golden", "record_golden"),
    "outsample.guards": ("SelfTestReport", "selftest"),
    "outsample.jobs": ("Job", "JobTables", "submit"),
    "outsample.metrics": ("Metrics", "measure"),
    "outsample.model": (
        "ErrorCategory",
        "ExecutionResult",
        "Positions",
        "SandboxReport",
        "Status",
        "SuccessLevel",
        "Verdict",
    ),
    "outsample.research.bootstrap": ("Bootstrap", "bootstrap"),
    "outsample.research.lookahead": ("LookaheadReport", "check_lookahead"),
    "outsample.results": ("Comparison", "MonteCarlo", "Result", "Sweep", "WalkForward", "compare", "monte_carlo"),
    "outsample.sandbox": ("run_sandboxed",),
    "outsample.strategy": ("Parameter", "Strategy"),
    "outsample.validation": ("Finding", "validate"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("metrics", "stats", "errors")

__all__ = [
    "AlphaResult",
    "Backtester",
    "BatchReport",
    "Bootstrap",
    "Comparison",
    "ConfigError",
    "Conventions",
    "Costs",
    "DataError",
    "DataInvalid",
    "DataMissing",
    "Dataset",
    "EngineError",
    "ErrorCategory",
    "Execution",
    "ExecutionResult",
    "Explanation",
    "Finding",
    "GoldenCheck",
    "Job",
    "JobError",
    "JobTables",
    "Judgement",
    "LookaheadReport",
    "Metrics",
    "MissingExtra",
    "MonteCarlo",
    "OutsampleError",
    "Parameter",
    "Positions",
    "Result",
    "ResultChanged",
    "ResultInvalid",
    "SandboxCancelled",
    "SandboxCrashed",
    "SandboxError",
    "SandboxKilled",
    "SandboxMemory",
    "SandboxOutputLimit",
    "SandboxPolicy",
    "SandboxRefused",
    "SandboxReport",
    "SandboxTimeout",
    "SelfTestReport",
    "Simulation",
    "Status",
    "Store",
    "StoreError",
    "Strategy",
    "StrategyError",
    "StrategyFrame",
    "SuccessLevel",
    "Sweep",
    "Thresholds",
    "ValidationError",
    "Verdict",
    "WalkForward",
    "ZeroTrades",
    "__version__",
    "abacktest",
    "accept_golden",
    "alpha_backtest",
    "backtest",
    "bootstrap",
    "check_golden",
    "check_lookahead",
    "classify_batch",
    "classify_error",
    "classify_success",
    "compare",
    "from_signals",
    "get_engine",
    "list_engines",
    "load",
    "load_ipython_extension",
    "measure",
    "monte_carlo",
    "record_golden",
    "run_many",
    "run_sandboxed",
    "selftest",
    "sim",
    "submit",
    "sweep",
    "unload_ipython_extension",
    "validate",
    "walk_forward",
]

if TYPE_CHECKING:
    from outsample.alpha import AlphaResult, alpha_backtest
    from outsample.api import backtest, sweep, walk_forward
    from outsample.archive import Explanation, Store
    from outsample.backtester import Backtester, abacktest
    from outsample.batch import BatchReport, run_many
    from outsample.classify import Judgement, classify_batch, classify_error, classify_success
    from outsample.config import Conventions, Costs, Execution, SandboxPolicy, Thresholds
    from outsample.data import Dataset, StrategyFrame, load
    from outsample.engine import Simulation, from_signals, get_engine, list_engines, sim
    from outsample.errors import (
        ConfigError,
        DataError,
        DataInvalid,
        DataMissing,
        EngineError,
        JobError,
        MissingExtra,
        OutsampleError,
        ResultChanged,
        ResultInvalid,
        SandboxCancelled,
        SandboxCrashed,
        SandboxError,
        SandboxKilled,
        SandboxMemory,
        SandboxOutputLimit,
        SandboxRefused,
        SandboxTimeout,
        StoreError,
        StrategyError,
        ValidationError,
        ZeroTrades,
    )
    from outsample.golden import GoldenCheck, accept_golden, check_golden, record_golden
    from outsample.guards import SelfTestReport, selftest
    from outsample.jobs import Job, JobTables, submit
    from outsample.metrics import Metrics, measure
    from outsample.model import ErrorCategory, ExecutionResult, Positions, SandboxReport, Status, SuccessLevel, Verdict
    from outsample.research.bootstrap import Bootstrap, bootstrap
    from outsample.research.lookahead import LookaheadReport, check_lookahead
    from outsample.results import Comparison, MonteCarlo, Result, Sweep, WalkForward, compare, monte_carlo
    from outsample.sandbox import run_sandboxed
    from outsample.strategy import Parameter, Strategy
    from outsample.validation import Finding, validate


def _configured_store() -> object | None:
    store: object | None = importlib.import_module("outsample.ledger.trials").ledger_of(None)[0]
    return store


wiring.connect(_configured_store)

# The result of the newest cell; None before there is one.
last: Result | None = None


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"outsample.{name}")
    raise AttributeError(f"module 'outsample' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})


def load_ipython_extension(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Register ``%%backtest`` and its companions; called by ``%load_ext outsample``."""
    from outsample.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:  # noqa: ANN401 - an InteractiveShell
    """Remove the magics and end the sandbox server; called by ``%unload_ext outsample``."""
    from outsample.notebook import unload

    unload(shell)
