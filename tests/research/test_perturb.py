"""Another future changes nothing at or before the cut, for any frames and tables (T2, T3)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample import Dataset
from outsample.research.perturb import perturbed, stored_frames
from scale import SCALE

SYMBOLS = ["A", "B", "C"]


@st.composite
def datasets(draw):
    """Prices with holes, a float and a boolean frame on other dates, two tables, a delisting, a time zone."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars = draw(st.integers(2, 40))
    zone = draw(st.sampled_from([None, "America/New_York"]))
    dates = pd.bdate_range("2020-01-01", periods=bars, tz=zone)
    close = np.exp(random.normal(0, 0.05, (bars, 3)).cumsum(axis=0))
    close[random.random(close.shape) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    close[0] = 1.0
    frames = {"close": pd.DataFrame(close, index=dates, columns=SYMBOLS)}
    frames["adj_close"] = frames["close"] * np.linspace(0.5, 1.0, bars)[:, None]
    frames["volume"] = (frames["close"] * 1000).round()
    frames["signal"] = pd.DataFrame(random.normal(size=(bars, 3)), index=dates, columns=SYMBOLS).iloc[::2]
    frames["universe"] = pd.DataFrame(random.random((bars, 3)) < 0.5, index=dates, columns=SYMBOLS)
    frames["flag"] = pd.DataFrame(random.random((bars, 2)) < 0.5, index=dates, columns=["B", "X"])
    if draw(st.booleans()):
        frames["delisted"] = pd.Series({"A": dates[random.integers(bars)], "C": dates[random.integers(bars)]})
    tables = {name: table(random, dates, draw(st.integers(0, 60))) for name in ("earnings", "revenue")}
    data = Dataset.from_frames(frames, name="x", tables=tables, periods_per_year=252)
    return data, draw(st.integers(0, bars - 1)), draw(st.integers(0, 1000))


def table(random, dates, rows):
    """Figures at any hour of any day around the bars, restated at will; `Z` is no symbol of the prices."""
    hours = random.integers(-48, 24 * (len(dates) * 2), rows)
    found = pd.DataFrame(
        {
            "symbol": random.choice([*SYMBOLS, "Z"], rows),
            "period": random.integers(20200, 20206, rows),
            "known": dates[0] + pd.to_timedelta(hours, unit="h"),
            "value": random.choice([0.0, -1.0, 2.5, 1e9], rows) * random.random(rows),
        }
    )
    return found.drop_duplicates(["symbol", "period", "known"])


def same_to_the_byte(a, b):
    assert a.index.equals(b.index)
    assert a.columns.equals(b.columns)
    assert a.to_numpy().tobytes() == b.to_numpy().tobytes()
    assert (a.dtypes == b.dtypes).all()


@settings(max_examples=20 * SCALE, deadline=None, derandomize=True)
@given(datasets(), st.sampled_from([1.0, 6.0, 9.0]), st.booleans())
def test_nothing_at_or_before_the_cut_changes(made, scale, gone):
    """Everything that is served at or before the cut is the same to the byte (T2)."""
    data, place, seed = made
    cut = data.dates[place]
    other = perturbed(data, cut, seed=seed, scale=scale, gone=gone)
    for key in data.keys():  # noqa: SIM118 - Dataset is no mapping
        before, after = data.frame(key), other.frame(key)
        assert before.index.equals(after.index)
        same_to_the_byte(before.loc[:cut], after.loc[:cut])
    assert data.until(cut).id == other.until(cut).id


@settings(max_examples=20 * SCALE, deadline=None, derandomize=True)
@given(datasets(), st.data())
def test_one_frame_at_a_time(made, picked):
    """Asked to change one frame, it changes that one alone, and only after the cut (T3)."""
    data, place, seed = made
    cut = data.dates[place]
    name = picked.draw(st.sampled_from(stored_frames(data)))
    other = perturbed(data, cut, seed=seed, only=[name])
    assert {key for key, one in other.frame_ids.items() if one != data.frame_ids[key]} <= {name}
    assert data.until(cut).id == other.until(cut).id


@settings(max_examples=20 * SCALE, deadline=None, derandomize=True)
@given(datasets())
def test_every_figure_that_is_published_later_changes(made):
    """Symbols, periods and dates of publication stay; each value known only after the cut is another one."""
    data, place, seed = made
    cut = data.dates[place]
    other = perturbed(data, cut, seed=seed)
    for name in ("earnings", "revenue"):
        before, after = data.stored()[name], other.stored()[name]
        pd.testing.assert_frame_equal(before.drop(columns="value"), after.drop(columns="value"))
        later = (before["known"] > cut).to_numpy()
        assert (before["value"] != after["value"]).to_numpy()[later].all()
        assert (before["value"] == after["value"]).to_numpy()[~later].all()


@settings(max_examples=15 * SCALE, deadline=None, derandomize=True)
@given(datasets())
def test_a_delisting_is_known_only_from_its_day_on(made):
    """Delistings at or before the cut stay, later ones are not known, as in the dataset that ends there."""
    data, place, seed = made
    cut = data.dates[place]
    told = perturbed(data, cut, seed=seed).delisted
    assert told.equals(data.until(cut).delisted)
    for symbol, date in data.delisted.dropna().items():
        assert pd.isna(told[symbol]) if date > cut else told[symbol] == date


def test_the_same_seed_gives_the_same_future():
    """One seed, one future, of tables too."""
    random = np.random.default_rng(1)
    dates = pd.bdate_range("2020-01-01", periods=30)
    close = pd.DataFrame(1.0 + random.random((30, 3)), index=dates, columns=SYMBOLS)
    data = Dataset.from_frames({"close": close}, name="x", tables={"earnings": table(random, dates, 50)})
    ids = [perturbed(data, dates[10], seed=seed).frame_ids for seed in (5, 5, 6)]
    assert ids[0] == ids[1]
    assert ids[0]["earnings"] != ids[2]["earnings"]


def test_later_signs_change_only_where_there_are_both():
    """Figures that are never negative (revenue) stay so; where losses happen (earnings), gains become losses."""
    dates = pd.bdate_range("2020-01-01", periods=60)
    close = pd.DataFrame(1.0, index=dates, columns=SYMBOLS)
    values = np.linspace(1.0, 2.0, 50)
    rows = pd.DataFrame({"symbol": "A", "period": range(50), "known": dates[:50], "value": values})
    tables = {"revenue": rows, "earnings": rows.assign(value=[-1.0, *values[1:]])}
    data = Dataset.from_frames({"close": close}, name="x", tables=tables)
    other = perturbed(data, dates[10], seed=2).stored()
    assert (other["revenue"]["value"] > 0).all()
    assert (other["earnings"]["value"].iloc[11:] < 0).sum() == pytest.approx(20, abs=12)
