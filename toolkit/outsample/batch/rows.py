"""A row of a batch report: what is kept of one strategy when its simulation is gone."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outsample.batch.entries import Entry
from outsample.classify import Evidence, classify_error, judge, suggestion
from outsample.errors import OutsampleError
from outsample.metrics import Metrics
from outsample.model import ErrorCategory, ExecutionResult, SuccessLevel, Verdict
from outsample.results import Result

__all__ = ["KEPT_METRICS", "Finished", "Row", "row_of_error", "row_of_result"]

# What a row keeps of the metrics.
KEPT_METRICS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "probabilistic_sharpe",
    "annual_turnover",
    "time_in_market",
    "cost_drag",
    "n_trades",
    "win_rate",
    "profit_factor",
)
_KEPT_TEXT = 2000


@dataclass(frozen=True, kw_only=True)
class Row:
    """One strategy of a batch.

    Parameters
    ----------
    place : int
        0-based place in the input.
    name, file, cell : str
    meta : mapping of str to str
    level : SuccessLevel
        After caps for look-ahead and undeclared costs. It does not depend on the ledger, nor on the order in
        which strategies were finished.
    reasons : tuple of str
    category : ErrorCategory or None
    message, hint, error_type, traceback : str
    line : int or None
        1-based line of the strategy.
    metrics : mapping of name to number or None
        `KEPT_METRICS`; None where undefined, with the reason in `metric_reasons`. Profit factor may be inf.
    metric_reasons : mapping of name to str
    key : str
        Result key; empty if it did not run.
    lookahead : {"clean", "found", "not checked"}
    wall_seconds, cpu_seconds, peak_memory_mb : float
        Of the strategy's process.
    attempts : int
    cached : bool
        It was known, and not run again: times and memory are those of the run that is known.
    stages : mapping of str to float
        Seconds of load, validate, sandbox, simulate, measure, look-ahead, store, report.
    shape : tuple of int
        Rows and columns of the positions; empty if there are none.
    stdout : str
        End of what the strategy printed.
    warnings : tuple of str
    """

    place: int
    name: str
    file: str = ""
    cell: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)
    level: SuccessLevel = SuccessLevel.FAILED
    reasons: tuple[str, ...] = ()
    category: ErrorCategory | None = None
    message: str = ""
    hint: str = ""
    error_type: str = ""
    traceback: str = ""
    line: int | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    metric_reasons: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    lookahead: str = "not checked"
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    attempts: int = 1
    cached: bool = False
    stages: Mapping[str, float] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    stdout: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def executed(self) -> bool:
        """Whether it ran to its end."""
        return self.level > SuccessLevel.FAILED

    def numbers(self) -> dict[str, Any]:
        """Return everything but times and memory: the same on every machine and for any number of sandboxes."""
        measured = {"wall_seconds", "cpu_seconds", "peak_memory_mb", "stages", "attempts", "cached"}
        return {name: value for name, value in self.__dict__.items() if name not in measured}

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values; an infinite metric is None with a reason."""
        value = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        reasons = dict(self.metric_reasons)
        metrics: dict[str, float | None] = {}
        for name, number in self.metrics.items():
            infinite = number is not None and math.isinf(number)
            metrics[name] = None if infinite else number
            if infinite:
                reasons[name] = "infinite"
        return {
            **value,
            "meta": dict(self.meta),
            "level": int(self.level),
            "level_name": self.level.name,
            "reasons": list(self.reasons),
            "category": None if self.category is None else self.category.value,
            "metrics": metrics,
            "metric_reasons": reasons,
            "stages": {name: round(seconds, 6) for name, seconds in self.stages.items()},
            "shape": list(self.shape),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A strategy that has just been finished, as `on_result` sees it.

    Parameters
    ----------
    row : Row
    result : Result or None
        The whole result; let go of it to keep memory constant.
    error : OutsampleError or None
    done, total : int
    """

    row: Row
    result: Result | None = None
    error: OutsampleError | None = None
    done: int = 0
    total: int = 0


def row_of_result(
    place: int,
    entry: Entry,
    result: Result,
    verdict: Verdict,
    execution: ExecutionResult | None,
    stages: Mapping[str, float],
) -> Row:
    """Return the row of a strategy that ran; without an execution, it was known and not run again."""
    report = result.lookahead
    clean = None if report is None else report.clean
    evidence = Evidence(lookahead_clean=clean, undeclared_costs=result.outcome.undeclared_costs)
    judged = judge(verdict, evidence, thresholds=result.outcome.request.thresholds)
    category = judged.error_category
    caps = [reason for reason in judged.reasons if not reason.startswith("not ROBUST")]
    hint = ""
    if category is ErrorCategory.LOOKAHEAD and report is not None:
        hint = report.hint
    return Row(
        place=place,
        **_identity(entry),
        level=judged.level,
        reasons=tuple(caps),
        category=category,
        message=judged.reasons[-1] if category is ErrorCategory.LOOKAHEAD else verdict.error_message,
        hint=hint or ("" if category is None else suggestion(category)),
        line=report.line if report is not None and clean is False else None,
        **_kept(result.metrics),
        key=result.key,
        lookahead={True: "clean", False: "found", None: "not checked"}[clean],
        **_usage(execution or result.outcome.execution),
        cached=execution is None,
        stages=stages,
        shape=result.outcome.positions.frame.shape,
        warnings=(*_notes(entry), *result.warnings),
    )


def row_of_error(
    place: int,
    entry: Entry,
    error: BaseException,
    *,
    category: ErrorCategory | None = None,
    execution: ExecutionResult | None = None,
    stages: Mapping[str, float] | None = None,
) -> Row:
    """Return the row of a strategy that did not get as far as metrics."""
    kind = category or classify_error(error)
    message = error.message if isinstance(error, OutsampleError) else str(error) or type(error).__name__
    shape = () if execution is None or execution.positions is None else execution.positions.frame.shape
    return Row(
        place=place,
        **_identity(entry),
        reasons=(message,),
        category=kind,
        message=message,
        hint=getattr(error, "hint", "") or suggestion(kind),
        error_type=getattr(error, "error_type", "") or type(error).__name__,
        traceback=getattr(error, "traceback", "")[-_KEPT_TEXT:],
        line=getattr(error, "line", None),
        **_usage(execution),
        stages=stages or {},
        shape=shape,
        warnings=_notes(entry),
    )


def _identity(entry: Entry) -> dict[str, Any]:
    return {"name": entry.name, "file": entry.file, "cell": entry.cell, "meta": dict(entry.meta)}


def _notes(entry: Entry) -> tuple[str, ...]:
    """Notes of the entry; options of a cell line that nobody has read are said, not left out in silence."""
    words = entry.line.split()
    if entry.options is not None or not any(word.startswith("-") for word in words):
        return entry.notes
    return (*entry.notes, f"The options of its cell line were not applied: {entry.line}")


def _usage(execution: ExecutionResult | None) -> dict[str, Any]:
    if execution is None:  # it never came to a sandbox
        return {}
    return {
        "wall_seconds": execution.wall_seconds,
        "cpu_seconds": execution.cpu_seconds,
        "peak_memory_mb": execution.peak_memory_mb,
        "attempts": execution.attempts,
        "stdout": execution.stdout[-_KEPT_TEXT:],
    }


def _kept(metrics: Metrics) -> dict[str, Any]:
    values = {name: getattr(metrics, name) for name in KEPT_METRICS}
    reasons = {name: str(metrics.reasons[name]) for name in KEPT_METRICS if name in metrics.reasons}
    return {
        "metrics": {
            name: None if value is None or math.isnan(value) else float(value) for name, value in values.items()
        },
        "metric_reasons": reasons,
    }
