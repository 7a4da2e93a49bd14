"""The properties of time and accounting that hold for every simulation, on both engines."""

import numpy as np
import pandas as pd
import pytest

from engine.cases import random_market, random_options, random_position
from outsample.config import Costs, Execution
from outsample.data import Dataset
from outsample.engine import from_signals, sim, simulate
from outsample.errors import ConfigError, DataInvalid, DataMissing
from scale import SCALE

SEEDS = range(25 * SCALE)
ENGINES = ["vectorised", "reference"]


def market(n_bars=120, n_names=4, seed=0, scale=0.02):
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2023-01-02", periods=n_bars)
    close = 100 * np.exp(np.cumsum(rng.normal(0, scale, (n_bars, n_names)), axis=0))
    return pd.DataFrame(close, index=dates, columns=list("ABCDEFGH")[:n_names])


def stored(data):
    """Names of the frames that a dataset is made of."""
    return [key for key in sorted(data.keys()) if not key.startswith("raw_")]


def case(seed, **kind):
    rng = np.random.default_rng([seed, 77])
    data = random_market(rng, **kind)
    return data, random_position(rng, data), random_options(rng), rng


# -- time


@pytest.mark.parametrize("seed", SEEDS)
def test_the_past_does_not_depend_on_the_future(seed):
    """Equity on data up to t equals the full run's up to t (T1), whatever comes after t (T2)."""
    data, position, options, rng = case(seed)
    options["start"] = position.index[0]
    full = sim(position, data, **options).equity
    t = full.index[int(rng.integers(0, len(full)))]
    if position.index[0] > t:
        return
    cut = sim(position.loc[:t], data.until(t), **options).equity
    np.testing.assert_array_equal(cut.to_numpy(), full.loc[:t].to_numpy())
    frames = {key: data.frame(key).copy() for key in stored(data)}
    for frame in frames.values():
        frame.loc[frame.index > t] = frame.loc[frame.index > t] * rng.uniform(0.5, 2.0)
    changed = Dataset.from_frames(frames | {"delisted": data.delisted.dropna()}, name="changed")
    plain = Dataset.from_frames(
        {key: data.frame(key) for key in frames} | {"delisted": data.delisted.dropna()}, name="plain"
    )
    one, two = (sim(position, each, **options).equity.loc[:t] for each in (changed, plain))
    np.testing.assert_array_equal(one.to_numpy(), two.to_numpy())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("price", ["close", "open"])
def test_only_the_return_after_the_fill_is_earned(engine, price):
    """An oracle of the return after the fill scores high, oracles of earlier returns about nothing (T4)."""
    rng = np.random.default_rng(1)
    n = 1500
    dates = pd.bdate_range("2015-01-01", periods=n)
    walk = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 2 * n)))
    opened, close = pd.Series(walk[::2], index=dates), pd.Series(walk[1::2], index=dates)
    frames = {name: series.to_frame("A") for name, series in (("close", close), ("open", opened))}
    frames |= {"high": np.maximum(frames["open"], frames["close"]), "low": np.minimum(frames["open"], frames["close"])}
    data = Dataset.from_frames(frames, name="oracle")
    traded = (close if price == "close" else opened).pct_change()

    def sharpe(shift):
        # row t holds the sign of the return over the bar that ends at t + shift
        signal = np.sign(traded.shift(-shift)).fillna(0.0).to_frame("A")
        returns = sim(signal, data, trade_at_price=price, fee_ratio=0.0, engine=engine).returns
        return returns.mean() / returns.std() * np.sqrt(252)

    assert sharpe(2) > 8
    assert abs(sharpe(1)) < 3
    assert abs(sharpe(0)) < 3


@pytest.mark.parametrize("lag", [0, -1, 1.5, True, "1"])
def test_a_lag_is_a_whole_number_of_bars(lag):
    """A lag below one bar, or not whole, is refused (T5)."""
    with pytest.raises(ConfigError, match="lag"):
        sim(market() > 0, market(), lag=lag)


