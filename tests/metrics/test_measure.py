"""Measure and the bare formulas: properties and edges."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from outsample import metrics as m
from outsample.errors import DataInvalid

EDGES = {
    "constant": [0.01] * 300, "zero": [0.0] * 300, "single": [0.01], "empty": [], "losses": [-0.01, -0.02] * 150,
    "first loss": [-0.5] + [0.0] * 299, "ruin": [0.1, -1.2, 0.1] * 100,
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_every_nan_has_a_reason_and_json_is_strict(name):
    """NaN comes with a code; JSON holds no NaN or Infinity."""
    found = m.measure(EDGES[name])
    plain = found.to_dict()
    json.dumps(plain, allow_nan=False)
    for key, value in plain.items():
        assert not (isinstance(value, float) and not math.isfinite(value))
        if value is None and key != "n_trades":
            assert key in plain["reasons"]


@pytest.mark.parametrize("returns", [[0.01] * 300, [0.0] * 300, [0.1], []])
def test_no_variance_no_sharpe(returns):
    """Zero variance, one observation and nothing give NaN, never a huge number (M6)."""
    assert math.isnan(m.sharpe(returns))


def test_drawdown_starts_from_the_capital():
    """A loss on the first bar is a drawdown (M1)."""
    assert m.max_drawdown([-0.5, 0.0, 0.0]) == -0.5


def test_ruin_ends_everything():
    """A return of -120 % leaves nothing, is -100 % in all measures and is flagged."""
    found = m.measure([0.1, -1.2, 0.5] * 100)
    assert (found.total_return, found.cagr, found.max_drawdown) == (-1.0, -1.0, -1.0)
    assert "ruin" in found.flags


def test_open_drawdown_is_listed():
    """The last unrecovered drawdown has recovery NaT (M3)."""
    index = pd.date_range("2024-01-01", periods=4)
    frame = m.drawdowns(pd.Series([0.1, -0.2, 0.05, 0.0], index=index))
    assert frame["recovery"].isna().tolist() == [True]
    assert frame["active"].tolist() == [True]


def test_doubling_in_a_year():
    """One year of doubling is a CAGR of 100 % (M5)."""
    assert m.cagr(np.full(252, 2 ** (1 / 252) - 1)) == pytest.approx(1.0)


def test_short_spans_are_not_annualised():
    """Under a year the total is shown, rates per year are not, and that is flagged."""
    found = m.measure([0.01, -0.02] * 20)
    assert math.isnan(found.sharpe)
    assert found.reasons["cagr"] == "under_one_year"
    assert "under_one_year" in found.flags
    assert math.isfinite(found.total_return)


def test_nan_is_refused_by_default():
    """NaN in returns is an error unless a policy says otherwise."""
    with pytest.raises(DataInvalid):
        m.measure([0.1, math.nan])
    assert m.measure([0.1, math.nan], nan_policy="drop").n_bars == 1


def test_months_compound_to_the_total():
    """The monthly table compounds to the total return (M10)."""
    index = pd.bdate_range("2023-01-02", periods=300)
    returns = pd.Series(np.random.default_rng(1).normal(0, 0.01, 300), index=index)
    table = m.monthly_table(returns)
    assert (1 + table["return"]).prod() - 1 == pytest.approx(m.total_return(returns))


def test_profit_factor_without_losses_is_infinite():
    """Only profits: inf in Python; no trades: NaN with its reason."""
    assert m.trade_metrics([1.0, 2.0])["profit_factor"] == math.inf
    none = m.measure([0.0] * 300, trades=pd.DataFrame({"pnl": []}))
    assert none.reasons["profit_factor"] == "no_trades"
