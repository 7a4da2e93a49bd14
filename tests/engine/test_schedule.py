"""When decisions are taken and filled (rule 2)."""

import numpy as np
import pandas as pd
import pytest

from outsample.config import Execution
from outsample.engine import decisions, sim
from outsample.engine.schedule import fill_bars, pandas_frequency
from outsample.errors import ConfigError


def prices(dates, names="AB"):
    rng = np.random.default_rng(len(dates))
    return pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (len(dates), len(names))), 0)), dates, list(names))


def fills_of(result):
    """(signal date, fill date) of every fill."""
    plan, market = result.problem.plan, result.problem.market
    return [(pd.Timestamp(plan.dates[k]), market.dates[bar]) for bar, _, _, k in result.record.fills.tolist()]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("D", "D"), ("W", "W"), ("M", "ME"), ("ME", "ME"), ("Q", "QE"), ("A", "YE"), ("Y", "YE"), ("2M", "2ME"),
     ("Q-JAN", "QE-JAN"), ("BM", "BME"), ("MS", "MS"), ("QS", "QS"), ("W-FRI", "W-FRI"), ("H", "h")],
)  # fmt: skip
def test_frequencies_in_every_spelling(written, meant):
    """Old, new and finlab's spellings of a frequency are one."""
    assert pandas_frequency(written) == meant


@pytest.mark.parametrize("text", ["XYZ", "", "W-ABC", "-1D", "0D"])
def test_a_frequency_that_is_none_is_refused(text):
    """A string that is no frequency is refused, with examples."""
    if not text:
        return
    with pytest.raises(ConfigError, match="resample"):
        pandas_frequency(text)


@pytest.mark.parametrize("freq", ["W", "W-FRI", "ME", "QE", "2W", "MS"])
def test_every_decision_is_filled_on_the_first_session_after_it(freq):
    """A naive walk over dates gives the same decision and fill dates (T7)."""
    dates = pd.bdate_range("2023-01-04", "2024-03-12").delete([17, 18, 60, 82, 83, 84, 150])
    close = prices(dates)
    position = pd.DataFrame(np.random.default_rng(0).uniform(0.1, 0.5, close.shape), dates, close.columns)
    result = sim(position, close, resample=freq)
    expected = []
    for d in pd.date_range(dates[0], dates[-1], freq=freq):
        after = dates[dates > d]
        if len(after):
            expected.append((d, after[0]))
            np.testing.assert_allclose(result.weights.loc[after[0]], position.loc[:d].iloc[-1], atol=1e-12)
        else:
            assert result.next_weights.tolist() == position.loc[:d].iloc[-1].tolist()
    assert sorted(set(fills_of(result))) == expected
    for signal, fill in fills_of(result):
        assert signal < fill
        assert fill in dates


def test_several_decisions_before_one_bar():
    """Of several decisions before one bar the last counts; each fill is on a session (T7)."""
    close = prices(pd.bdate_range("2024-01-01", periods=10))  # Monday
    index = pd.DatetimeIndex(["2024-01-05", "2024-01-06", "2024-01-07"])  # Friday, Saturday, Sunday
    position = pd.DataFrame({"A": [1.0, 0, 0], "B": [0, 1.0, 0]}, index=index)
    result = sim(position, close)
    assert len(result.trades) == 0
    assert sim(position.iloc[:2], close).trades["symbol"].tolist() == ["B"]
    assert sim(position.iloc[:2], close).trades["entry_date"].tolist() == [pd.Timestamp("2024-01-08")]


def test_a_first_row_without_a_session():
    """A decision of a weekend is filled on Monday; the evaluation begins on the bar before."""
    close = prices(pd.bdate_range("2024-01-01", periods=10))
    position = pd.DataFrame({"A": [1.0]}, index=pd.DatetimeIndex(["2024-01-06"]))
    result = sim(position, close)
    assert result.equity.index[0] == pd.Timestamp("2024-01-05")
    assert result.trades["entry_date"].tolist() == [pd.Timestamp("2024-01-08")]


def test_dates_that_are_listed():
    """A list of dates, a frame's index, and a frequency of the same dates are one schedule."""
    close = prices(pd.bdate_range("2024-01-01", periods=60))
    position = (close.pct_change() > 0).astype(float)
    ends = pd.date_range("2024-01-01", "2024-03-22", freq="ME")
    one, two = sim(position, close, resample="ME"), sim(position, close, resample=list(ends))
    three = sim(position, close, resample=pd.DataFrame(index=ends))
    assert one.equity.equals(two.equity)
    assert one.equity.equals(three.equity)


