"""What a walk-forward chose is checked for look-ahead, however it was asked for, and no leak is called ROBUST."""

import dataclasses
import json
import math
import threading
from types import SimpleNamespace

import pytest

from outsample import backtest, check_lookahead, walk_forward
from outsample.api import with_out_of_sample
from outsample.asking import study_request
from outsample.model import ErrorCategory, SuccessLevel
from outsample.research import chosen
from outsample.research.chosen import check_choices
from outsample.research.sweep import run_sweep
from outsample.store import Store
from research.leaky import CLEAN, CLEAN_GRID, LEAKY, LEAKY_GRID, LEAKY_ONCE, persistent

WINDOWS = {"train": 300, "test": 150}


@pytest.fixture(scope="module")
def data():
    return persistent()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store.db") as opened:
        yield opened


@pytest.mark.parametrize("lookahead", ["auto", "full", True])
def test_a_leak_that_only_a_window_chose_is_found(data, lookahead):
    """The strategy as it stands is clean; with the parameters of the windows it is not, and the report says which."""
    assert check_lookahead(LEAKY, data).clean is True
    walk = walk_forward(LEAKY, data, LEAKY_GRID, **WINDOWS, lookahead=lookahead, store=False)
    assert set(walk.windows["ahead"]) == {2}
    assert walk.lookahead.clean is False
    assert walk.lookahead.key == "close"
    assert walk.lookahead.bars_ahead == 2
    assert "ahead = 2" in walk.lookahead.hint
    document = walk.document(pictures=False)
    assert "look-ahead found" in dict(document.facts)["Look-ahead"]
    assert "These numbers use the future" in document.alarm


def test_the_clean_twin_is_not_accused(data):
    """Every distinct choice is probed, and the header says how many probes that were."""
    walk = walk_forward(CLEAN, data, CLEAN_GRID, **WINDOWS, lookahead=True, store=False)
    chosen = walk.windows["back"].nunique()
    assert walk.lookahead.clean is True
    assert walk.lookahead.planned == 8 * chosen
    assert f"{8 * chosen} of {8 * chosen} probes" in walk.lookahead.summary
    assert walk.document(pictures=False).alarm == ""


def test_the_choice_of_an_early_window_counts(data):
    """The last window's choice is clean, an earlier one leaked: the stitched series holds both."""
    walk = walk_forward(LEAKY_ONCE, data, LEAKY_GRID, **WINDOWS, store=False)
    chosen = walk.windows["ahead"].tolist()
    assert (chosen[0], chosen[-1]) == (2, 0)
    assert walk.lookahead.clean is False
    assert "ahead = 2" in walk.lookahead.hint


@pytest.mark.parametrize("source", [CLEAN, LEAKY_ONCE])
def test_how_many_are_checked_at_once_changes_nothing(data, source):
    """The same probes with the same outcomes, and those behind a leak are not told."""
    grid = CLEAN_GRID if source is CLEAN else LEAKY_GRID
    reports = [
        dataclasses.replace(
            walk_forward(source, data, grid, **WINDOWS, lookahead=True, store=False, n_jobs=n_jobs).lookahead,
            seconds=0.0,
        )
        for n_jobs in (1, 2, 5)
    ]
    assert reports[0] == reports[1] == reports[2]


def test_the_first_of_several_leaks_is_told(data):
    """However many leak at once: those behind the first are ended while they look for theirs, and are no error."""
    request = study_request(LEAKY, data, params=None, options={}, store=False)
    combinations = run_sweep(request, {"ahead": [1, 2, 3, 4]}).combinations
    one, many = (
        dataclasses.replace(check_choices(combinations, True, n_jobs=n_jobs), seconds=0.0) for n_jobs in (1, 4)
    )
    assert one == many
    assert "Found with ahead = 1." in one.hint


def test_ctrl_c_ends_every_check(data, monkeypatch):
    """Those at work are told to end, and no other begins."""
    request = study_request(CLEAN, data, params=None, options={}, store=False)
    combinations = run_sweep(request, {"back": [0, 1, 2, 3, 4, 5]}).combinations
    begun, ended = [], threading.Event()

    def endless(*_, cancel, **__):
        begun.append(cancel)
        if len(begun) == 2:
            raise KeyboardInterrupt
        assert cancel.wait(20)
        ended.set()
        return SimpleNamespace(clean=None)

    monkeypatch.setattr(chosen, "check_lookahead", endless)
    with pytest.raises(KeyboardInterrupt):
        check_choices(combinations, True, n_jobs=2)
    assert ended.wait(5)
    assert len(begun) == 2


