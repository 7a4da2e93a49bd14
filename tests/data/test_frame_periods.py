"""Bars of longer periods: finished ones only, known on their last bar, the same on shorter data."""

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar
from pandas.tseries.offsets import CustomBusinessDay

from outsample.data.frame import StrategyFrame
from outsample.data.memo import FrameContext
from outsample.data.periods import finished_periods
from outsample.errors import ConfigError, DataInvalid


def counting(index):
    return StrategyFrame(pd.DataFrame({"A": np.arange(len(index), dtype=float)}, index=index))


WEEKDAYS = pd.bdate_range("2024-01-01", "2024-03-20")  # ends on a Wednesday


def test_weeks_are_labelled_with_their_last_bar():
    """Every label is a bar, and the value is that bar's."""
    daily = counting(WEEKDAYS)
    weekly = daily.bars("W")
    assert weekly.index.isin(daily.index).all()
    assert set(weekly.index.day_of_week) == {4}
    assert (weekly["A"] == daily.loc[weekly.index, "A"]).all()
    assert weekly.index[-1] == pd.Timestamp("2024-03-15")


def test_a_feature_is_visible_only_after_the_last_bar_of_its_period():
    """Met with daily rows, last week's value is seen until Friday's close brings the new one (T6)."""
    daily = counting(WEEKDAYS)
    seen = (daily * 0.0) + daily.bars("W", how="max")
    for day in seen.index:
        friday = day if day.day_of_week == 4 else day - pd.Timedelta(days=day.day_of_week + 3)
        assert seen.loc[day, "A"] == daily.loc[friday, "A"]


def test_an_unfinished_month_has_no_row():
    """March is not over on the 20th, and is over on the last weekday."""
    assert counting(WEEKDAYS).bars("ME").index.tolist() == list(pd.to_datetime(["2024-01-31", "2024-02-29"]))
    assert counting(pd.bdate_range("2024-01-01", "2024-03-29")).bars("M").index[-1] == pd.Timestamp("2024-03-29")


@pytest.mark.parametrize("freq", ["W", "W-WED", "ME", "QE", "M", "D", "2W", "BME", "YE"])
def test_shorter_data_give_the_same_bars(freq):
    """Cutting the data at any bar changes no earlier row and shows no row early (T1)."""
    index = pd.bdate_range("2023-10-02", periods=130)
    rng = np.random.default_rng(31)
    frame = StrategyFrame(pd.DataFrame(rng.standard_normal((130, 2)), index=index, columns=["A", "B"]))
    whole = frame.bars(freq, "mean")
    for n in range(1, 130):
        part = frame.iloc[:n].bars(freq, "mean")
        pd.testing.assert_frame_equal(pd.DataFrame(part), pd.DataFrame(whole.loc[: index[n - 1]]), check_freq=False)


def test_with_a_calendar_a_week_before_a_holiday_ends_on_its_last_bar():
    """Good Friday's week is known to be over on Thursday, also when the data end there."""
    sessions = pd.DatetimeIndex(pd.bdate_range("2024-03-18", "2024-04-12")).drop(pd.Timestamp("2024-03-29"))
    context = FrameContext(sessions=sessions)
    plain = pd.DataFrame({"A": np.arange(len(sessions), dtype=float)}, index=sessions)
    whole = StrategyFrame.bind(plain, context).bars("W")
    for n in range(1, len(sessions)):
        part = StrategyFrame.bind(plain.iloc[:n], context).bars("W")
        pd.testing.assert_frame_equal(pd.DataFrame(part), pd.DataFrame(whole.loc[: sessions[n - 1]]), check_freq=False)
    assert pd.Timestamp("2024-03-28") in whole.index


def test_without_a_calendar_a_week_before_a_holiday_waits():
    """Without a calendar nobody knows on Thursday that Friday is a holiday: the row is missing, not early."""
    sessions = pd.DatetimeIndex(pd.bdate_range("2024-03-18", "2024-03-28"))
    assert counting(sessions).bars("W").index[-1] == pd.Timestamp("2024-03-22")


