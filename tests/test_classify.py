"""Verdicts: success levels and error categories."""

import math

import pytest

from outsample import errors
from outsample.classify import Evidence, classify_error, classify_success, failed, judge
from outsample.config import Thresholds
from outsample.model import ErrorCategory, SuccessLevel, Verdict

GOOD = {"sharpe": 1.0, "total_return": 0.3, "max_drawdown": -0.2, "n_trades": 4}
ROBUST = Evidence(
    lookahead_clean=True, n_trials=3, trials_variance=0.01, deflated_sharpe=0.97, out_of_sample_sharpe=0.4
)


@pytest.mark.parametrize(
    ("metrics", "level"),
    [
        (None, SuccessLevel.FAILED),
        ({**GOOD, "n_trades": 0}, SuccessLevel.EXECUTED),
        ({"sharpe": None, "total_return": 0.1, "max_drawdown": None}, SuccessLevel.EXECUTED),
        ({"sharpe": math.nan, "total_return": -0.1, "max_drawdown": -0.1}, SuccessLevel.VALID_METRICS),
        ({**GOOD, "total_return": 0.0}, SuccessLevel.VALID_METRICS),
        ({**GOOD, "total_return": -0.5}, SuccessLevel.VALID_METRICS),
        (GOOD, SuccessLevel.PROFITABLE),
    ],
)
def test_levels_follow_from_metrics(metrics, level):
    """60 % of the core metrics for VALID_METRICS, a positive total for PROFITABLE; never more without evidence."""
    assert classify_success(metrics).level is level


def test_zero_trades_are_named():
    """EXECUTED because of no trades says so."""
    verdict = classify_success({**GOOD, "n_trades": 0})
    assert verdict.error_category is ErrorCategory.ZERO_TRADES
    assert "no trades" in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({}, SuccessLevel.ROBUST),
        ({"lookahead_clean": None}, SuccessLevel.PROFITABLE),
        ({"lookahead_clean": False}, SuccessLevel.EXECUTED),
        ({"undeclared_costs": ("fee_ratio",)}, SuccessLevel.VALID_METRICS),
        ({"out_of_sample_sharpe": None}, SuccessLevel.PROFITABLE),
        ({"out_of_sample_sharpe": 0.0}, SuccessLevel.PROFITABLE),
        ({"out_of_sample_sharpe": math.nan}, SuccessLevel.PROFITABLE),
        ({"deflated_sharpe": 0.949}, SuccessLevel.PROFITABLE),
        ({"deflated_sharpe": None}, SuccessLevel.PROFITABLE),
        ({"deflated_sharpe": math.nan}, SuccessLevel.PROFITABLE),
    ],
)
def test_caps_and_what_robust_needs(change, level):
    """Each missing piece of evidence, alone, keeps the level below ROBUST; a leak and free costs cap it."""
    judged = judge(classify_success(GOOD), Evidence(**{**ROBUST.__dict__, **change}))
    assert judged.level is level
    assert judged.robust == (level is SuccessLevel.ROBUST)


def test_evidence_never_raises_a_lower_level():
    """A losing strategy stays where its numbers put it."""
    verdict = classify_success({**GOOD, "total_return": -0.1})
    assert judge(verdict, ROBUST).level is SuccessLevel.VALID_METRICS


def test_a_found_leak_is_the_category():
    """The reason and the category say look-ahead."""
    verdict = classify_success(GOOD, evidence=Evidence(lookahead_clean=False))
    assert verdict.error_category is ErrorCategory.LOOKAHEAD


def test_thresholds_are_options():
    """A higher bar for the return moves the level."""
    assert classify_success(GOOD, thresholds=Thresholds(total_return=0.5)).level is SuccessLevel.VALID_METRICS


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (errors.SandboxTimeout("x"), ErrorCategory.TIMEOUT),
        (errors.SandboxMemory("x"), ErrorCategory.MEMORY),
        (errors.SandboxKilled("x"), ErrorCategory.KILLED),
        (errors.SandboxCancelled("x"), ErrorCategory.CANCELLED),
        (KeyboardInterrupt(), ErrorCategory.CANCELLED),
        (errors.DataMissing("x"), ErrorCategory.DATA_MISSING),
        (errors.ZeroTrades("x"), ErrorCategory.ZERO_TRADES),
        (errors.ValidationError("rule"), ErrorCategory.VALIDATION),
        (errors.ValidationError("SyntaxError: invalid syntax"), ErrorCategory.SYNTAX),
        (errors.MissingExtra("rq", "queue"), ErrorCategory.IMPORT),
        (errors.StrategyError("division by zero", error_type="ZeroDivisionError"), ErrorCategory.CALCULATION),
        (errors.StrategyError("'price:foo'", error_type="KeyError"), ErrorCategory.DATA_MISSING),
        (
            errors.StrategyError("operands could not be broadcast together", error_type="ValueError"),
            ErrorCategory.CALCULATION,
        ),
        (TimeoutError(), ErrorCategory.TIMEOUT),
        (KeyError("close"), ErrorCategory.DATA_MISSING),
        (ModuleNotFoundError("No module named 'talib'"), ErrorCategory.IMPORT),
        (RuntimeError("something else"), ErrorCategory.OTHER),
        (RuntimeError("除數為零"), ErrorCategory.CALCULATION),
        (RuntimeError("内存不足"), ErrorCategory.MEMORY),
        (RuntimeError("login timed out"), ErrorCategory.OTHER),
        (RuntimeError("timed out waiting for login"), ErrorCategory.OTHER),
    ],
)
def test_error_categories(error, category):
    """By type first, then by the text, in English and Chinese."""
    assert classify_error(error) is category


def test_a_failure_keeps_its_text():
    """The verdict of what did not run has level FAILED, category and message."""
    verdict = failed(errors.SandboxTimeout("too slow", hint="raise it"))
    assert verdict == Verdict(
        level=SuccessLevel.FAILED,
        reasons=("too slow raise it",),
        error_category=ErrorCategory.TIMEOUT,
        error_message="too slow raise it",
    )
