"""Markets of every shape: one symbol, 5,000 symbols, 60 years of days, minutes, weeks, every day of the week."""

import numpy as np
import pandas as pd
import pytest

from outsample.data import Dataset, load
from outsample.engine import sim

COSTS = {"fee_ratio": 0.001, "tax_ratio": 0.002}


def walks(index, n_names, seed, scale=0.01):
    """Closes of random walks."""
    steps = np.random.default_rng(seed).normal(0.0002, scale, (len(index), n_names))
    return pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index, [f"N{k:04d}" for k in range(n_names)])


def held_between(close, dates, weights):
    """Equity without costs by units that are bought on the bar after each date and kept; plain numpy."""
    price, fills = close.to_numpy(), {}
    for k, date in enumerate(dates):
        bar = close.index.searchsorted(date, side="right")
        if bar < len(close):
            fills[bar] = weights[k]
    cash, units, curve = 1.0, np.zeros(price.shape[1]), []
    for bar in range(len(close)):
        equity = cash + units @ price[bar]
        if bar in fills:
            units = fills[bar] * equity / price[bar]
            cash = equity - units @ price[bar]
        curve.append(equity)
    return np.array(curve)


def both(position, data, **options):
    """The compiled engine, after the reference has agreed with it."""
    return sim(position, data, check=True, **options)


def test_one_symbol_held_is_its_price_less_one_fee():
    """A single symbol given as a Series, bought once, has the growth of its price less the fee."""
    close = walks(pd.bdate_range("2020-01-01", periods=300), 1, seed=1)
    result = both(pd.Series(1.0, close.index, name="N0000"), close, fee_ratio=0.001)
    growth = close["N0000"].to_numpy()[1:] / close["N0000"].to_numpy()[1]
    np.testing.assert_allclose(result.equity.to_numpy()[1:], growth / 1.001, rtol=1e-12)
    assert len(result.trades) == 1
    assert result.residual < 1e-9


