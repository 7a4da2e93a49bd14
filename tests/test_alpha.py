"""The alpha backtest: weights of each method, forward returns after the fill, and what a signal is worth."""

import math

import numpy as np
import pandas as pd
import pytest

from outsample.alpha import alpha_backtest, forward_returns, signal_weights
from outsample.data import Dataset
from outsample.errors import ConfigError, DataInvalid

DATES = pd.bdate_range("2022-01-03", periods=200)


def market(names=20, seed=81):
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 0.02, (len(DATES), names))
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=DATES, columns=[f"S{i:02d}" for i in range(names)])


def row(values, **options):
    return signal_weights(pd.DataFrame([values]), **options).to_numpy()[0]


def test_rank_weights_are_demeaned_and_sum_to_one():
    """Ranks 1, 2, 3, 4 less 2.5, divided by the sum of absolute values 4."""
    np.testing.assert_allclose(row([5.0, 100.0, -3.0, 7.0, np.nan]), [-0.125, 0.375, -0.375, 0.125, 0.0])


def test_zscore_weights_are_the_demeaned_signal():
    """-1, 0, 1 and 4 less their mean 1, over 6."""
    np.testing.assert_allclose(row([-1.0, 0.0, 1.0, 4.0], method="zscore"), np.array([-2, -1, 0, 3]) / 6)


def test_quantile_weights_are_long_the_top_and_short_the_bottom():
    """Half of the gross on each side, whatever the sizes of the groups."""
    weights = row([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], method="quantile", quantiles=3)
    np.testing.assert_allclose(weights, [-0.25, -0.25, 0, 0, 0.25, 0.25])
    weights = row([1.0, 2.0, 3.0, 4.0, 5.0], method="quantile", quantiles=2)
    np.testing.assert_allclose(weights[[0, -1]], [-0.25, 1 / 6])


def test_long_only_methods():
    """top_n takes the highest, equal all above zero; both are long only and add up to one."""
    np.testing.assert_allclose(row([3.0, 1.0, 2.0, np.nan], method="top_n", top_n=2), [0.5, 0, 0.5, 0])
    np.testing.assert_allclose(row([3.0, -1.0, 2.0, 0.0, np.nan], method="equal"), [0.5, 0, 0.5, 0, 0])


@pytest.mark.parametrize("method", ["rank", "zscore", "quantile"])
@pytest.mark.parametrize("values", [[0.1, 0.1, 0.1], [np.nan, np.nan, np.nan], [2.0, np.nan, np.nan]])
def test_a_row_without_opinion_has_no_weights(method, values):
    """Equal values, no values and one value are no opinion."""
    assert row(values, method=method).tolist() == [0.0, 0.0, 0.0]