def test_markets_open_on_weekends_end_their_week_on_sunday():
    """With weekend bars a week ends on Sunday."""
    days = pd.date_range("2024-01-01", "2024-01-13")
    assert counting(days).bars("W").index.tolist() == [pd.Timestamp("2024-01-07")]
    context = FrameContext(periods_per_year=365.0)
    young = StrategyFrame.bind(pd.DataFrame({"A": [1.0] * 5}, index=days[:5]), context)
    assert len(young.bars("W")) == 0


def test_bars_inside_a_day_do_not_end_it():
    """With several bars a day, the last day is not over before the next one starts."""
    hours = pd.DatetimeIndex(
        [
            pd.Timestamp("2024-01-04 10:00"),
            pd.Timestamp("2024-01-04 15:00"),
            pd.Timestamp("2024-01-05 10:00"),
            pd.Timestamp("2024-01-05 15:00"),
        ]
    )
    assert counting(hours).bars("D").index.tolist() == [hours[1]]
    assert len(counting(hours).bars("W")) == 0


@pytest.mark.parametrize("how", ["last", "first", "max", "min", "mean", "median", "sum", "std", "count"])
def test_aggregations_are_those_of_pandas(how):
    """On whole years the values are pandas' own; only labels differ."""
    days = pd.date_range("2020-01-01", "2022-12-31", freq=CustomBusinessDay(calendar=USFederalHolidayCalendar()))
    rng = np.random.default_rng(32)
    values = rng.standard_normal((len(days), 3))
    values[rng.random(values.shape) < 0.1] = np.nan
    plain = pd.DataFrame(values, index=days, columns=list("ABC"))
    ours = StrategyFrame(plain).bars("ME", how)
    theirs = getattr(plain.resample("ME"), how)()
    np.testing.assert_allclose(ours.to_numpy(), theirs.to_numpy(), rtol=1e-12)
    again = getattr(StrategyFrame(plain).resample("ME"), how)()
    pd.testing.assert_frame_equal(pd.DataFrame(again), pd.DataFrame(ours))


def test_asking_for_labels_warns():
    """Arguments that place labels are ignored, loudly."""
    with pytest.warns(UserWarning, match="label"):
        resampled = counting(WEEKDAYS).resample("W", label="left").last()
    assert resampled.index[0] == pd.Timestamp("2024-01-05")


def test_filling_with_later_values_is_refused():
    """bfill and interpolate look ahead; ffill does not and is pandas' own."""
    weekly = counting(WEEKDAYS).bars("W")
    for name in ("bfill", "interpolate"):
        with pytest.raises(ConfigError, match="later"):
            getattr(weekly.resample("D"), name)()
    pd.testing.assert_frame_equal(
        pd.DataFrame(weekly.resample("D").ffill()), pd.DataFrame(weekly).resample("D").ffill()
    )


def test_bad_frequencies_and_indexes_are_typed_errors():
    """No frequency, no aggregation, no dates: each says so."""
    with pytest.raises(ConfigError, match="freq"):
        counting(WEEKDAYS).bars("NONSENSE")
    with pytest.raises(ConfigError, match="how"):
        counting(WEEKDAYS).bars("W", "lst")
    with pytest.raises(DataInvalid):
        StrategyFrame({"A": [1.0]}).bars("W")
    with pytest.raises(AttributeError, match="ffill"):
        _ = counting(WEEKDAYS).resample("W").ohlcv


def test_time_zones_stay():
    """A tz-aware index keeps its zone in the labels."""
    index = WEEKDAYS.tz_localize("Asia/Taipei")
    weekly = counting(index).bars("W")
    assert str(weekly.index.tz) == "Asia/Taipei"
    assert weekly.index[-1] == pd.Timestamp("2024-03-15", tz="Asia/Taipei")


def test_no_rows_no_periods():
    """An empty frame has no bars."""
    codes, last = finished_periods(pd.DatetimeIndex([]), "W")
    assert len(codes) == len(last) == 0
    assert counting(WEEKDAYS).iloc[:0].bars("W").shape == (0, 1)
