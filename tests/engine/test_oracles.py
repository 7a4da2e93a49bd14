"""Comparisons with another library and with a few lines of pandas."""

import numpy as np
import pandas as pd
import pytest

from outsample.config import Costs, Execution
from outsample.engine import ReferenceEngine, get_engine, list_engines, sim
from outsample.engine.registry import Engine
from outsample.errors import ConfigError, EngineError


def prices(seed=0, n=250, names="ABC"):
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2022-01-03", periods=n)
    return pd.DataFrame(50 * np.exp(np.cumsum(rng.normal(0, 0.02, (n, len(names))), 0)), dates, list(names))


@pytest.mark.parametrize("freq", ["W-FRI", "ME"])
@pytest.mark.filterwarnings("ignore")
def test_equal_weights_against_bt(freq):
    """bt fills at the deciding close; so does the reference engine in its test mode, and they agree."""
    bt = pytest.importorskip("bt")
    close = prices()
    days = close.index
    chosen = pd.date_range(days[0], days[-1], freq=freq)
    sessions = [days[days <= day][-1] for day in chosen]
    strategy = bt.Strategy(
        "s", [bt.algos.RunOnDate(*sessions), bt.algos.SelectAll(), bt.algos.WeighEqually(), bt.algos.Rebalance()]
    )
    theirs = bt.run(bt.Backtest(strategy, close, integer_positions=False, progress_bar=False)).prices["s"]
    position = pd.DataFrame(True, index=sessions, columns=close.columns)
    ours = ReferenceEngine(same_bar=True).simulate(
        position, close, execution=Execution(resample=tuple(sessions)), costs=Costs()
    )
    curve = theirs.loc[ours.equity.index]
    np.testing.assert_allclose(ours.equity, curve / curve.iloc[0], rtol=1e-9)


# bt takes the fee of an order out of that order, we scale all names by one factor: after several
# rebalances the curves differ by about 0.006 of the fee, while the fees themselves add up to more than one.
@pytest.mark.parametrize(("schedule", "fee"), [("hold", 0.001), ("hold", 0.01), ("monthly", 0.0001)])
@pytest.mark.filterwarnings("ignore")
def test_costs_against_bt(schedule, fee):
    """bt with a commission on traded value: buy-and-hold and equal weight every month agree to 1e-6."""
    bt = pytest.importorskip("bt")
    close = prices(5)
    days = close.index
    months = [days[days <= day][-1] for day in pd.date_range(days[0], days[-1], freq="ME")]
    sessions = months[:1] if schedule == "hold" else months
    strategy = bt.Strategy(
        "s", [bt.algos.RunOnDate(*sessions), bt.algos.SelectAll(), bt.algos.WeighEqually(), bt.algos.Rebalance()]
    )
    test = bt.Backtest(
        strategy, close, integer_positions=False, progress_bar=False, commissions=lambda q, p: abs(q) * p * fee
    )
    theirs = bt.run(test).prices["s"]
    position = pd.DataFrame(True, index=sessions, columns=close.columns)
    ours = ReferenceEngine(same_bar=True).simulate(
        position, close, execution=Execution(resample=tuple(sessions)), costs=Costs(fee_ratio=fee)
    )
    # bt's curve before the first fill is its capital; ours begins on the bar of the first decision.
    before = theirs.loc[: sessions[0]].iloc[-2]
    curve = theirs.loc[ours.equity.index] / before
    np.testing.assert_allclose(ours.equity.iloc[1:], curve.iloc[1:], rtol=1e-6)


def test_daily_weights_against_pandas():
    """With weights restored every bar and no costs, the return is sum(w[t-2] r[t]) in pandas."""
    close = prices(1)
    rng = np.random.default_rng(2)
    weights = pd.DataFrame(rng.normal(0, 0.2, close.shape), close.index, close.columns)
    weights = weights.div(weights.abs().sum(axis=1).clip(lower=1.0), axis=0)
    expected = (weights.shift(2) * close.pct_change()).sum(axis=1).iloc[1:]
    np.testing.assert_allclose(sim(weights, close, resample="D").returns, expected, atol=1e-13)


def test_turnover_costs_against_pandas():
    """With weights restored every bar, costs are about rate x |change against drifted weights|."""
    close = prices(2)
    position = close.rank(axis=1) > 1
    result = sim(position, close, resample="D", fee_ratio=0.002)
    held = result.weights
    returns = close.pct_change()
    drifted = held.shift(1) * (1 + returns)
    drifted = drifted.div(1 + (held.shift(1) * returns).sum(axis=1), axis=0).fillna(0.0)
    # Targets hold on equity after costs: the traded part is |w (1 - c) - drifted|, c the cost.
    share = result.costs["fee"] / (result.equity + result.costs["fee"])
    traded = held.mul(1 - share, axis=0).sub(drifted).abs().sum(axis=1)
    np.testing.assert_allclose(share, 0.002 * traded, atol=1e-14)
    np.testing.assert_allclose(result.turnover, traded, atol=1e-12)


