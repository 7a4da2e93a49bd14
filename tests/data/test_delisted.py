"""Delisting dates, with and without time zones: they compare with the bars, whatever the bars are."""

import datetime

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, backtest, check_lookahead, sim
from outsample.errors import DataInvalid
from outsample.research.perturb import perturbed

DAY = "2024-02-15"
ZONES = [None, "America/New_York", "Asia/Taipei"]
GIVEN = {
    "naive": pd.Timestamp(DAY),
    "aware": pd.Timestamp(DAY, tz="Europe/London"),
    "text": DAY,
    "date": datetime.date(2024, 2, 15),
    "numpy": np.datetime64(DAY),
}


def bars(zone):
    """60 business days of three symbols."""
    dates = pd.date_range("2024-01-01", periods=60, freq="B", tz=zone)
    walk = np.random.default_rng(0).normal(0, 0.01, (60, 3)).cumsum(axis=0)
    return pd.DataFrame(100 * np.exp(walk), index=dates, columns=list("ABC"))


def made(zone, delisted):
    """A dataset whose A is delisted."""
    return Dataset.from_frames({"close": bars(zone), "delisted": pd.Series({"A": delisted, "B": pd.NaT})}, name="x")


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("zone", ZONES)
def test_a_delisting_is_known_from_its_day_on(zone, kind):
    """Cut before it there is none; cut after it, it is there; a perturbed future does not tell it either."""
    data = made(zone, GIVEN[kind])
    assert data.until("2024-02-14").delisted.isna().all()
    for end in ("2024-02-16", "2024-03-20"):
        known = data.until(end).delisted
        assert known.notna().tolist() == [True, False, False]
        assert known["A"] == data.delisted["A"]
    cut = data.dates[data.dates.searchsorted(pd.Timestamp("2024-02-12", tz=zone))]
    assert perturbed(data, cut, seed=1).delisted.isna().all()
    assert perturbed(data, data.dates[-5], seed=1).delisted.notna()["A"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_date_without_a_zone_is_a_day_of_the_bars(zone):
    """Naive dates, text and days mean that day where the bars are; bars without a zone keep the day that is said."""
    expected = pd.Timestamp(DAY, tz=zone)
    for kind in ("naive", "text", "date", "numpy"):
        assert made(zone, GIVEN[kind]).delisted["A"] == expected
    assert made(None, GIVEN["aware"]).delisted["A"] == pd.Timestamp(DAY)


def test_a_day_without_a_midnight_begins_later():
    """In Sao Paulo 2018-11-04 began at 01:00, and 2018-02-17 ended twice."""
    dates = pd.date_range("2018-01-01", periods=300, freq="D", tz="America/Sao_Paulo")
    dates += pd.Timedelta("16h")
    close = pd.DataFrame(1.0, index=dates, columns=list("AB"))
    known = pd.Series({"A": pd.Timestamp("2018-11-04"), "B": pd.Timestamp("2018-02-17 23:30")})
    data = Dataset.from_frames({"close": close, "delisted": known}, name="x")
    assert str(data.delisted["A"]) == "2018-11-04 01:00:00-02:00"
    assert data.delisted["B"].date() == datetime.date(2018, 2, 17)


@pytest.mark.parametrize("zone", ZONES)
def test_the_holding_is_closed_on_the_day(zone):
    """A is sold on its last day whatever form the date has, and in every form by the same numbers."""
    plain = made(None, GIVEN["naive"])
    expected = sim(plain.get("close") > 0, plain)
    assert any("delisted: A on 2024-02-15" in flag for flag in expected.flags)
    for kind in ("naive", "text", "date"):
        data = made(zone, GIVEN[kind])
        found = sim(data.get("close") > 0, data)
        assert np.array_equal(found.equity.to_numpy(), expected.equity.to_numpy())
        assert any("delisted: A on 2024-02-15" in flag for flag in found.flags)


@pytest.mark.parametrize("wrong", ["soon", 20240215, 1.5, True, "2024-13-01", object()])
def test_what_is_no_date_is_refused(wrong):
    """With the value, and what would be right; a number is never taken for nanoseconds since 1970."""
    with pytest.raises(DataInvalid, match="maps symbols to dates") as caught:
        made(None, wrong)
    assert "pd.Timestamp" in caught.value.hint


def test_no_dates_at_all_are_allowed():
    """An empty table, and one that knows of no delisting."""
    for known in (pd.Series(dtype=object), pd.Series({"A": None}), pd.Series({"A": pd.NaT}), pd.Series({"A": np.nan})):
        data = Dataset.from_frames({"close": bars("Asia/Taipei"), "delisted": known}, name="x")
        assert data.delisted.isna().all()
        assert data.until("2024-02-14").delisted.isna().all()


def test_dates_that_were_right_keep_their_snapshot():
    """The content id of a table whose dates need no change is that of the table as it was given."""
    from outsample.data.content import frame_id

    known = pd.Series({"A": pd.Timestamp(DAY), "B": pd.NaT})
    data = Dataset.from_frames({"close": bars(None), "delisted": known}, name="x")
    assert data.frame_ids["delisted"] == frame_id(pd.DataFrame({"symbol": known.index, "value": known.to_numpy()}))


def test_a_strategy_sees_them_in_the_zone_of_its_bars():
    """Inside the sandbox they compare with the bars, and the look-ahead check of such data concludes."""
    source = (
        "close = data.get('close')\n"
        "late = [str(day) for day in data.delisted.dropna() if day > close.index[0]]\n"
        "print(late)\n"
        "position = close > close.shift(1)\n"
    )
    data = made("America/New_York", GIVEN["naive"])
    found = backtest(source, data, store=False, lookahead=False)
    assert found.stdout.strip() == "['2024-02-15 00:00:00-05:00']"
    report = check_lookahead("position = data.get('close') > data.get('close').shift(1)\n", data)
    assert report.clean is True
