"""Verdicts: how far a strategy got, and a batch of them.

Two steps, kept apart. `classify_success` looks at the metrics alone: its verdict follows from the result
key and is part of the canonical result. `judge` adds what depends on the ledger and on checks that cost
time (look-ahead, trials, out-of-sample): it is what a person is shown, and says as of when.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from outsample.config import Thresholds
from outsample.model import ErrorCategory, SuccessLevel, Verdict

__all__ = ["Evidence", "Judgement", "classify_batch", "classify_success", "judge"]

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


# -- batches


def classify_batch(results: Iterable[object], *, thresholds: Thresholds | None = None) -> Verdict:
    """Return how far a batch got: by the share of strategies with valid metrics, then of profitable ones.

    Parameters
    ----------
    results : iterable
        A `Result`, `Verdict`, row of a batch report, or `SuccessLevel` each. All count, also those that failed.
    thresholds : Thresholds, optional
        ``batch_coverage`` and ``batch_profitable``.

    Returns
    -------
    Verdict
        FAILED: nothing ran. EXECUTED: too few have valid metrics. VALID_METRICS: too few of all are
        profitable. PROFITABLE otherwise; never ROBUST, which is said of a strategy.

    Examples
    --------
    >>> classify_batch([SuccessLevel.PROFITABLE, SuccessLevel.VALID_METRICS, SuccessLevel.FAILED]).level
    <SuccessLevel.VALID_METRICS: 2>
    """
    limits = thresholds or Thresholds()
    levels = [_level_of(result) for result in results]
    n = len(levels)
    if not n or max(levels) is SuccessLevel.FAILED:
        return Verdict(level=SuccessLevel.FAILED, reasons=(f"none of {n} strategies ran",))
    valid = sum(level >= SuccessLevel.VALID_METRICS for level in levels)
    good = sum(level >= SuccessLevel.PROFITABLE for level in levels)
    reasons = (
        f"{valid} of {n} strategies ({valid / n:.0%}) have valid metrics; {limits.batch_coverage:.0%} are asked for",
        f"{good} of {n} strategies ({good / n:.0%}) are profitable; {limits.batch_profitable:.0%} are asked for",
    )
    if valid / n < limits.batch_coverage:
        return Verdict(level=SuccessLevel.EXECUTED, reasons=reasons[:1])
    if good / n < limits.batch_profitable:
        return Verdict(level=SuccessLevel.VALID_METRICS, reasons=reasons)
    return Verdict(level=SuccessLevel.PROFITABLE, reasons=reasons)


def _level_of(result: object) -> SuccessLevel:
    if isinstance(result, SuccessLevel):
        return result
    return SuccessLevel(getattr(getattr(result, "judgement", result), "level"))  # noqa: B009 - of any class