def test_nothing_wraps_around():
    """The last row of the table never reaches the first bars (T5)."""
    close = market()
    position = pd.DataFrame(0.0, close.index, close.columns)
    position.iloc[-1] = 1.0
    result = sim(position, close)
    assert (result.equity == 1.0).all()
    assert result.next_weights.to_dict() == dict.fromkeys("ABCD", 0.25)


def test_start_is_where_evaluation_begins():
    """Bars before start are not in the result; the decision in force is filled on the bar after it (T8)."""
    close = market()
    result = sim(close > 0, close, start=close.index[50])
    assert result.equity.index[0] == close.index[50]
    assert result.equity.iloc[0] == 1.0
    assert result.returns.index[0] == close.index[51]
    assert result.trades["entry_date"].unique().tolist() == [close.index[51]]


def test_leading_flat_bars_count_and_are_pointed_out():
    """Flat bars after start are part of the result, with a warning that names a start (T8)."""
    close = market()
    position = (close > 0) & (np.arange(len(close)) >= 40)[:, None]
    result = sim(position, close)
    assert len(result.equity) == len(close)
    assert any("start='" in text for text in result.warnings)


def test_prices_are_never_filled_backwards():
    """A name is not held before it has its first price (T9)."""
    close = market()
    close.iloc[:30, 0] = np.nan
    result = sim(close.notna() | True, close)
    first = result.trades.set_index("symbol")["entry_date"]
    assert first["A"] == close.index[30]
    assert first["B"] == close.index[1]


# -- accounting


@pytest.mark.parametrize("seed", SEEDS)
def test_equity_is_cash_and_positions(seed):
    """Held units at their last price plus cash are the equity, and trades reconcile with it (A1)."""
    data, position, options, _ = case(seed)
    result = sim(position, data, **options)
    assert result.equity.notna().all()
    assert result.residual < 1e-9
    record = result.record
    cash, closes = record.bars[1], data.frame("close").ffill()
    values = (result.units * closes.reindex(index=result.dates, columns=result.units.columns)).fillna(0.0).sum(axis=1)
    capital = result.execution.initial_capital
    gap = np.abs(cash + values.to_numpy() - result.equity.to_numpy())[result.equity.to_numpy() > 0]
    assert (gap < 1e-9 * capital).all() or gap.max() < 1e-9 * result.equity.max()
    moved = result.trades["pnl"].sum() - result.costs["financing"].sum() + record.shortfall
    assert moved == pytest.approx(result.equity.iloc[-1] - capital, abs=1e-9 * max(capital, result.equity.max()))


@pytest.mark.parametrize("engine", ENGINES)
def test_buy_and_hold_less_costs(engine):
    """Closed form: E' (1 + f) = E on the first fill, then the price (A2)."""
    close = market(n_names=1)
    fee, slip = 0.01, 0.002
    equity = sim(close > 0, close, fee_ratio=fee, slippage=slip, engine=engine).equity
    expected = close["A"] / close["A"].iloc[1] / (1 + fee + slip)
    np.testing.assert_allclose(equity.iloc[1:], expected.iloc[1:], rtol=1e-12)


def test_no_trade_no_fee():
    """Fees appear on bars that trade and nowhere else; without fee gross is net (A2)."""
    close = market()
    result = sim(close.rank(axis=1) > 2, close, fee_ratio=0.01)
    assert ((result.costs["fee"] > 0) == (result.turnover > 0)).all()
    free = sim(close.rank(axis=1) > 2, close)
    np.testing.assert_allclose(free.trades["return_net"], free.trades["return_gross"], atol=1e-15)


def test_tax_on_sales_only():
    """A purchase pays no tax, a sale does, a short sale does, a cover does not (A3)."""
    close = pd.DataFrame({"A": [100.0] * 5}, index=pd.bdate_range("2024-01-01", periods=5))
    for sign, taxed in ((1.0, 2), (-1.0, 1)):
        position = pd.DataFrame({"A": [sign, 0, 0, 0, 0]}, index=close.index)
        tax = sim(position, close, tax_ratio=0.003).costs["tax"]
        assert tax.to_numpy().nonzero()[0].tolist() == [taxed]


