"""Values that travel between two or more stages: frozen, keyword-only, picklable.

What only one stage makes and its reader holds lives with that stage (``Finding`` in validation,
``Simulation`` in engine, ``Metrics`` in metrics, ``LookaheadReport`` in research).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

__all__ = [
    "SEMANTICS",
    "ErrorCategory",
    "ExecutionResult",
    "Positions",
    "SandboxReport",
    "SimCall",
    "Status",
    "SuccessLevel",
    "Verdict",
]

# Environment variable: judge by this number of trials, not by the ledger. Set for the kernels of reports.
PINNED_TRIALS = "OUTSAMPLE_N_TRIALS"

# Raised by hand whenever any number that a result reports can change for the same inputs. Part of
# every result key; tests/test_semantics.py holds it against stored results.
SEMANTICS = 2


class Status(enum.StrEnum):
    """How a sandboxed run ended."""

    OK = "ok"
    REJECTED = "rejected"
    STRATEGY_ERROR = "strategy_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    RESULT_INVALID = "result_invalid"
    KILLED = "killed"
    CRASHED = "crashed"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class SuccessLevel(enum.IntEnum):
    """How far a strategy got."""

    FAILED = 0
    EXECUTED = 1
    VALID_METRICS = 2
    PROFITABLE = 3
    ROBUST = 4


class ErrorCategory(enum.StrEnum):
    """What kind of failure it was."""

    TIMEOUT = "TIMEOUT"
    MEMORY = "MEMORY"
    DATA_MISSING = "DATA_MISSING"
    CALCULATION = "CALCULATION"
    SYNTAX = "SYNTAX"
    VALIDATION = "VALIDATION"
    IMPORT = "IMPORT"
    LOOKAHEAD = "LOOKAHEAD"
    ZERO_TRADES = "ZERO_TRADES"
    KILLED = "KILLED"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"
    OTHER = "OTHER"


@dataclass(frozen=True, kw_only=True)
class SimCall:
    """The arguments of a strategy's last ``sim`` call.

    Parameters
    ----------
    dialect : {"outsample", "finlab"}
        Whose ``sim`` was called: ours, or the one imported from finlab.backtest.
    options : mapping
        Option name -> scalar or list of ISO dates, as the strategy wrote them; not yet validated.
    """

    dialect: str = "outsample"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Positions:
    """What a strategy wants to hold.

    Parameters
    ----------
    frame : DataFrame [date x symbol], bool or float64
        Row t was decided with what was known at the close of bar t. NaN is 0.
    kind : {"position", "signal"}
        Weights (or membership), or scores for the alpha mode.
    call : SimCall or None
        The strategy's own ``sim`` call; None if it only assigned a table.
    """

    frame: pd.DataFrame
    kind: str = "position"
    call: SimCall | None = None


@dataclass(frozen=True, kw_only=True)
class SandboxReport:
    """What protected a run.

    Parameters
    ----------
    level : {"kernel-confined", "partially-confined", "process-only"}
        Derived from the probes.
    layers : mapping of str to str
        Layer -> "active", "unavailable: why" or "off by user".
    probes : mapping of str to bool
        Forbidden act -> whether the kernel stopped it when a locked child really tried.
    open : tuple of str
        What is not protected, in plain words.
    """

    level: str
    layers: Mapping[str, str] = field(default_factory=dict)
    probes: Mapping[str, bool] = field(default_factory=dict)
    open: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ExecutionResult:
    """The outcome of running a strategy's code, whatever happened.

    Parameters
    ----------
    status : Status
    positions : Positions or None
        Only with status ok.
    stdout : str
        Captured text (stdout and stderr in the order written), control characters translated.
    output_bytes : int
        Bytes written, of which `stdout` may be the first part.
    warnings : tuple of str
        Warnings raised in the child, and calls that were made no-ops.
    error : str
        Message of what went wrong, or an empty string.
    error_type : str
        Name of the exception class raised by the strategy, or an empty string.
    hint : str
        What to do about it.
    line : int or None
        1-based line of the strategy's source.
    traceback : str
        The strategy's own frames, as text.
    findings : tuple
        What the validator found (errors only with status rejected; warnings always).
    wall_seconds, cpu_seconds : float
    peak_memory_mb : float
        Highest anonymous memory above the value after the data were mapped, in MiB.
    sandbox : SandboxReport or None
    validate_seconds : float
        Time of checking the source; not part of `wall_seconds`.
    attempts : int
        Runs until this outcome; more than one after faults of the machine, never of the strategy.
    context : mapping
        Where it came from and how far it got: file, cell, parameters, meta, shape of the positions.
    """

    status: Status
    positions: Positions | None = None
    stdout: str = ""
    output_bytes: int = 0
    warnings: tuple[str, ...] = ()
    error: str = ""
    error_type: str = ""
    hint: str = ""
    line: int | None = None
    traceback: str = ""
    findings: tuple[Any, ...] = ()
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    sandbox: SandboxReport | None = None
    validate_seconds: float = 0.0
    attempts: int = 1
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """How far a strategy got, and why not further.

    Parameters
    ----------
    level : SuccessLevel
    reasons : tuple of str
        Why this level and not the next.
    error_category : ErrorCategory or None
    error_message : str
    """

    level: SuccessLevel
    reasons: tuple[str, ...] = ()
    error_category: ErrorCategory | None = None
    error_message: str = ""
