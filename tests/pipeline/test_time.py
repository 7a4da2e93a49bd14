"""Time from source to result: what happens later, in any one frame, or inside an open period, decides nothing."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, backtest
from outsample.data import StrategyFrame
from outsample.engine import sim
from scale import SCALE

DATES = pd.bdate_range("2023-01-02", periods=180)
NAMES = list("ABCD")
# Every frame below has a say in what is held.
MIXED = """
close, volume, quality = data.get("close"), data.get("volume"), data.get("quality")
liked = (quality.average(5) > 0) & (volume > volume.average(10))
position = (liked | (close > close.average(20))) & (close.bars("W", "mean") > close.bars("ME", "mean").shift(1))
"""


def frames(seed=0):
    rng = np.random.default_rng(seed)
    shape = (len(DATES), len(NAMES))
    tables = {
        "close": 50 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0)),
        "volume": rng.uniform(1e3, 2e3, shape),
        "quality": rng.normal(0, 1, shape),
    }
    return {key: pd.DataFrame(table, DATES, NAMES) for key, table in tables.items()}


def result_of(source, stored, **options):
    data = Dataset.from_frames(stored, name="time", **options)
    return backtest(source, data, store=False, lookahead=False, benchmark="A")


@pytest.mark.slow
@pytest.mark.parametrize("key", ["close", "volume", "quality"])
def test_the_future_of_one_frame_changes_nothing_before_it(key):
    """Changed or removed after t, one frame alone leaves equity and weights up to t as they are (T3)."""
    tables = frames()
    whole = result_of(MIXED, tables)
    assert len(whole.trades) > 20
    rng = np.random.default_rng([3, len(key)])
    differs = False
    for t in (*rng.integers(40, 170, 2 * SCALE), 100):
        factors = rng.uniform(0.5, 2.0, tables[key].shape)
        later = np.repeat(np.arange(len(DATES))[:, None] > t, len(NAMES), axis=1)
        for changed in (tables[key].where(~later, tables[key] * factors), tables[key].where(~later)):
            other = result_of(MIXED, tables | {key: changed})
            np.testing.assert_array_equal(other.equity.loc[: DATES[t]], whole.equity.loc[: DATES[t]])
            np.testing.assert_array_equal(other.weights.loc[: DATES[t]], whole.weights.loc[: DATES[t]])
            differs = differs or not other.equity.equals(whole.equity)
    assert differs  # the change did reach the strategy


def last_session(day, freq):
    """The last session of the week or month of a day, counted without pandas' resampling."""
    if freq == "W":
        return max(d for d in DATES if d.isocalendar()[:2] == day.isocalendar()[:2])
    return max(d for d in DATES if (d.year, d.month) == (day.year, day.month))


def spike(day):
    tables = frames()
    tables["mark"] = tables["close"] * 0.0
    tables["mark"].loc[day, "B"] = 1.0
    return tables


@pytest.mark.parametrize("engine", ["vectorised", "reference"])
@pytest.mark.parametrize("freq", ["W", "ME"])
def test_a_feature_of_a_period_trades_after_the_period(freq, engine):
    """A mark inside a week or month is first traded on the bar after the period's last bar (T6)."""
    rng = np.random.default_rng(6)
    for day in DATES[rng.integers(0, 150, 10 * SCALE)]:
        tables = spike(day)
        mark = StrategyFrame(tables["mark"])
        position = (mark * 0.0 + mark.bars(freq, "max")) > 0
        trade = sim(position, Dataset.from_frames(tables, name="spike"), engine=engine).trades.iloc[0]
        ended = last_session(day, freq)
        assert trade["symbol"] == "B"
        assert trade["entry_signal_date"] == ended
        assert trade["entry_date"] == DATES[DATES.get_loc(ended) + 1]


@pytest.mark.parametrize("freq", ["W", "ME"])
@pytest.mark.parametrize("feature", ["mark.bars(f, 'max')", "mark.resample(f).max()"])
def test_a_strategy_meets_a_period_after_it(freq, feature):
    """The same from source, by `bars` and by `resample` (T6)."""
    day = pd.Timestamp("2023-03-07")  # a Tuesday
    source = f"f = '{freq}'\nmark = data.get('mark')\nposition = (mark * 0.0 + {feature}) > 0\n"
    trade = result_of(source, spike(day)).trades.iloc[0]
    ended = pd.Timestamp("2023-03-10" if freq == "W" else "2023-03-31")
    assert (trade["symbol"], trade["entry_signal_date"]) == ("B", ended)
    assert trade["entry_date"] == ended + pd.offsets.BDay(1)


def test_a_later_publication_is_traded_exactly_that_much_later():
    """A figure published five sessions later is bought five sessions later, and nothing else changes (T10)."""
    entries, curves = [], []
    for k in (60, 65):
        known = [(name, 1, DATES[2], 0.0) for name in NAMES] + [("C", 2, DATES[k], 1.0)]
        table = pd.DataFrame(known, columns=["symbol", "period", "known", "value"])
        result = result_of("position = data.get('earnings') > 0", frames(), tables={"earnings": table})
        assert result.trades["symbol"].tolist() == ["C"]
        entries.append(DATES.get_loc(result.trades["entry_date"].iloc[0]))
        curves.append(result.equity)
    assert entries == [61, 66]
    # Up to the bar before the earlier fill, which pays its fee on its own bar.
    np.testing.assert_array_equal(curves[0].iloc[:61], curves[1].iloc[:61])