def test_forward_returns_start_at_the_fill():
    """With lag 1, the return over h bars runs from bar t+1 to bar t+1+h."""
    price = pd.DataFrame({"A": [1.0, 2.0, 3.0, 6.0, 9.0]})
    np.testing.assert_allclose(forward_returns(price, 1)["A"], [0.5, 1.0, 0.5, np.nan, np.nan])
    np.testing.assert_allclose(forward_returns(price, 2)["A"], [2.0, 2.0, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(forward_returns(price, 1, lag=2)["A"], [1.0, 0.5, np.nan, np.nan, np.nan])


def test_an_oracle_of_the_return_after_the_fill_is_perfect():
    """Knowing the return after the fill: rank IC 1, hit rate 1, equity up; knowing earlier returns: nothing (T4)."""
    close = market()
    after_fill = alpha_backtest(close.shift(-2) / close.shift(-1), close, horizons=(1,))
    assert after_fill.rank_ic[1].dropna().to_numpy() == pytest.approx(1.0)
    assert after_fill.hit_rate == 1.0
    assert after_fill.equity.iloc[-1] > 5.0
    for wasted in (close.shift(-1) / close, close / close.shift(1)):
        result = alpha_backtest(wasted, close, horizons=(1,))
        assert abs(result.summary["mean_rank_ic"].iloc[0]) < 0.1
        assert result.equity.iloc[-1] < 2.0


def test_the_sign_of_a_signal_is_the_sign_of_everything():
    """The negative signal has negative weights, ICs and spread."""
    close = market()
    signal = close.pct_change(fill_method=None)
    plus, minus = alpha_backtest(signal, close), alpha_backtest(-signal, close)
    np.testing.assert_allclose(plus.weights, -minus.weights, atol=1e-15)
    for name in ("mean_ic", "icir", "mean_rank_ic", "rank_icir", "spread"):
        np.testing.assert_allclose(plus.summary[name], -minus.summary[name], rtol=1e-9)


def test_a_longer_horizon_does_not_change_a_shorter_one():
    """ICs of a horizon are the same whatever else is asked for (M13)."""
    close = market()
    signal = close.rolling(5).mean() / close
    short = alpha_backtest(signal, close, horizons=(1, 5))
    longer = alpha_backtest(signal, close, horizons=(5, 60, 1))
    pd.testing.assert_frame_equal(short.ic, longer.ic[[1, 5]])
    pd.testing.assert_frame_equal(short.summary, longer.summary.loc[[1, 5]])


def test_ics_are_correlations_of_each_row():
    """IC is Pearson's, rank IC Spearman's correlation of signal and forward return over the names of a row."""
    close = market()
    signal = close.pct_change(3, fill_method=None)
    result = alpha_backtest(signal, close, horizons=(2,))
    later = close.shift(-3) / close.shift(-1) - 1
    for t in (10, 50, 120):
        a, b = signal.iloc[t], later.iloc[t]
        assert result.ic[2].loc[DATES[t]] == pytest.approx(np.corrcoef(a, b)[0, 1])
        assert result.rank_ic[2].loc[DATES[t]] == pytest.approx(np.corrcoef(a.rank(), b.rank())[0, 1])
    daily = result.ic[2].dropna()
    assert result.summary.loc[2, "icir"] == pytest.approx(daily.mean() / daily.std(ddof=1))


def test_hit_rate_compares_sides_of_the_medians():
    """The share of names on the same side of the median in signal and forward return."""
    close = market(names=7)
    signal = close.pct_change(3, fill_method=None)
    later = close.shift(-2) / close.shift(-1) - 1
    shares = []
    for t in range(len(DATES)):
        s, r = signal.iloc[t], later.iloc[t]
        if s.notna().all() and r.notna().all():
            shares.append((np.sign(s - s.median()) == np.sign(r - r.median())).mean())
    assert alpha_backtest(signal, close, horizons=(1,)).hit_rate == pytest.approx(np.mean(shares))


def test_quantile_returns_and_spread():
    """Mean over dates of each group's mean forward return; the spread is top less bottom."""
    close = market(names=10)
    signal = close.pct_change(3, fill_method=None)
    result = alpha_backtest(signal, close, quantiles=5, horizons=(1,))
    later = close.shift(-2) / close.shift(-1) - 1
    groups = np.ceil(signal.rank(axis=1) / 2)
    for group in range(1, 6):
        expected = later.where(groups == group).mean(axis=1).mean()
        assert result.quantile_returns.loc[1, group] == pytest.approx(expected)
    expected = result.quantile_returns.loc[1, 5] - result.quantile_returns.loc[1, 1]
    assert result.summary.loc[1, "spread"] == pytest.approx(expected)


def test_coverage_counts_names_with_a_price():
    """A name without a price has no signal and is not asked for one."""
    close = market(names=10)
    close.iloc[100:, 0] = np.nan
    signal = pd.DataFrame(np.arange(10.0), index=close.columns).T.reindex([0] * len(DATES)).set_axis(DATES)
    signal.iloc[:, 9] = np.nan
    result = alpha_backtest(signal, close, horizons=(1,))
    assert result.coverage.iloc[0] == pytest.approx(0.9)
    assert result.coverage.iloc[-1] == pytest.approx(8 / 9)
    assert (result.weights.iloc[100:, 0] == 0).all()


def test_a_planted_half_life_is_found():
    """A signal whose effect halves every four bars has a half-life of about four bars."""
    rng = np.random.default_rng(82)
    rows, names = 600, 60
    signal = rng.standard_normal((rows, names))
    steps = 0.02 * rng.standard_normal((rows, names))
    for age in range(25):
        steps[2 + age :] += 0.02 * 0.5 ** (age / 4) * signal[: rows - 2 - age]
    dates = pd.bdate_range("2020-01-01", periods=rows)
    close = pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=dates)
    result = alpha_backtest(pd.DataFrame(signal, index=dates), close, horizons=(1, 2, 4, 8))
    assert result.half_life == pytest.approx(4.0, rel=0.15)
    assert math.isnan(alpha_backtest(pd.DataFrame(signal, index=dates), close, horizons=(1,)).half_life)


def test_options_reach_the_engine():
    """Costs and the rebalance frequency are those of sim, and an unknown option is refused."""
    close = market()
    signal = close.pct_change(fill_method=None)
    free, paid = (
        alpha_backtest(signal, close, horizons=(1,)),
        alpha_backtest(signal, close, horizons=(1,), fee_ratio=0.01),
    )
    assert paid.equity.iloc[-1] < free.equity.iloc[-1]
    monthly = alpha_backtest(signal, close, horizons=(1,), resample="ME")
    assert monthly.turnover < free.turnover / 5
    with pytest.raises(ConfigError, match="fee_ration"):
        alpha_backtest(signal, close, fee_ration=0.1)


def test_names_outside_the_universe_have_no_signal():
    """A dataset with a universe: a name counts only while it is a member."""
    close = market(names=8)
    members = pd.DataFrame(True, index=close.index, columns=close.columns)
    members.iloc[:100, 0] = False
    data = Dataset.from_frames({"close": close, "universe": members}, name="members")
    signal = close.pct_change(fill_method=None)
    result = alpha_backtest(signal, data, horizons=(1,))
    assert (result.weights.iloc[:100, 0] == 0).all()
    assert (result.weights.iloc[100:, 0] != 0).any()
    assert result.coverage.iloc[50] == pytest.approx(7 / 8)


def test_forward_returns_use_the_price_of_the_fills():
    """Traded at the open, the oracle is of opens (T4)."""
    close = market()
    opens = close * np.exp(np.random.default_rng(83).normal(0, 0.01, close.shape))
    frames = {"close": close, "open": opens, "high": close * 1.1, "low": close * 0.9}
    data = Dataset.from_frames(frames, name="opens")
    result = alpha_backtest(
        opens.shift(-2) / opens.shift(-1), data, horizons=(1,), trade_at_price="open", fee_ratio=0.0
    )
    assert result.rank_ic[1].dropna().to_numpy() == pytest.approx(1.0)
    assert result.equity.iloc[-1] > 5.0


def test_cutting_the_data_changes_no_earlier_weight():
    """Weights up to t are the same with the data that end at t (T1)."""
    close = market()
    signal = close.pct_change(5, fill_method=None)
    whole = alpha_backtest(signal, close, horizons=(1,)).weights
    part = alpha_backtest(signal.iloc[:120], close.iloc[:120], horizons=(1,)).weights
    np.testing.assert_array_equal(part.to_numpy(), whole.iloc[:120].to_numpy())


@pytest.mark.parametrize(
    "options",
    [
        {"weight_method": "ranks"},
        {"quantiles": 1},
        {"horizons": ()},
        {"horizons": (0,)},
        {"top_n": 0},
        {"horizons": "5"},
    ],
)
def test_bad_options_are_config_errors(options):
    """What is not allowed is a typed error."""
    with pytest.raises(ConfigError):
        alpha_backtest(market(), market(), **options)


def test_a_signal_of_other_names_is_refused():
    """A signal without any name of the data is an error, not an empty result."""
    with pytest.raises(DataInvalid, match="none of its names"):
        alpha_backtest(market().add_suffix("x"), market())


def test_the_result_says_what_it_found():
    """The numbers as plain values, and one line of text."""
    result = alpha_backtest(market(), market(), horizons=(1, 2))
    plain = result.to_dict()
    assert set(plain["horizons"]) == {1, 2}
    assert plain["turnover"] == result.turnover
    assert "mean IC" in repr(result)