def test_five_thousand_symbols_against_units_in_numpy():
    """5,000 symbols, a random third of them every month, are what units kept between the months are worth."""
    close = walks(pd.bdate_range("2020-01-01", periods=250), 5_000, seed=2)
    rng = np.random.default_rng(3)
    wanted = pd.DataFrame(rng.random(close.shape) < 1 / 3, close.index, close.columns)
    result = sim(wanted, Dataset.from_frames({"close": close}, name="wide"), resample="ME", fee_ratio=0.0)
    ends = pd.date_range(close.index[0], close.index[-1], freq="ME")
    rows = wanted.to_numpy()[close.index.searchsorted(ends, side="right") - 1].astype(float)
    expected = held_between(close, ends, rows / rows.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(result.equity, expected, rtol=1e-10)
    assert result.residual < 1e-9
    assert result.trades["symbol"].nunique() > 4_900


def test_sixty_years_of_days():
    """15,660 days from 1960 on, before and after the epoch of the clock, rebalanced weekly with costs."""
    close = walks(pd.bdate_range("1960-01-04", periods=15_660), 3, seed=4)
    wanted = (close > close.shift(20)).astype(float)
    data = Dataset.from_frames({"close": close}, name="long")
    result = both(wanted, data, resample="W", **COSTS)
    assert len(result.equity) == 15_660
    assert result.equity.index[-1].year - result.equity.index[0].year == 60
    assert result.equity.index.is_monotonic_increasing
    assert result.residual < 1e-9
    assert (result.trades["entry_date"] <= result.trades["exit_date"].fillna(close.index[-1])).all()
    assert result.trades["entry_date"].min().year == 1960


def test_minutes_with_nights_between():
    """Five-minute bars of sessions: a decision at a close is filled five minutes later, or on the next morning."""
    days = pd.bdate_range("2024-01-02", periods=20)
    index = pd.DatetimeIndex([day + pd.Timedelta(minutes=570 + 5 * k) for day in days for k in range(78)])
    close = walks(index, 2, seed=5, scale=0.001)
    data = Dataset.from_frames({"close": close}, name="minutes")
    assert data.periods_per_year == pytest.approx(252 * 78, rel=0.05)
    wanted = pd.DataFrame(0.0, index, close.columns)
    wanted.loc[days[3] + pd.Timedelta(hours=10) : days[3] + pd.Timedelta(hours=11), "N0000"] = 1.0
    wanted.loc[days[5] + pd.Timedelta(minutes=570 + 5 * 77) : days[7], "N0001"] = 0.5
    result = both(wanted, data, **COSTS)
    entries = result.trades.set_index("symbol")["entry_date"]
    assert entries["N0000"] == days[3] + pd.Timedelta(hours=10, minutes=5)
    assert entries["N0001"] == days[6] + pd.Timedelta(minutes=570)
    assert result.residual < 1e-9


def test_hours_decided_once_a_day():
    """resample='D' counts days from the first row on: at nine, filled at ten, and after a weekend at nine too."""
    days = pd.bdate_range("2024-01-02", periods=8)
    index = pd.DatetimeIndex([day + pd.Timedelta(hours=9 + k) for day in days for k in range(7)])
    close = walks(index, 1, seed=6, scale=0.002)
    wanted = pd.DataFrame(np.random.default_rng(7).random((len(index), 1)), index, close.columns)
    result = both(wanted, close, resample="D")
    filled = pd.DatetimeIndex(close.index[np.unique(result.record.fills[:, 0])])
    ends = pd.date_range(index[0], index[-1], freq="D")
    expected = index[[place for place in index.searchsorted(ends, side="right") if place < len(index)]]
    assert filled.tolist() == expected.unique().tolist()
    assert set(filled.hour) == {9, 10}


def test_weekly_bars():
    """Weekly bars count 52 to the year, and every bar can be a decision."""
    index = pd.date_range("2000-01-07", periods=520, freq="W-FRI")
    close = walks(index, 4, seed=8, scale=0.03)
    data = Dataset.from_frames({"close": close}, name="weeks")
    assert data.periods_per_year == pytest.approx(52, rel=0.02)
    wanted = (close > close.shift(4)).astype(float)
    result = both(wanted, data, **COSTS)
    assert result.periods_per_year == data.periods_per_year
    assert result.residual < 1e-9
    row = wanted.to_numpy() / np.maximum(wanted.sum(axis=1).to_numpy()[:, None], 1.0)
    plain = sim(wanted, close, resample=list(index))
    np.testing.assert_allclose(plain.equity, held_between(close, index, row), rtol=1e-10)


def test_every_day_of_the_week():
    """A crypto calendar has 365 bars to the year, weekends included, in UTC; all dates keep the zone."""
    index = pd.date_range("2021-01-01", periods=730, freq="D", tz="UTC")
    close = walks(index, 3, seed=9, scale=0.04)
    data = Dataset.from_frames({"close": close}, name="coins", market="CRYPTO")
    assert data.periods_per_year == pytest.approx(365, rel=0.01)
    result = both(close > close.rolling(10).mean(), data, **COSTS)
    assert str(result.equity.index.tz) == "UTC"
    assert str(result.trades["entry_date"].dt.tz) == "UTC"
    assert set(result.trades["entry_date"].dt.day_of_week) == set(range(7))
    assert result.residual < 1e-9


def test_hours_over_the_change_to_summer_time():
    """Hourly bars in a zone with summer time are the same hours in UTC."""
    index = pd.date_range("2024-03-08", periods=24 * 5, freq="h", tz="UTC")
    close = walks(index, 2, seed=10)
    wanted = close > close.shift(3)
    there = sim(wanted.tz_convert("America/New_York"), close.tz_convert("America/New_York"), **COSTS)
    here = sim(wanted, close, **COSTS)
    np.testing.assert_array_equal(there.equity.to_numpy(), here.equity.to_numpy())
    assert (there.trades["entry_date"].dt.tz_convert("UTC") == here.trades["entry_date"]).all()


def test_a_result_can_be_named_without_naming_the_data():
    """The dates of a simulation are an index of its own, also where they are all bars of the data."""
    data = load("synthetic:2x40?seed=1")
    result = sim(data.frame("close") > 0, data)
    assert len(result.equity) == len(data.dates)
    result.equity.index.name = "day"
    assert data.dates.name != "day"
    assert data.frame("close").index.name != "day"
    assert sim(data.frame("close") > 0, data).equity.index.name != "day"


def test_zones_are_not_mixed_in_silence():
    """Positions without a zone on prices with one are read as local time, and a warning says so."""
    index = pd.date_range("2024-01-01", periods=30, freq="D", tz="Asia/Taipei")
    close = walks(index, 1, seed=11)
    wanted = close > close.shift(1)
    mixed, same = sim(wanted.tz_localize(None), close), sim(wanted, close)
    assert any("time zone" in text for text in mixed.warnings)
    assert not any("time zone" in text for text in same.warnings)
    np.testing.assert_array_equal(mixed.equity.to_numpy(), same.equity.to_numpy())
