"""Verdicts: success levels and error categories."""

import json
import math
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import scipy.optimize

from installed import NUMPY_1
from outsample import errors
from outsample.classify import (
    Evidence,
    classify_batch,
    classify_error,
    classify_success,
    failed,
    judge,
    shape_of,
    suggestion,
)
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


# -- real messages

MESSAGES = json.loads((Path(__file__).parent / "batch" / "messages.json").read_text(encoding="utf-8"))
RECORDED = {
    "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    **{name: ".".join(version(name).split(".")[:2]) for name in ("pandas", "numpy", "scipy")},
}


def _names():
    dates = pd.date_range("2020-01-01", periods=5)
    values = {"A": [1.0, 2.0, 3.0, 4.0, 5.0], "B": [2.0, 3.0, 4.0, 5.0, 6.0]}
    return {"np": np, "pd": pd, "scipy": scipy, "dates": dates, "df": pd.DataFrame(values, index=dates)}


def _raised(code):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(code, _names())
        except BaseException as error:  # noqa: BLE001 - whatever it raises
            return error
    raise AssertionError("nothing was raised")


def test_there_are_enough_messages():
    """At least eighty, most of them raised for real, in three languages, and every category that has a text."""
    everything = MESSAGES["raised"] + MESSAGES["collected"]
    assert len(MESSAGES["raised"]) >= 80
    assert len(everything) >= 160
    chinese = [item for item in everything if any("\u4e00" <= char <= "\u9fff" for char in item["message"])]
    assert len(chinese) >= 60
    assert {item["category"] for item in everything} == set(ErrorCategory) - {"INTERNAL"}


@pytest.mark.parametrize("item", MESSAGES["raised"], ids=lambda item: item["code"][:40])
def test_raised_errors_are_classified(item):
    """The code is run here and now; what it raises has its category, as an object and as type and text."""
    if item["code"].startswith("np.int8") and NUMPY_1:
        pytest.skip("numpy 1 wraps around and warns")
    error = _raised(compile(item["code"], "<message>", "exec"))
    assert classify_error(error) == item["category"]
    assert classify_error(type(error).__name__, str(error)) == item["category"]
    assert classify_error(errors.StrategyError(str(error), error_type=type(error).__name__)) == item["category"]
    assert classify_error(item["type"], item["message"]) == item["category"]
    if MESSAGES["recorded_with"] == RECORDED:
        assert (type(error).__name__, shape_of(str(error))) == (item["type"], shape_of(item["message"]))


@pytest.mark.parametrize("item", MESSAGES["collected"], ids=lambda item: item["message"][:30])
def test_collected_messages_are_classified(item):
    """Messages of systems in other languages, of services and of tools around notebooks."""
    assert classify_error(item["type"], item["message"]) == item["category"]


def test_an_unknown_error_keeps_its_text():
    """OTHER, and nothing of the message is lost."""
    verdict = failed(RuntimeError("發生了奇怪的事 in module 7"))
    assert verdict.error_category is ErrorCategory.OTHER
    assert verdict.error_message == "發生了奇怪的事 in module 7"


class _CellExecutionError(Exception):
    """As nbclient's: ename and evalue are those of the inner error."""

    def __init__(self, ename, evalue):
        super().__init__("An error occurred while executing the following cell: timed out")
        self.ename, self.evalue = ename, evalue


_CellExecutionError.__name__ = "CellExecutionError"


def test_a_wrapped_error_is_judged_by_the_inner_one():
    """The words of the wrapper count for nothing."""
    assert classify_error(_CellExecutionError("KeyError", "'close'")) is ErrorCategory.DATA_MISSING
    assert classify_error(_CellExecutionError("RuntimeError", "boom")) is ErrorCategory.OTHER


@pytest.mark.notebook
@pytest.mark.slow
def test_a_real_notebook_error_is_judged_by_the_inner_one():
    """nbclient runs a failing cell in a real kernel."""
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("{}['price:收盤價']")])
    with pytest.raises(nbclient.exceptions.CellExecutionError) as caught:
        nbclient.NotebookClient(book, timeout=60, kernel_name="python3").execute()
    assert classify_error(caught.value) is ErrorCategory.DATA_MISSING
    assert classify_error("CellExecutionError", str(caught.value)) is ErrorCategory.DATA_MISSING


def test_every_category_has_a_suggestion():
    """Somebody is told what to do, whatever happened."""
    texts = {category: suggestion(category) for category in ErrorCategory}
    assert all(text.endswith(".") for text in texts.values())
    assert len(set(texts.values())) == len(ErrorCategory)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("There is no frame 'close'.", "There is no frame 'open'."),
        ("index 5 is out of bounds for axis 0 with size 3", "index 17 is out of bounds for axis 1 with size 12"),
        ("shapes (2,3) and (4,) differ", "shapes (7,1) and (2,) differ"),
        ("cannot read /home/a/b.csv", "cannot read /tmp/c/d/e.csv"),
        ("no bar on 2020-01-31", "no bar on 2019-12-02 00:00:00"),
        ("<object at 0x7f1c>", "<object at 0xdeadbeef>"),
    ],
)
def test_messages_of_one_kind_have_one_shape(a, b):
    """Names, numbers, paths, dates and addresses are taken out."""
    assert shape_of(a) == shape_of(b)


def test_other_words_are_another_shape():
    """Nothing but those is taken out."""
    assert shape_of("division by zero") != shape_of("modulo by zero")


@pytest.mark.parametrize(
    ("levels", "level"),
    [
        ([], 0),
        ([0, 0], 0),
        ([1, 0], 1),
        ([2, 2, 2, 1, 0], 2),
        ([3, 3, 2, 1, 0], 3),
        ([3, 3, 1, 1, 0], 1),
        ([4, 4, 4], 3),
    ],
)
def test_levels_of_a_batch(levels, level):
    """60 % valid for VALID_METRICS, 40 % of all profitable for PROFITABLE; ROBUST is never said of a batch."""
    assert classify_batch([SuccessLevel(value) for value in levels]).level == level


def test_a_batch_takes_verdicts_and_thresholds():
    """Whatever has a level counts; the shares are options."""
    verdicts = [Verdict(level=SuccessLevel.PROFITABLE), Verdict(level=SuccessLevel.FAILED)]
    assert classify_batch(verdicts).level is SuccessLevel.EXECUTED
    assert classify_batch(verdicts, thresholds=Thresholds(batch_coverage=0.5)).level is SuccessLevel.PROFITABLE