def test_off_is_said(data):
    """Not checked is no finding, and is not called clean."""
    walk = walk_forward(LEAKY, data, LEAKY_GRID, **WINDOWS, lookahead=False, store=False)
    assert walk.lookahead is None
    assert dict(walk.document(pictures=False).facts)["Look-ahead"] == "not checked"


@pytest.mark.parametrize("lookahead", ["auto", False])
def test_a_leak_is_never_robust(data, store, lookahead):
    """Profitable, a high deflated Sharpe ratio, a positive out-of-sample one, itself clean: and yet not ROBUST."""
    result = backtest(LEAKY, data, store=store, lookahead=True)
    walk = result.walk_forward(LEAKY_GRID, **WINDOWS, store=store, lookahead=lookahead)
    assert walk.metrics.sharpe > 5
    judged = with_out_of_sample(result, walk, store=store)
    assert judged.judgement.evidence.deflated_sharpe > 0.95
    assert judged.judgement.level < SuccessLevel.ROBUST
    if lookahead:
        assert judged.judgement.level is SuccessLevel.EXECUTED
        assert judged.judgement.error_category is ErrorCategory.LOOKAHEAD
        assert judged.lookahead.clean is False
        assert "use the future" in judged.document(pictures=False).alarm
        assert json.loads(judged.to_json())["lookahead"].startswith("look-ahead found")
    else:
        assert any("not checked" in reason for reason in judged.judgement.reasons)


def test_the_clean_twin_is_robust(data, store):
    """The same way ends at ROBUST without the leak: what holds the other back is the leak."""
    result = backtest(CLEAN, data, store=store, lookahead=True)
    walk = result.walk_forward(CLEAN_GRID, **WINDOWS, store=store)
    judged = with_out_of_sample(result, walk, store=store)
    assert judged.judgement.level is SuccessLevel.ROBUST
    assert judged.lookahead is result.lookahead


def test_a_leak_of_the_strategy_itself_stays_found(data, store):
    """Windows that choose clean parameters do not clear a result that leaks."""
    result = backtest(LEAKY, data, params={"ahead": 2}, store=store, lookahead=True)
    walk = result.walk_forward({"ahead": [0]}, **WINDOWS, store=store)
    assert walk.lookahead.clean is True
    judged = with_out_of_sample(result, walk, store=store)
    assert judged.lookahead.clean is False
    assert judged.judgement.level is SuccessLevel.EXECUTED


def test_decisions_are_made_once_and_reused(data, monkeypatch):
    """Each combination runs once in the sweep, not once per window; `strict` runs it again and changes no number."""
    from outsample.research import choosing

    again = []
    real = choosing.execute
    monkeypatch.setattr(choosing, "execute", lambda *arguments: again.append(1) or real(*arguments))
    once = walk_forward(CLEAN, data, CLEAN_GRID, **WINDOWS, store=False)
    assert again == []
    strict = walk_forward(CLEAN, data, CLEAN_GRID, **WINDOWS, strict=True, store=False)
    assert len(again) == len(once.windows) * 3  # both combinations to the end of training, one to the next choice
    assert strict.windows.equals(once.windows)
    assert strict.returns.equals(once.returns)
    assert strict.lookahead.clean is once.lookahead.clean is True


def test_a_budget_that_is_used_up_is_said(data, monkeypatch):
    """The first combination is probed in any case; of the others the header counts what was planned."""
    request = study_request(CLEAN, data, params=None, options={}, store=False)
    combinations = run_sweep(request, {"back": [0, 1, 2]}).combinations
    moments = iter([0.0, 0.0, 0.0, *[math.inf] * 9])  # the begin, the first check, and too late
    monkeypatch.setattr(chosen, "time", SimpleNamespace(perf_counter=lambda: next(moments)))
    probed = []
    real = chosen.check_lookahead
    monkeypatch.setattr(
        chosen, "check_lookahead", lambda *a, **k: probed.append(1) or real(*a, **{**k, "budget": None})
    )
    report = check_choices(combinations, "auto", n_jobs=1)
    assert len(probed) == 1
    assert report.clean is True
    assert "8 of 24 probes" in report.summary
    assert check_choices([None, None], "auto") is None
    assert check_choices(combinations, False) is None