def test_finlab_arithmetic_on_one_entry():
    """Entering X holds X (1 - fee); leaving pays fee and tax out of cash; the curve starts at the bar before."""
    dates = pd.bdate_range("2024-01-01", periods=6)
    close = pd.DataFrame({"A": [100.0, 100, 100, 110, 110, 110]}, index=dates)
    position = pd.DataFrame({"A": [0, 1, 1, 0, 0, 0]}, index=dates)
    fee, tax = 0.001425, 0.003
    result = sim(position, close, allocation="pre_cost", fee_ratio=fee, tax_ratio=tax)
    entered = 1 - fee
    expected = [1.0, entered, entered * 1.1, entered * 1.1 * (1 - fee - tax), entered * 1.1 * (1 - fee - tax)]
    assert result.equity.index[0] == dates[1]
    np.testing.assert_allclose(result.equity, expected, rtol=1e-14)


def test_excursions_against_a_naive_walk():
    """Worst and best excursion of each trade, from closes, by a loop over pandas."""
    close = prices(3)
    position = close.rank(axis=1) == 3
    trades = sim(position, close, fee_ratio=0.001).trades
    assert len(trades) > 20
    for trade in trades.itertuples():
        path = close.loc[trade.entry_date : trade.exit_date if not trade.open else None, trade.symbol]
        moves = path / trade.entry_price - 1
        assert trade.mae == pytest.approx(min(moves.min(), 0.0), abs=1e-12)
        assert trade.mfe == pytest.approx(max(moves.max(), 0.0), abs=1e-12)
        assert trade.bars == len(path) - 1
        held = trade.exit_price / trade.entry_price
        assert trade.return_gross == pytest.approx(held - 1, abs=1e-12)
        if not trade.open:
            assert trade.return_net == pytest.approx(held * 0.999 - 1.001, abs=1e-12)


# -- engines


def test_engines_by_name():
    """Both engines are found, keep to the protocol, and a wrong name suggests the right one."""
    assert {"vectorised", "reference"} <= set(list_engines())
    for name in ("vectorised", "reference"):
        engine = get_engine(name)
        assert isinstance(engine, Engine)
        assert engine.name == name
        assert engine.describe()
    with pytest.raises(ConfigError, match="vectorised"):
        get_engine("vectorized")


def test_a_foreign_engine_is_checked(monkeypatch):
    """A registered engine that lacks a method is refused; one that disagrees is found by check=True."""
    import importlib.metadata

    class Half:
        name, version, capabilities = "half", "1", frozenset()

        def describe(self):
            return "half"

    class Rich:
        name, version, capabilities = "rich", "1", frozenset()

        def describe(self):
            return "doubles what it earns"

        def simulate(self, positions, data, *, execution, costs):
            import dataclasses

            honest = get_engine("vectorised").simulate(positions, data, execution=execution, costs=costs)
            curve = honest.record.curve.copy()
            curve[0, 1:] *= 2.0
            return dataclasses.replace(honest, record=dataclasses.replace(honest.record, curve=curve), engine="rich")

    class Point:
        def __init__(self, made):
            self.name, self.value, self.made = made.name, "elsewhere", made

        def load(self):
            return self.made

    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [Point(Half), Point(Rich)])
    close = prices()
    with pytest.raises(EngineError, match="simulate"):
        get_engine("half")
    assert sim(close > 0, close, engine="rich").equity.iloc[-1] > 0
    with pytest.raises(EngineError, match="disagree"):
        sim(close > 0, close, engine="rich", check=True)


def test_excursions_inside_bars_against_a_naive_walk():
    """With highs and lows the entry bar counts only if entered at its open; exits at the open end there."""
    from outsample.data import Dataset

    close = prices(4)
    rng = np.random.default_rng(4)
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    high = np.maximum(opened, close) * 1.01
    low = np.minimum(opened, close) * 0.99
    data = Dataset.from_frames({"close": close, "open": opened, "high": high, "low": low}, name="bars")
    position = close.rank(axis=1) == 3
    for price in ("close", "open"):
        for trade in sim(position, data, trade_at_price=price).trades.itertuples():
            name, days = trade.symbol, close.index
            a, b = days.get_loc(trade.entry_date), len(days) if trade.open else days.get_loc(trade.exit_date)
            whole = slice(a, b) if price == "open" else slice(a + 1, b + 1)
            top = max([trade.entry_price, trade.exit_price, *high[name].iloc[whole]])
            bottom = min([trade.entry_price, trade.exit_price, *low[name].iloc[whole]])
            assert trade.mfe == pytest.approx(top / trade.entry_price - 1, abs=1e-12)
            assert trade.mae == pytest.approx(bottom / trade.entry_price - 1, abs=1e-12)
