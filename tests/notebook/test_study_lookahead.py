"""``%%backtest --walk-forward``: what the windows chose is checked, and the level follows."""

import pytest

from outsample.model import SuccessLevel
from research.leaky import CLEAN, LEAKY, persistent


@pytest.fixture
def told(shell):
    """Run a cell on persistent prices and return its result and its walk-forward."""
    shell.user_ns["prices"] = persistent()

    def run(cell, grid, *more):
        line = f"s --data prices -o r -q --sweep {grid} --walk-forward train=300,test=150"
        shell.run_cell_magic("backtest", " ".join([line, *more]), cell)
        return shell.user_ns["r"], shell.user_ns["r_walk_forward"]

    return run


def test_a_leak_of_a_window_is_one_of_the_cell(told):
    """Never ROBUST: EXECUTED, with the numbers struck through."""
    result, walk = told(LEAKY, "ahead=0,2")
    assert walk.lookahead.clean is False
    assert result.judgement.level is SuccessLevel.EXECUTED
    assert "use the future" in result.to_html()


def test_the_clean_twin_is_robust(told):
    """With the same line."""
    result, walk = told(CLEAN, "back=0,5")
    assert walk.lookahead.clean is True
    assert result.judgement.level is SuccessLevel.ROBUST


def test_without_the_check_it_is_not_robust(told):
    """--no-lookahead turns off both."""
    result, walk = told(CLEAN, "back=0,5", "--no-lookahead")
    assert walk.lookahead is result.lookahead is None
    assert result.judgement.level is SuccessLevel.PROFITABLE


def test_cross_validation_in_the_line(shell):
    """combinatorial=5:2 beside the windows: 4 paths."""
    cell = "fast = 20\nclose = data.get('close')\nposition = close > close.average(fast)\n"
    line = "s --data synthetic:3x400?seed=2 -o r -q --no-lookahead --sweep fast=5,10 --walk-forward "
    shell.run_cell_magic("backtest", line + "train=150,test=60,combinatorial=5:2,strict", cell)
    walk = shell.user_ns["r_walk_forward"]
    assert len(walk.combinatorial.paths) == 4
    assert walk.run.plan.strict is True


def test_a_sweep_is_shown_with_its_evidence_and_its_check(shell):
    """--sweep displays a report, not a bare table: the leak of the best is in it, and so is the price of choosing."""
    shell.user_ns["prices"] = persistent()
    shell.run_cell_magic("backtest", "s --data prices -o r -q --sweep ahead=0,2", LEAKY)
    found = shell.user_ns["r_sweep"]
    assert len(found.table) == 2
    page = found._repr_mimebundle_()["text/html"]
    assert "use the future" in page
    assert "Probability of backtest overfitting" in page


@pytest.mark.slow
@pytest.mark.server
def test_a_walk_forward_can_wait_in_the_queue(shell, monkeypatch):
    """--queue with --walk-forward: the job has the windows of the line, and says what the check found."""
    monkeypatch.setenv("OUTSAMPLE_JOB_IDLE", "1")
    line = "s --data synthetic:3x400?seed=2 -q -o job --queue high --sweep n=5,10 "
    cell = "n = 7\nclose = data.get('close')\nposition = close > close.average(n)\n"
    shell.run_cell_magic("backtest", line + "--walk-forward train=150,test=60,combinatorial=5:2", cell)
    found = shell.user_ns["job"].result(timeout=120)
    assert len(found.tables["windows"]) == 5
    assert len(found.tables["paths"]) == 4
    assert found.summary["lookahead_clean"] is True
