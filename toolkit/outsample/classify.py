"""Verdicts: how far a strategy got, and what kind of failure it was.

Two steps, kept apart. `classify_success` looks at the metrics alone: its verdict follows from the result
key and is part of the canonical result. `judge` adds what depends on the ledger and on checks that cost
time (look-ahead, trials, out-of-sample): it is what a person is shown, and says as of when.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from outsample import errors
from outsample.config import Thresholds
from outsample.model import ErrorCategory, SuccessLevel, Verdict

__all__ = ["Evidence", "Judgement", "classify_error", "classify_success", "failed", "judge"]

CORE_METRICS = ("sharpe", "total_return", "max_drawdown")


class _HasMetrics(Protocol):
    def to_dict(self) -> dict[str, object]: ...


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known beyond the metrics of one run.

    Parameters
    ----------
    lookahead_clean : bool or None
        True: probes found nothing; False: a leak was found; None: not checked.
    undeclared_costs : tuple of str
        Cost options that the strategy set below its market's preset without being asked.
    n_trials : int
        Distinct configurations tried on the same dataset, this one included.
    trials_variance : float
        Variance of their per-period Sharpe ratios.
    deflated_sharpe : float or None
        Probability that the true Sharpe ratio is positive, given the number of trials.
    out_of_sample_sharpe : float or None
        Sharpe ratio of the stitched out-of-sample returns of a walk-forward.
    as_of : str
        Time at which the ledger was read, ISO.
    """

    lookahead_clean: bool | None = None
    undeclared_costs: tuple[str, ...] = ()
    n_trials: int = 1
    trials_variance: float = math.nan
    deflated_sharpe: float | None = None
    out_of_sample_sharpe: float | None = None
    as_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The level after caps and the evidence it stands on; depends on the ledger.

    Parameters
    ----------
    level : SuccessLevel
    reasons : tuple of str
    error_category : ErrorCategory or None
        LOOKAHEAD if a leak was found.
    evidence : Evidence
    """

    level: SuccessLevel
    reasons: tuple[str, ...]
    error_category: ErrorCategory | None
    evidence: Evidence

    @property
    def robust(self) -> bool:
        """Whether the level is ROBUST."""
        return self.level is SuccessLevel.ROBUST


def classify_success(
    metrics: _HasMetrics | Mapping[str, object] | None,
    *,
    evidence: Evidence | None = None,
    thresholds: Thresholds | None = None,
) -> Verdict:
    """Return how far a strategy got.

    Parameters
    ----------
    metrics : Metrics, mapping or None
        None: it did not run.
    evidence : Evidence, optional
        Without it the level is at most PROFITABLE and no cap applies.
    thresholds : Thresholds, optional

    Examples
    --------
    >>> classify_success({"sharpe": 1.0, "total_return": 0.2, "max_drawdown": -0.1, "n_trades": 3}).level
    <SuccessLevel.PROFITABLE: 3>
    """
    if metrics is None:
        return Verdict(level=SuccessLevel.FAILED, reasons=("the strategy did not run",))
    limits = thresholds or Thresholds()
    values = dict(metrics) if isinstance(metrics, Mapping) else metrics.to_dict()
    verdict = _from_metrics(values, limits)
    if evidence is None:
        return verdict
    judged = judge(verdict, evidence, thresholds=limits)
    return Verdict(level=judged.level, reasons=judged.reasons, error_category=judged.error_category)


def _from_metrics(values: Mapping[str, object], limits: Thresholds) -> Verdict:
    if values.get("n_trades") == 0:
        return Verdict(
            level=SuccessLevel.EXECUTED,
            reasons=("no trades: the positions never became a holding",),
            error_category=ErrorCategory.ZERO_TRADES,
        )
    finite = [name for name in CORE_METRICS if _finite(values.get(name))]
    coverage = len(finite) / len(CORE_METRICS)
    if coverage < limits.coverage:
        missing = ", ".join(name for name in CORE_METRICS if name not in finite)
        return Verdict(
            level=SuccessLevel.EXECUTED, reasons=(f"{missing} undefined: coverage {coverage:.0%} of the core metrics",)
        )
    total = values.get("total_return")
    if not isinstance(total, int | float) or not _finite(total) or total <= limits.total_return:
        shown = f"{total:.2%}" if isinstance(total, int | float) else "undefined"
        return Verdict(level=SuccessLevel.VALID_METRICS, reasons=(f"total return after costs is {shown}",))
    return Verdict(level=SuccessLevel.PROFITABLE, reasons=(f"total return after costs is {total:.2%}",))


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def judge(verdict: Verdict, evidence: Evidence, *, thresholds: Thresholds | None = None) -> Judgement:
    """Cap or raise the level by what is known beyond the metrics.

    A found look-ahead caps at EXECUTED, undeclared costs at VALID_METRICS, an unchecked look-ahead at
    PROFITABLE. ROBUST needs PROFITABLE, a clean check, a positive out-of-sample Sharpe ratio and a
    deflated Sharpe ratio above the threshold.
    """
    limits = thresholds or Thresholds()
    level, reasons, category = verdict.level, list(verdict.reasons), verdict.error_category
    if evidence.lookahead_clean is False:
        level, category = min(level, SuccessLevel.EXECUTED), ErrorCategory.LOOKAHEAD
        reasons.append("look-ahead: the positions change when only later data change")
    if evidence.undeclared_costs:
        level = min(level, SuccessLevel.VALID_METRICS)
        reasons.append(f"costs below the market's, set by the strategy: {', '.join(evidence.undeclared_costs)}")
    if level is SuccessLevel.PROFITABLE:
        missing = _missing_for_robust(evidence, limits)
        if missing:
            reasons.extend(missing)
        else:
            level = SuccessLevel.ROBUST
            reasons.append("clean look-ahead check, positive out-of-sample Sharpe, deflated Sharpe above the threshold")
    return Judgement(level=level, reasons=tuple(reasons), error_category=category, evidence=evidence)


def _missing_for_robust(evidence: Evidence, limits: Thresholds) -> list[str]:
    missing = []
    if evidence.lookahead_clean is None:
        missing.append("look-ahead not checked")
    if evidence.out_of_sample_sharpe is None:
        missing.append("not ROBUST: no walk-forward yet")
    elif not evidence.out_of_sample_sharpe > 0:
        missing.append(f"not ROBUST: out-of-sample Sharpe is {evidence.out_of_sample_sharpe:.2f}")
    deflated = evidence.deflated_sharpe
    if deflated is None or math.isnan(deflated):
        missing.append("not ROBUST: deflated Sharpe undefined")
    elif deflated < limits.deflated_sharpe:
        missing.append(
            f"not ROBUST: deflated Sharpe {deflated:.2f} after {evidence.n_trials} trial"
            f"{'' if evidence.n_trials == 1 else 's'}, "
            f"below {limits.deflated_sharpe:.2f}"
        )
    return missing


# -- errors

_BY_TYPE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], ErrorCategory], ...] = (
    (errors.SandboxTimeout, ErrorCategory.TIMEOUT),
    (errors.SandboxMemory, ErrorCategory.MEMORY),
    (errors.SandboxKilled, ErrorCategory.KILLED),
    (errors.SandboxCrashed, ErrorCategory.KILLED),
    ((errors.SandboxCancelled, KeyboardInterrupt), ErrorCategory.CANCELLED),
    (errors.ZeroTrades, ErrorCategory.ZERO_TRADES),
    (errors.DataMissing, ErrorCategory.DATA_MISSING),
    (errors.MissingExtra, ErrorCategory.IMPORT),
    (errors.EngineError, ErrorCategory.INTERNAL),
)

# Names of the classes that strategies raise, for errors that crossed a process as text.
_BY_NAME = {
    "TimeoutError": ErrorCategory.TIMEOUT,
    "MemoryError": ErrorCategory.MEMORY,
    "DataMissing": ErrorCategory.DATA_MISSING,
    "KeyError": ErrorCategory.DATA_MISSING,
    "FileNotFoundError": ErrorCategory.DATA_MISSING,
    "ModuleNotFoundError": ErrorCategory.IMPORT,
    "ImportError": ErrorCategory.IMPORT,
    "SyntaxError": ErrorCategory.SYNTAX,
    "IndentationError": ErrorCategory.SYNTAX,
    "ZeroDivisionError": ErrorCategory.CALCULATION,
    "FloatingPointError": ErrorCategory.CALCULATION,
    "OverflowError": ErrorCategory.CALCULATION,
    "ArithmeticError": ErrorCategory.CALCULATION,
    "LinAlgError": ErrorCategory.CALCULATION,
    "KeyboardInterrupt": ErrorCategory.CANCELLED,
}

_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), category)
    for pattern, category in (
        (r"invalid syntax|unexpected indent|was never closed|語法錯誤|语法错误", ErrorCategory.SYNTAX),
        (r"no module named|cannot import name|無法匯入|无法导入|找不到模組|找不到模块", ErrorCategory.IMPORT),
        (r"out of memory|unable to allocate|記憶體不足|内存不足", ErrorCategory.MEMORY),
        (r"no trades|zero trades|沒有交易|没有交易", ErrorCategory.ZERO_TRADES),
        (
            r"not in index|no such (?:key|column)|資料不存在|数据不存在|找不到資料|找不到数据",
            ErrorCategory.DATA_MISSING,
        ),
        (
            (
                r"division by zero|singular matrix|could not be broadcast|shapes? .* not aligned|operands could not|"
                r"除以零|除數為零|除数为零|計算錯誤|计算错误"
            ),
            ErrorCategory.CALCULATION,
        ),
        (r"timed? ?out(?!.*login)|逾時|超時|超时", ErrorCategory.TIMEOUT),
    )
)


def classify_error(exc_or_type: BaseException | type[BaseException] | str, message: str = "") -> ErrorCategory:
    """Return what kind of failure an error is.

    Parameters
    ----------
    exc_or_type : exception, exception class or name of one
    message : str
        The text, when only the class or its name is given.

    Examples
    --------
    >>> classify_error(ZeroDivisionError("division by zero"))
    <ErrorCategory.CALCULATION: 'CALCULATION'>
    >>> classify_error("ValueError", "記憶體不足")
    <ErrorCategory.MEMORY: 'MEMORY'>
    """
    if isinstance(exc_or_type, BaseException):
        return _of_exception(exc_or_type, message)
    if isinstance(exc_or_type, type):
        found = next((category for types, category in _BY_TYPE if issubclass(exc_or_type, types)), None)
        return found or _of_text(exc_or_type.__name__, message)
    return _of_text(str(exc_or_type), message)


def _of_exception(error: BaseException, message: str) -> ErrorCategory:
    if isinstance(error, errors.ValidationError):
        return ErrorCategory.SYNTAX if "SyntaxError" in str(error) else ErrorCategory.VALIDATION
    if isinstance(error, errors.ConfigError):
        return ErrorCategory.VALIDATION
    found = next((category for types, category in _BY_TYPE if isinstance(error, types)), None)
    if found is not None:
        return found
    name = error.error_type if isinstance(error, errors.StrategyError) and error.error_type else type(error).__name__
    return _of_text(name, message or str(error))


def _of_text(name: str, message: str) -> ErrorCategory:
    if name in _BY_NAME:
        return _BY_NAME[name]
    return next((category for pattern, category in _PATTERNS if pattern.search(message)), ErrorCategory.OTHER)


def failed(error: BaseException) -> Verdict:
    """Return the verdict of a strategy that did not get as far as metrics."""
    message = str(error) or type(error).__name__
    return Verdict(
        level=SuccessLevel.FAILED, reasons=(message,), error_category=classify_error(error), error_message=message
    )
