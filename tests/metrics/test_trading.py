"""Trades, exposure and capacity: against real simulations and twins written from the definitions."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from outsample import Dataset, sim
from outsample import metrics as m
from outsample.errors import ConfigError, DataInvalid, DataMissing
from scale import SCALE

FEW = settings(max_examples=15 * SCALE)
RUNS = settings(max_examples=60 * SCALE)
SEED = st.integers(0, 10**6)
PNL = st.lists(st.integers(-500, 500).map(float), min_size=1, max_size=40)


def market(seed, n=90, k=4):
    random = np.random.default_rng(seed)
    index, names = pd.bdate_range("2021-01-01", periods=n), list("ABCDEFG")[:k]
    close = pd.DataFrame(100 * np.exp(random.normal(0.001, 0.02, (n, k)).cumsum(axis=0)), index=index, columns=names)
    volume = pd.DataFrame(random.integers(1_000, 50_000, (n, k)).astype(float), index=index, columns=names)
    return Dataset.from_frames({"close": close, "volume": volume}, name="walks"), close, volume


def targets(seed, close, *, short=False):
    """Random weights with names left out, gross at most 1."""
    random = np.random.default_rng(seed + 1)
    weights = random.dirichlet(np.ones(close.shape[1]), len(close)) * (random.random(close.shape) > 0.3)
    signs = random.choice([-1.0, 1.0], close.shape) if short else 1.0
    return pd.DataFrame(weights * signs, index=close.index, columns=close.columns)


# -- trades


@RUNS
@given(PNL)
def test_streaks_and_sums_agree_with_a_walk(pnl):
    """Runs of wins and losses, profit factor and payoff from a walk over the trades."""
    found = m.trade_metrics(pnl)
    won, lost = [x for x in pnl if x > 0], [x for x in pnl if x < 0]
    assert found["max_consecutive_wins"] == naive.longest_run([x > 0 for x in pnl])
    assert found["max_consecutive_losses"] == naive.longest_run([x < 0 for x in pnl])
    assert found["expectancy"] * len(pnl) == pytest.approx(sum(pnl), abs=1e-9)
    if won and lost:
        assert found["profit_factor"] == pytest.approx(sum(won) / -sum(lost))
        assert found["payoff"] == pytest.approx(found["profit_factor"] * len(lost) / len(won))
    else:
        assert found["profit_factor"] == pytest.approx(math.inf if won else 0.0 if lost else math.nan, nan_ok=True)


def test_no_trades_have_no_statistics():
    """Without trades everything is NaN with the reason no_trades; only open ones: no_closed_trades."""
    none = m.measure([0.01, -0.01] * 200, trades=pd.DataFrame({"pnl": []}))
    assert {none.reasons[name] for name in ("profit_factor", "win_rate", "n_long", "average_mae")} == {"no_trades"}
    held = m.measure([0.01, -0.01] * 200, trades=pd.DataFrame({"pnl": [1.0], "open": [True]}))
    assert (held.n_trades, held.reasons["profit_factor"]) == (1, "no_closed_trades")


def test_bad_trades_are_refused():
    """A table without pnl and a result that is not finite are typed errors."""
    with pytest.raises(DataInvalid, match="pnl"):
        m.trade_metrics(pd.DataFrame({"profit": [1.0]}))
    with pytest.raises(DataInvalid, match="finite"):
        m.trade_metrics([1.0, math.nan])
    with pytest.raises(DataInvalid, match="exit_reason"):
        m.by_exit_reason(pd.DataFrame({"pnl": [1.0]}))


@FEW
@given(SEED)
def test_sides_are_those_of_the_weights(seed):
    """The side of a trade is the sign of the weight held at the close of its entry bar."""
    _, close, _ = market(seed)
    result = sim(targets(seed, close, short=True), close, resample="W-FRI", fee_ratio=0.001)
    side, trades = m.trade_sides(result), result.trades
    held = [result.weights.at[row.entry_date, row.symbol] for row in trades.itertuples()]
    assert side.tolist() == np.sign(held).tolist()
    found, table = m.measure(result), m.by_side(trades[~trades["open"]].assign(side=side))
    assert found.n_long + found.n_short == (~trades["open"]).sum()
    assert found.long_pnl + found.short_pnl == pytest.approx(trades.loc[~trades["open"], "pnl"].sum())
    assert table.loc["short", "pnl"] == pytest.approx(found.short_pnl)


@pytest.mark.parametrize(("sign", "far"), [(1.0, "low"), (-1.0, "high")])
def test_a_trade_that_ends_on_its_entry_bar_has_a_side(sign, far):
    """Stopped on the bar of its entry, nothing is held at the close; price and result tell the side."""
    index = pd.bdate_range("2024-01-01", periods=5)
    close = pd.DataFrame({"A": [10.0] * 5}, index=index)
    frames = {name: close.copy() for name in ("close", "open", "low", "high")}
    frames["low"].loc[index[1]], frames["high"].loc[index[1]] = 9.9, 10.1
    frames[far].loc[index[1]] = 5.0 if sign > 0 else 15.0
    data = Dataset.from_frames(frames, name="gap")
    position = pd.DataFrame({"A": [sign, sign, 0.0, 0.0, 0.0]}, index=index)
    result = sim(position, data, trade_at_price="open", touched_exit=True, stop_loss=0.2, fee_ratio=0.0)
    trades = result.trades
    assert (trades["entry_date"] == trades["exit_date"]).tolist()[0]
    assert m.trade_sides(result).tolist()[0] == sign


@FEW
@given(SEED)
def test_excursions_are_those_of_the_trades(seed):
    """MAE and MFE are means over closed trades; no loss below the entry is larger than the worst excursion."""
    data, close, _ = market(seed)
    result = sim(targets(seed, close), data, resample="W-FRI", stop_loss=0.05)
    closed, found = result.trades[~result.trades["open"]], m.measure(result)
    assert found.average_mae == pytest.approx(closed["mae"].mean())
    assert found.average_mfe == pytest.approx(closed["mfe"].mean())
    assert found.worst_mae == closed["mae"].min() <= 0.0 <= found.average_mfe


@FEW
@given(SEED)
def test_exit_reasons_share_out_all_trades(seed):
    """Counts and results by exit reason add up to those of all trades."""
    data, close, _ = market(seed)
    trades = sim(targets(seed, close), data, resample="W-FRI", stop_loss=0.03, take_profit=0.05).trades
    table = m.by_exit_reason(trades)
    assert table["trades"].sum() == len(trades)
    assert table["share"].sum() == pytest.approx(1.0)
    assert table["pnl"].sum() == pytest.approx(trades["pnl"].sum())
    assert {"signal", "stop_loss"} <= set(table.index)


# -- exposure


@FEW
@given(SEED, st.booleans())
def test_turnover_is_half_of_what_is_traded_against_drifted_weights(seed, short):
    """One-way turnover is 1/2 sum |w - w_drifted|, from held weights and prices alone."""
    _, close, _ = market(seed)
    result = sim(targets(seed, close, short=short), close, resample="W-FRI")
    change = close.pct_change().reindex(result.dates).to_numpy()
    weights = result.weights[close.columns].to_numpy()
    total = 0.0
    for bar in range(1, len(weights)):
        grown = weights[bar - 1] * (1 + change[bar])
        cash = 1.0 - weights[bar - 1].sum()
        drifted = grown / (grown.sum() + cash)
        total += 0.5 * np.abs(weights[bar] - drifted).sum()
    years = (len(weights) - 1) / 252
    found = m.exposure_metrics(result, 252)
    assert found["annual_turnover"] == pytest.approx(total / years, rel=1e-6)
    assert found["holding_period"] == pytest.approx(np.abs(weights).sum() / total, rel=1e-6)


@FEW
@given(SEED, st.booleans())
def test_concentration_agrees_with_a_walk(seed, short):
    """HHI and effective names of each bar; between one name and all of them."""
    _, close, _ = market(seed)
    result = sim(targets(seed, close, short=short), close, resample="ME")
    table = m.concentration(result.weights)
    assert table["hhi"].tolist() == pytest.approx(
        [naive.herfindahl(row) for row in result.weights.to_numpy()], nan_ok=True
    )
    known = table["effective_names"].dropna()
    assert ((known >= 1 - 1e-9) & (known <= close.shape[1] + 1e-9)).all()
    found = m.measure(result)
    assert found.effective_names == pytest.approx(known.mean())
    assert found.max_position == pytest.approx(result.weights.abs().to_numpy().max())


def test_nothing_held_has_reasons():
    """A simulation that never traded has no concentration, and says why."""
    _, close, _ = market(1)
    found = m.measure(sim(close < 0, close))
    assert (found.max_position, found.time_in_market, found.cost_total) == (0.0, 0.0, 0.0)
    assert {found.reasons[name] for name in ("hhi", "effective_names", "average_position")} == {"no_holdings"}
    assert {found.reasons[name] for name in ("holding_period", "break_even_cost")} == {"no_turnover"}
    assert found.reasons["win_rate"] == "no_trades"


def test_the_break_even_cost_leaves_nothing():
    """Simulated anew at the break-even cost, the net returns sum to about zero."""
    _, close, _ = market(8)
    weights = targets(8, close)
    free = m.measure(sim(weights, close, resample="ME"))
    costly = sim(weights, close, resample="ME", fee_ratio=free.break_even_cost / 2)
    gain = sim(weights, close, resample="ME").returns.sum()
    assert gain > 0.02
    assert costly.returns.sum() == pytest.approx(0.0, abs=0.03 * gain)


# -- capacity


@FEW
@given(SEED, st.floats(1e3, 1e9))
def test_participation_grows_with_the_capital(seed, capital):
    """Participation and days to liquidate are proportional to the capital, and hit the rate at capital_at_rate."""
    data, close, _ = market(seed)
    result = sim(targets(seed, close), data, resample="W-FRI")
    one, two = (m.capacity(result, capital=capital * factor) for factor in (1.0, 3.0))
    for name in ("participation_mean", "participation_p95", "participation_max", "days_to_liquidate_max"):
        assert getattr(two, name) == pytest.approx(3 * getattr(one, name)), name
    assert two.capital_at_rate == pytest.approx(one.capital_at_rate)
    assert m.capacity(result, capital=one.capital_at_rate).participation_p95 == pytest.approx(0.10)
    assert m.capacity(result, capital=capital, rate=0.05).days_to_liquidate_max == pytest.approx(
        2 * one.days_to_liquidate_max
    )


def test_volume_of_the_trade_itself_does_not_count():
    """The average ends with the bar before: no later volume changes the participation of an order."""
    data, close, volume = market(3)
    position = pd.DataFrame(0.25, index=close.index[:1], columns=close.columns)
    result = sim(position, data)
    bar = close.index.get_loc(result.trades["entry_date"].iloc[0])
    later = volume * close
    later.iloc[bar:] *= 1000.0
    one = m.capacity(result, capital=1e6)
    two = m.capacity(result, capital=1e6, volume_value=later)
    assert one.participation_max == pytest.approx(two.participation_max)
    assert two.days_to_liquidate_mean < one.days_to_liquidate_mean


def test_capacity_says_what_it_needs():
    """No volume, a capital, rate or window that cannot be, and names without volume are typed errors."""
    data, close, volume = market(2)
    with pytest.raises(DataMissing, match="volume"):
        m.capacity(sim(close > 0, close), capital=1e6)
    result = sim(close > 0, data)
    for wrong in (
        {"capital": 0.0},
        {"capital": math.nan},
        {"capital": 1.0, "rate": 1.5},
        {"capital": 1.0, "window": 0},
    ):
        with pytest.raises(ConfigError):
            m.capacity(result, **wrong)
    with pytest.raises(DataInvalid, match="A"):
        m.capacity(result, capital=1.0, volume_value=volume.drop(columns="A"))
    with pytest.raises(ConfigError, match="Multiples"):
        m.cost_sensitivity(lambda k: result, (-1.0,))


def test_names_without_volume_are_counted():
    """Orders whose average volume is not known are left out and counted; nothing known is None in JSON."""
    data, close, volume = market(2)
    result = sim(close > 0, data)
    found = m.capacity(result, capital=1e6, volume_value=volume * math.nan)
    assert found.orders == 0 < found.orders_unknown
    assert found.to_dict()["participation_mean"] is None


@FEW
@given(SEED)
def test_more_costs_never_help(seed):
    """Long only, simulated anew: the total return falls with the multiple, and 0 is gross."""
    _, close, _ = market(seed)
    weights = targets(seed, close)

    def run(k):
        return sim(weights, close, resample="W-FRI", fee_ratio=0.001 * k, tax_ratio=0.001 * k)

    table = m.cost_sensitivity(run)
    assert table.index.tolist() == [0.0, 1.0, 2.0, 5.0]
    assert table["total_return"].is_monotonic_decreasing
    assert table.loc[0.0, "cost_total"] == 0.0
    assert table.loc[0.0, "total_return"] == pytest.approx(m.measure(run(1)).gross_total_return, abs=1e-9)
