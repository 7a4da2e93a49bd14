"""Ordinary strategies: none is refused, and each of them runs."""

from pathlib import Path

import pytest

from outsample import load, run_sandboxed
from outsample.model import Status
from outsample.strategy import Strategy

BENIGN = sorted((Path(__file__).parents[1] / "benign").glob("*.py"))


def test_there_are_enough_of_them():
    """At least sixty."""
    assert len(BENIGN) >= 60


@pytest.mark.parametrize("path", BENIGN, ids=lambda path: path.stem)
def test_a_benign_strategy_runs(path):
    """Validated and confined, it answers with positions or a signal."""
    result = run_sandboxed(Strategy.from_file(path), load("sample"))
    assert result.status is Status.OK, f"{result.error} {result.hint}"
    assert result.positions is not None
