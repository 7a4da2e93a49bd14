"""What the report of one backtest shows of its numbers."""

import dataclasses
import re

import pytest

from outsample import backtest
from outsample.report.backtest import _AGAINST, _RETURNS, _ROWS, _TRADING, backtest_document
from outsample.report.html import page
from outsample.report.text import plain

CROSS = "close = data.get('close')\nposition = (close.average(10) > close.average(30)) & close.notna()\n"


@pytest.fixture(scope="module")
def outcome():
    """A real run on synthetic data."""
    return backtest(CROSS, "synthetic:4x600?seed=3", lookahead=False, resample="ME")


def document(result):
    return backtest_document("cross", result.outcome, result.judgement, None, pictures=False)


def test_every_name_of_the_tables_is_a_metric(outcome):
    """No table asks for a statistic that does not exist."""
    names = {name for rows in (_RETURNS, _AGAINST, _TRADING) for _, _, group in rows for name in group}
    known = {item.name for item in dataclasses.fields(outcome.metrics)}
    assert names | {name for _, name, _ in _ROWS} <= known


def test_the_numbers_are_those_of_the_metrics(outcome):
    """Cells hold what measure computed, the benchmark's beside it; the rest is folded away."""
    tables = {table.title: table for table in document(outcome).tables}
    rows = {row[0]: row[1:] for row in tables["More about the returns"].rows}
    m = outcome.metrics
    assert rows["Best / worst month"][0] == f"{100 * m.best_month:.2f} % / {100 * m.worst_month:.2f} %"
    assert len(rows["Best / worst month"]) == 2
    trading = dict(tables["Trading and exposure"].rows)
    assert trading["Long / short trades"] == f"{m.n_long:.0f} / 0"
    reasons = {row[0]: row[1] for row in tables["Trades by exit"].rows}
    assert sum(int(count) for count in reasons.values()) == m.n_trades
    assert all(tables[title].folded for title in ("More about the returns", "Trading and exposure", "Trades by exit"))


def test_the_conventions_are_printed(outcome):
    """Bars a year and risk-free rate stand in every report."""
    assert dict(document(outcome).facts)["Conventions"] == "252 bars a year, risk-free rate 0.00 %"


def test_what_is_not_defined_is_left_out():
    """A run that never traded has a report, without empty lines of statistics."""
    never = backtest("position = data.get('close') < 0\n", "synthetic:3x300?seed=2", lookahead=False)
    made = document(never)
    trading = next(table for table in made.tables if table.title == "Trading and exposure")
    assert "Profit factor / payoff" not in dict(trading.rows)
    assert not re.search(r"\bnan\b", plain(made), re.IGNORECASE)
    assert page(made)