@pytest.mark.parametrize("seed", range(12 * SCALE))
def test_higher_costs_never_pay(seed):
    """Raising fee or tax never raises the final equity of a long-only target (A3)."""
    rng = np.random.default_rng(seed)
    close = market(seed=seed, n_bars=60)
    position = pd.DataFrame(rng.random(close.shape) * (rng.random(close.shape) < 0.6), close.index, close.columns)
    ends = [
        sim(position, close, fee_ratio=fee, tax_ratio=tax).equity.iloc[-1]
        for fee, tax in ((0.0, 0.0), (0.001, 0.0), (0.001, 0.004), (0.01, 0.004))
    ]
    assert (np.diff(ends) <= 1e-12).all()


def test_a_round_trip_costs_both_sides():
    """In and out at one price costs exactly the costs of both fills (A4)."""
    close = pd.DataFrame({"A": [100.0] * 4}, index=pd.bdate_range("2024-01-01", periods=4))
    position = pd.DataFrame({"A": [1.0, 0, 0, 0]}, index=close.index)
    fee, tax = 0.01, 0.02
    invested = 1 / (1 + fee)
    assert sim(position, close, fee_ratio=fee, tax_ratio=tax).equity.iloc[-1] == pytest.approx(
        invested * (1 - fee - tax), rel=1e-14
    )


