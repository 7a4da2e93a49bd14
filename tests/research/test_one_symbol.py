"""Studies of one symbol are measured by its holdings; what they choose and keep is that of single backtests."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import Dataset, load, sim, sweep, walk_forward
from outsample.errors import ConfigError

TRAIN, TEST = 300, 120
# With w = 1 the symbol is held whole or not at all, with another w it is simulated bar by bar.
SOURCE = "n = 10\nw = 1.0\nclose = data.get('close')\nposition = (close > close.average(n)) * w\n"
GRID = {"n": [4, 15, 60], "w": [1.0, 0.5]}
OPTIONS = {"store": False, "lookahead": False}


@pytest.fixture(scope="module")
def data():
    return load("synthetic:1x1200?seed=5")


@pytest.fixture(scope="module")
def runs(data):
    return sweep(SOURCE, data, GRID, **OPTIONS).runs


@pytest.fixture(scope="module")
def alone(data, runs):
    """A backtest of each combination, in grid order."""
    return [
        outsample.backtest(SOURCE, data, params=one.params, use_cache=False, **OPTIONS) for one in runs.combinations
    ]


def sharpe(returns):
    deviation = returns.std(ddof=1)
    return returns.mean() / deviation * math.sqrt(252) if deviation > 1e-15 else math.nan


def plainly_chosen(alone, window, min_trades):
    """The place of the best Sharpe ratio of a window's training among those with enough trades, or None."""
    values = []
    for one in alone:
        returns = one.returns.iloc[window.train.start : window.train.stop]
        begun = one.trades["entry_date"].isin(returns.index).sum()
        values.append(sharpe(returns) if begun >= min_trades else math.nan)
    return None if np.isnan(values).all() else int(np.nanargmax(values))


def test_both_ways_of_measuring_are_in_this_sweep(runs):
    """Else the tests below would say nothing of one of them."""
    parts = runs.combinations.runs.parts
    assert all(part.measured is not None for part in parts)
    assert 0 < sum(len(part.alone) for part in parts) < len(runs.combinations)


def test_the_table_has_the_numbers_of_single_backtests(runs, alone):
    """Trades are whole numbers; the others are equal up to the rounding of sums."""
    assert runs.table["n_trades"].dtype == np.int64
    for name in ("n_trades", "sharpe", "total_return", "cagr", "max_drawdown", "volatility"):
        np.testing.assert_allclose(runs.table[name], [getattr(one.metrics, name) for one in alone], rtol=1e-9)


def test_sharpe_ratios_of_bars_are_those_of_single_backtests(runs, alone):
    """Over all returns and over a few of them, whichever way a combination was measured."""
    for begin, end in ((0, 1199), (0, 300), (411, 530)):
        (found,) = runs.combinations.runs.sharpes([range(begin, end)], 252.0)
        np.testing.assert_allclose(found, [sharpe(one.returns.iloc[begin:end]) for one in alone], rtol=1e-9)


def test_a_pickled_sweep_has_the_returns_of_its_runs(runs, alone):
    """They are made before it travels, for the data stay behind."""
    again = pickle.loads(pickle.dumps(runs))
    for ours, theirs in zip(again.combinations, alone, strict=True):
        pd.testing.assert_series_equal(ours.returns, theirs.returns)
    for rows in ((0, 1199), (411, 530)):
        before, after = (one.combinations.runs.sharpes([range(*rows)], 252.0) for one in (runs, again))
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("min_trades", [0, 12, 30])
def test_a_combination_with_too_few_trades_is_not_chosen(data, alone, min_trades):
    """Trades count that begin on bars of the training window; where none has enough, nothing is held."""
    walk = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, min_trades=min_trades, **OPTIONS)
    places = {one.run: place for place, one in enumerate(walk.run.sweep.combinations)}
    chosen = [None if one.chosen is None else places[one.chosen.run] for one in walk.run.choices]
    assert chosen == [plainly_chosen(alone, one.window, min_trades) for one in walk.run.choices]


def test_the_number_of_trades_decides(data, alone):
    """The three numbers of the test above choose differently on these data."""
    windows = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, **OPTIONS).run.choices
    ways = {tuple(plainly_chosen(alone, one.window, least) for one in windows) for least in (0, 12, 30)}
    assert len(ways) == 3


def test_windows_without_a_choice_stay_in_cash_and_the_report_says_why(data):
    """Here all of them: the number of trades that was asked for is named."""
    walk = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, min_trades=10_000, **OPTIONS)
    assert all(choice.chosen is None for choice in walk.run.choices)
    assert not walk.returns.any()
    said = walk.document(pictures=False).warnings[0]
    assert said.startswith("8 of 8 windows stay in cash: no combination with at least 10000 trades")
    free = walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, **OPTIONS)
    assert not any("stay in cash" in line for line in free.document(pictures=False).warnings)


@pytest.mark.parametrize("wrong", [-1, 2.5, "12", True, None])
def test_a_number_of_trades_that_is_none_is_refused(data, wrong):
    """Before anything runs."""
    with pytest.raises(ConfigError, match="min_trades must be a whole number >= 0"):
        walk_forward(SOURCE, data, GRID, train=TRAIN, test=TEST, min_trades=wrong, **OPTIONS)


def test_combinations_that_fail_are_left_out_of_the_ratios(data):
    """A set that raises among sets that are measured by holdings has no Sharpe ratio, and does not win."""
    source = "n = 4\nclose = data.get('close')\nposition = close > close.average(n if n != 15 else 1 // 0)\n"
    runs = sweep(source, data, {"n": [4, 15, 60]}, **OPTIONS).runs
    (found,) = runs.combinations.runs.sharpes([range(300)], 252.0)
    assert np.isnan(found).tolist() == [False, True, False]
    assert runs.table["n_trades"].isna().tolist() == [False, True, False]
    walk = walk_forward(source, data, {"n": [4, 15, 60]}, train=TRAIN, test=TEST, **OPTIONS)
    assert all(choice.chosen.params["n"] != 15 for choice in walk.run.choices)


def test_a_set_whose_returns_overflow_has_an_error_and_no_numbers():
    """Its prices rise by 500 powers of ten while it holds; the sets that sell before are measured."""
    dates = pd.bdate_range("2020-01-01", periods=400)
    price = 1e-200 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.01, 400)))
    price[200:] *= 1e300
    price[300:] *= 1e200
    data = Dataset.from_frames({"close": pd.DataFrame({"A": price}, index=dates)}, name="jump")
    source = "k = 100\nheld = data.get('close') > 0\nposition = held & (held.cumsum() < k)\n"
    found = sweep(source, data, {"k": [120, 1000, 150]}, n_jobs=1, **OPTIONS)
    failed = found.table.iloc[1]
    assert "infinities" in failed["error"]
    assert failed.drop(["k", "error"]).isna().all()
    assert found.table["error"].tolist()[::2] == ["", ""]
    for place, k in ((0, 120), (2, 150)):
        held = pd.DataFrame({"A": np.arange(400) < k - 1}, index=dates)
        assert found.table["total_return"][place] == pytest.approx(sim(held, data).equity.iloc[-1] - 1.0, rel=1e-9)