def test_an_offset_moves_every_date():
    """resample_offset is added to every decision date, and may not reach the next one."""
    close = prices(pd.bdate_range("2024-01-01", periods=60))
    position = (close.pct_change() > 0).astype(float)
    moved = sim(position, close, resample="ME", resample_offset="5D")
    assert {signal.day for signal, _ in fills_of(moved)} == {5}
    with pytest.raises(ConfigError, match="resample_offset"):
        sim(position, close, resample="W", resample_offset="7D")


@pytest.mark.parametrize("zone", ["Asia/Taipei", "America/New_York", "UTC"])
def test_time_zones(zone):
    """Bars in a time zone decide and fill on their own days (T7)."""
    naive = pd.bdate_range("2024-01-01", periods=80)
    close = prices(naive)
    position = (close.pct_change() > 0).astype(float)
    aware_close, aware = close.tz_localize(zone), position.tz_localize(zone)
    one, two = sim(position, close, resample="W"), sim(aware, aware_close, resample="W")
    assert one.equity.tolist() == two.equity.tolist()
    assert str(two.equity.index.tz) == zone
    assert two.trades["entry_date"].dt.tz_localize(None).tolist() == one.trades["entry_date"].tolist()
    mixed = sim(position, aware_close, resample="W")
    assert mixed.equity.tolist() == one.equity.tolist()
    assert any("time zone" in text for text in mixed.warnings)
    converted = sim(aware.tz_convert("UTC"), aware_close, resample="W")
    assert converted.equity.tolist() == one.equity.tolist()


def test_rows_that_do_not_change_are_no_decisions():
    """Without resample only rows that differ after normalisation are decisions, the first row included."""
    dates = pd.bdate_range("2024-01-01", periods=5)
    position = pd.DataFrame({"A": [2.0, 4.0, 4.0, 1.0, np.nan], "B": [2.0, 4.0, 4.0, 3.0, 3.0]}, index=dates)
    found = decisions(position, prices(dates), Execution())
    assert found.index.tolist() == [dates[0], dates[3], dates[4]]
    assert found.to_numpy().tolist() == [[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]]


def test_decisions_say_the_same_again():
    """Simulating the decisions on their own dates gives the same result."""
    close = prices(pd.bdate_range("2024-01-01", periods=90), "ABCD")
    position = close.pct_change() > 0
    for options in ({}, {"resample": "W"}, {"leverage": 2.0, "position_limit": 0.4}):
        found = decisions(position, close, Execution(**options))
        again = sim(found, close, start=position.index[0], **options | {"resample": found.index})
        assert again.equity.tolist() == pytest.approx(sim(position, close, **options).equity.tolist(), rel=1e-12)


def test_stale_weights_are_pointed_out():
    """Weights that stay in force for more than a period after the last row are a warning."""
    close = prices(pd.bdate_range("2024-01-01", periods=90))
    assert any("stay in force" in text for text in sim((close > 0).iloc[:40], close).warnings)
    assert not any("stay in force" in text for text in sim(close > 0, close).warnings)


@pytest.mark.parametrize("first", [0, 3])
def test_fill_bars_against_a_naive_walk(first):
    """The bar of a fill is the first one after the decision, and after the start of the evaluation."""
    rng = np.random.default_rng(0)
    bars = np.unique(rng.integers(0, 60, 20))
    dates = np.unique(rng.integers(-5, 65, 25))
    for lag in (1, 2, 3):
        fills, counts = fill_bars(dates, bars, lag, first)
        expected = [
            min(max(next((k for k, bar in enumerate(bars) if bar > d), len(bars)) + lag - 1, first + 1), len(bars))
            for d in dates
        ]
        assert fills.tolist() == expected
        assert counts.tolist() == [k + 1 == len(fills) or fills[k + 1] != fills[k] for k in range(len(fills))]


def test_scores_given_as_positions_are_noticed():
    """Unequal weights far above 100 % get a hint; membership as numbers, and plain weights, do not."""
    dates = pd.bdate_range("2024-01-01", periods=30)
    close = pd.DataFrame(100.0 + np.arange(150.0).reshape(30, 5) % 7, index=dates, columns=list("ABCDE"))
    ranks = close.rank(axis=1, method="first")
    assert any("--alpha" in text for text in sim(ranks, close).warnings)
    for position in (close > 0, (close > 0) * 1.0, ranks / 15.0, ranks / 10.0):
        assert not any("--alpha" in text for text in sim(position, close).warnings)