@pytest.mark.parametrize("seed", range(12 * SCALE))
def test_full_investment_keeps_cash_positive(seed):
    """All names are scaled by one factor, and cash is not negative (A5)."""
    rng = np.random.default_rng(seed)
    close = market(seed=seed, n_bars=60)
    position = pd.DataFrame(rng.random(close.shape), close.index, close.columns)
    result = sim(position, close, fee_ratio=0.02, tax_ratio=0.03)
    assert (result.record.bars[1] > -1e-12).all()
    wanted = position.div(position.sum(axis=1).clip(lower=1.0), axis=0)
    np.testing.assert_allclose(result.weights.iloc[1:], wanted.iloc[:-1], atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_columns_means_nothing(seed):
    """Permuted and renamed columns give the same equity (A6)."""
    data, position, options, rng = case(seed)
    names = list(rng.permutation([f"N{k}" for k in range(len(data.symbols))]))
    renaming = dict(zip(data.symbols, names, strict=True))
    frames = {key: data.frame(key).rename(columns=renaming) for key in stored(data)}
    ended = data.delisted.dropna().rename(index=renaming)
    renamed = Dataset.from_frames(frames | ({"delisted": ended} if len(ended) else {}), name="renamed")
    other = sim(position.rename(columns=renaming)[names], renamed, **options).equity
    np.testing.assert_allclose(other, sim(position, data, **options).equity, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_scale_means_nothing(seed):
    """Scaling all prices or the capital leaves the returns as they are (A7)."""
    data, position, options, _ = case(seed)
    base = sim(position, data, **options)
    frames = {key: data.frame(key) * (1.0 if key == "volume" else 8.0) for key in stored(data)}
    ended = data.delisted.dropna()
    scaled = Dataset.from_frames(frames | ({"delisted": ended} if len(ended) else {}), name="scaled")
    np.testing.assert_allclose(sim(position, scaled, **options).returns, base.returns, atol=1e-9)
    richer = sim(position, data, **options | {"initial_capital": 1024.0 * base.execution.initial_capital})
    np.testing.assert_allclose(richer.returns, base.returns, atol=1e-9)


def test_a_split_adjusted_series_is_the_series():
    """Prices with a split and their adjusted close give the returns of the unsplit prices (A7)."""
    close = market(n_names=2)
    split = close.copy()
    split.iloc[60:] /= 4.0
    plain = sim(close > 0, Dataset.from_frames({"close": close}, name="plain"))
    adjusted = sim(close > 0, Dataset.from_frames({"close": split, "adj_close": close}, name="split"))
    np.testing.assert_allclose(adjusted.equity, plain.equity, rtol=1e-12)
    assert (adjusted.trades["raw_entry_price"] == split.iloc[1].to_numpy()).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_column_never_held_means_nothing(seed):
    """A column that is never held, or has no price, changes nothing (A8)."""
    data, position, options, rng = case(seed)
    frames = {key: data.frame(key).copy() for key in stored(data)}
    for key, frame in frames.items():
        frame["AB"] = np.nan
        frame["ZZ"] = frame.iloc[:, 0] if key == "volume" else rng.uniform(90, 110, len(frame))
    ended = data.delisted.dropna()
    wider = Dataset.from_frames(frames | ({"delisted": ended} if len(ended) else {}), name="wider")
    base = Dataset.from_frames(
        {key: frame[data.symbols] for key, frame in frames.items()} | ({"delisted": ended} if len(ended) else {}),
        name="base",
    )
    np.testing.assert_array_equal(sim(position, wider, **options).equity, sim(position, base, **options).equity)


def test_a_holding_without_price_is_closed_once():
    """A name that ends keeps its last price, is closed once, and says so (A9)."""
    close = market()
    close.iloc[40:, 0] = np.nan
    result = sim(close.notna() | True, close, delist_after=5)
    gone = result.trades[result.trades["exit_reason"] == "delisting"]
    assert gone["symbol"].tolist() == ["A"]
    assert gone["exit_date"].tolist() == [close.index[44]]
    assert result.equity.notna().all()
    assert any("delisted: A" in flag for flag in result.flags)
    assert any("stale: A" in flag for flag in result.flags)


def test_a_blocked_holding_keeps_its_value_and_the_others_share_the_rest():
    """What cannot be sold stays; the other targets are scaled to what is left (A10, rule 6)."""
    dates = pd.bdate_range("2024-01-01", periods=4)
    close = pd.DataFrame(100.0, dates, list("ABC"))
    volume = pd.DataFrame(1.0, dates, list("ABC"))
    volume.iloc[2, 0] = 0.0
    data = Dataset.from_frames({"close": close, "volume": volume}, name="blocked")
    position = pd.DataFrame([[0.3, 0, 0], [0, 0.5, 0.5], [0, 0.5, 0.5], [0, 0.5, 0.5]], dates, list("ABC"))
    weights = sim(position, data, fee_ratio=0.0).weights
    np.testing.assert_allclose(weights.iloc[2], [0.3, 0.35, 0.35], atol=1e-12)
    np.testing.assert_allclose(weights.iloc[3], [0.0, 0.35, 0.35], atol=1e-12)


def test_the_price_limit_matters_where_it_should():
    """Switching the limit on changes a result that runs into it, and no other (A10)."""
    close = market(scale=0.04)
    position = close.pct_change() > 0.03
    assert sim(position, close, price_limit=0.05).equity.iloc[-1] != sim(position, close).equity.iloc[-1]
    assert sim(position, close, price_limit=0.9).equity.equals(sim(position, close).equity)


def test_weights_drift_and_turnover_is_measured_against_them():
    """Between rebalances weights move with prices; the next turnover is the way back (A11)."""
    dates = pd.bdate_range("2024-01-01", periods=4)
    close = pd.DataFrame({"A": [100.0, 100, 200, 200], "B": [100.0, 100, 100, 100]}, index=dates)
    position = pd.DataFrame(0.5, dates, ["A", "B"])
    held = sim(position, close, resample="D")
    np.testing.assert_allclose(held.weights.iloc[2], [0.5, 0.5])
    drifted = sim(position, close)
    np.testing.assert_allclose(drifted.weights.iloc[2], [2 / 3, 1 / 3])
    np.testing.assert_allclose(held.turnover, [0.0, 1.0, 2 * (2 / 3 - 1 / 2), 0.0], atol=1e-15)


@pytest.mark.parametrize("options", [{"stop_loss": 0.03}, {"trail_stop": 0.04, "take_profit": 0.06}])
def test_sim_and_from_signals_agree(options):
    """The same entries, exits and stops give the same trades (A13)."""
    close = market(n_names=1, n_bars=400)
    holds = pd.Series(np.arange(400) % 40 < 30, close.index).to_frame("A")
    entries = holds & ~holds.shift(fill_value=False)
    exits = ~holds & holds.shift(fill_value=False)
    one = sim(holds, close, fee_ratio=0.001, **options).trades
    two = from_signals(entries, exits, close, fee_ratio=0.001, **options).trades
    pd.testing.assert_frame_equal(one, two)
    assert set(one["exit_reason"]) & {"stop_loss", "take_profit", "trail_stop"}


def test_long_and_short_mirror_each_other():
    """Under reflected returns, without costs and with weights restored every bar, returns are equal (A14)."""
    rng = np.random.default_rng(3)
    returns = rng.normal(0, 0.02, (100, 3))
    dates = pd.bdate_range("2024-01-01", periods=100)
    up, down = (pd.DataFrame(100 * np.cumprod(1 + s * returns, axis=0), dates, list("ABC")) for s in (1, -1))
    weights = pd.DataFrame(rng.random((100, 3)) / 3, dates, list("ABC"))
    one, two = sim(weights, up, resample="D").returns, sim(-weights, down, resample="D").returns
    np.testing.assert_allclose(one, two, atol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_ruin_ends_the_run(engine):
    """A short can lose more than everything; equity then stays zero, with a flag (A14)."""
    dates = pd.bdate_range("2024-01-01", periods=5)
    close = pd.DataFrame({"A": [100.0, 100, 250, 50, 50]}, index=dates)
    result = sim(-(close > 0).astype(float), close, engine=engine)
    assert result.equity.tolist() == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert result.returns.tolist() == [0.0, -1.0, 0.0, 0.0]
    assert result.flags[0].startswith("ruin")
    assert result.record.shortfall == pytest.approx(0.5)


def test_rows_become_weights():
    """k names get 1/k; sums over the leverage are scaled, sums below keep cash; the limit only clips (A15)."""
    close = market()
    one = close.index[:1]

    def wanted(row, **options):
        result = sim(pd.DataFrame([row], one, close.columns), close, **options)
        return result.weights.iloc[1].round(12).tolist()

    assert wanted([True, True, True, False]) == [0.333333333333] * 3 + [0.0]
    assert wanted([2.0, 1.0, 1.0, 0.0]) == [0.5, 0.25, 0.25, 0.0]
    assert wanted([0.2, 0.1, 0.0, np.nan]) == [0.2, 0.1, 0.0, 0.0]
    assert wanted([1.0, -1.0, 0.0, 0.0]) == [0.5, -0.5, 0.0, 0.0]
    assert wanted([2.0, 1.0, 1.0, 0.0], position_limit=0.3) == [0.3, 0.25, 0.25, 0.0]
    assert wanted([2.0, 1.0, 1.0, 0.0], leverage=2.0) == [1.0, 0.5, 0.5, 0.0]


def test_odd_tables_are_refused_or_defined():
    """Empty, duplicate, unknown, infinite and late tables each end in a typed error with a hint (A16)."""
    close = market()
    good = close > 0
    for table, kind in (
        (good.iloc[:0], DataInvalid),
        (good[[]], DataInvalid),
        (pd.concat([good, good]), DataInvalid),
        (pd.concat([good, good[["A"]]], axis=1), DataInvalid),
        (good.rename(columns=str.lower), DataInvalid),
        (good.astype(float) * np.inf, DataInvalid),
        (good.shift(2000, freq="D"), DataInvalid),
        (good.reset_index(drop=True), DataInvalid),
        (good.astype(str), DataInvalid),
        ([1, 2], DataInvalid),
    ):
        with pytest.raises(kind) as caught:
            sim(table, close)
        assert caught.value.message


def test_odd_tables_that_mean_something():
    """All False, one date, one symbol, unsorted and early tables have a defined result, and say so (A16)."""
    close = market()
    good = close > 0
    never = sim(good & False, close)
    assert (never.equity == 1.0).all()
    assert "Nothing was traded." in never.warnings
    assert len(sim(good.iloc[:1], close).trades) == 4
    assert len(sim(good.iloc[-1:], close).equity) == 1
    assert sim(good["A"], close[["A"]]).equity.iloc[-1] == pytest.approx(close["A"].iloc[-1] / close["A"].iloc[1])
    mixed = sim(good.iloc[::-1], close)
    assert mixed.equity.equals(sim(good, close).equity)
    assert any("not sorted" in text for text in mixed.warnings)
    early = sim(good.shift(-300, freq="D"), close)
    assert early.equity.index[0] == close.index[0]
    late = sim(good.shift(30, freq="D"), close)
    assert any("after the last bar" in text for text in late.warnings)


def test_unknown_symbols_are_named_with_their_weight():
    """A symbol without prices is dropped, with its share of weight (A16)."""
    close = market()
    position = (close > 0).astype(float).assign(XX=1.0)
    result = sim(position, close)
    assert any("XX" in text and "20.0%" in text for text in result.warnings)
    np.testing.assert_allclose(result.weights.iloc[1], 0.25)


def test_open_positions_are_marked():
    """What is held at the end is a trade that is open, at its last price (A17)."""
    close = market()
    trades = sim(close > 0, close).trades
    assert trades["open"].all()
    assert (trades["exit_reason"] == "open").all()
    assert trades["exit_date"].isna().all()
    np.testing.assert_allclose(trades["exit_price"], close.iloc[-1])
    np.testing.assert_allclose(trades["return_net"], close.iloc[-1] / close.iloc[1] - 1)


def test_the_universe_is_held_to():
    """A target outside the universe is refused with its date, or set to zero by option."""
    close = market()
    universe = close > 0
    universe.iloc[50:, 0] = False
    data = Dataset.from_frames({"close": close, "universe": universe}, name="members")
    with pytest.raises(DataInvalid, match=r"'A'.*universe"):
        sim(close > 0, data)
    weights = sim(close > 0, data, outside_universe="zero", fee_ratio=0.0).weights
    assert (weights["A"].iloc[51:] == 0).all()
    np.testing.assert_allclose(weights.iloc[51], [0, 1 / 3, 1 / 3, 1 / 3])


def test_what_needs_other_prices_says_so():
    """A frame of closes cannot trade at the open or inside a bar."""
    close = market()
    with pytest.raises(DataMissing, match="open"):
        sim(close > 0, close, trade_at_price="open")
    with pytest.raises(DataMissing, match="touched_exit"):
        sim(close > 0, close, touched_exit=True, stop_loss=0.1)


def test_unknown_options_name_the_nearest():
    """An option that does not exist is refused with the nearest name; costs that eat everything too."""
    with pytest.raises(ConfigError, match="fee_ratio"):
        sim(market() > 0, market(), fee_ration=0.1)
    with pytest.raises(ConfigError, match="below 1"):
        simulate(market() > 0, market(), execution=Execution(leverage=10.0), costs=Costs(fee_ratio=0.1))


def test_carry_is_charged_per_calendar_day():
    """Borrow on short value and financing on negative cash, over weekends too."""
    dates = pd.DatetimeIndex(["2024-01-04", "2024-01-05", "2024-01-08"])  # Thursday, Friday, Monday
    close = pd.DataFrame({"A": [100.0] * 3}, index=dates)
    short = sim(-(close > 0).astype(float), close, borrow_rate=0.365)
    assert short.costs["borrow"].tolist() == pytest.approx([0.0, 0.0, 0.003])
    geared = sim((close > 0) * 3.0, close, leverage=3.0, position_limit=3.0, financing_rate=0.365)
    assert geared.costs["financing"].tolist() == pytest.approx([0.0, 0.0, 2 * 0.003])


def test_results_survive_pickling():
    """A simulation can be sent to another process."""
    import pickle

    result = sim(market() > 0, market(), fee_ratio=0.001)
    again = pickle.loads(pickle.dumps(result))
    assert again.equity.equals(result.equity)
    assert again.trades.equals(result.trades)


def test_engines_are_stateless():
    """One engine used by several threads gives what it gives alone."""
    from concurrent.futures import ThreadPoolExecutor

    cases = [case(seed) for seed in range(16)]
    alone = [sim(position, data, **options).record.bars for data, position, options, _ in cases]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda c: sim(c[1], c[0], **c[2]).record.bars, cases * 2))
    for one, two in zip(alone * 2, together, strict=True):
        np.testing.assert_array_equal(one, two)
