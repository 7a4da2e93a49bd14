"""What was known when: restatements, delays, and cutting the data."""

import numpy as np
import pandas as pd
import pytest

from outsample.data.frame import StrategyFrame
from outsample.data.pointintime import point_in_time, published
from outsample.errors import ConfigError, DataInvalid, DataMissing
from scale import SCALE

DAYS = pd.bdate_range("2024-01-01", periods=60)


def table(*rows):
    frame = pd.DataFrame(rows, columns=["symbol", "period", "known", "value"])
    return frame.assign(known=pd.to_datetime(frame["known"]))


def random_table(rng, n=80):
    rows = {}
    for _ in range(n):
        key = (str(rng.choice(list("ABC"))), int(rng.integers(20201, 20209)), DAYS[rng.integers(0, 60)])
        rows[key] = float(rng.standard_normal())
    return table(*((*key, value) for key, value in rows.items()))


def test_a_figure_is_seen_from_its_publication_on():
    """Nothing before, the figure from that bar on."""
    seen = point_in_time(table(("A", 20234, DAYS[10], 5.0)), DAYS)["A"]
    assert seen.iloc[:10].isna().all()
    assert (seen.iloc[10:] == 5.0).all()


def test_a_restatement_of_an_old_period_does_not_displace_a_newer_one():
    """The old period's new value is no news; a restatement of the newest period is."""
    rows = table(
        ("A", 20233, DAYS[5], 1.0),
        ("A", 20234, DAYS[10], 2.0),
        ("A", 20233, DAYS[15], 9.0),
        ("A", 20234, DAYS[20], 3.0),
    )
    seen = point_in_time(rows, DAYS)["A"]
    assert seen.iloc[[5, 10, 15, 19, 20, 59]].tolist() == [1.0, 2.0, 2.0, 2.0, 3.0, 3.0]
    before = point_in_time(rows, DAYS, back=1)["A"]
    assert before.iloc[[10, 14, 15, 59]].tolist() == [1.0, 1.0, 9.0, 9.0]


def test_a_later_publication_has_its_effect_exactly_that_much_later():
    """Moving a publication by five sessions moves the figure by exactly five sessions (T10)."""
    early = point_in_time(table(("A", 1, DAYS[3], 1.0), ("A", 2, DAYS[20], 2.0)), DAYS)["A"]
    late = point_in_time(table(("A", 1, DAYS[3], 1.0), ("A", 2, DAYS[25], 2.0)), DAYS)["A"]
    assert (early == 2.0).to_numpy().argmax() == 20
    assert (late == 2.0).to_numpy().argmax() == 25
    np.testing.assert_array_equal(early.iloc[:20], late.iloc[:20])
    np.testing.assert_array_equal(early.iloc[25:], late.iloc[25:])


def test_a_figure_between_two_bars_is_seen_on_the_next():
    """Published on a Saturday, or after the bar's time: the next bar."""
    saturday = pd.Timestamp("2024-01-06 12:00")
    seen = point_in_time(table(("A", 1, saturday, 1.0)), DAYS)["A"]
    assert seen.first_valid_index() == pd.Timestamp("2024-01-08")


def test_the_definition_day_by_day():
    """The frame equals, on every day, the newest period among the rows known by then."""
    rng = np.random.default_rng(61)
    for _ in range(5 * SCALE):
        rows = random_table(rng)
        seen = point_in_time(rows, DAYS, symbols=["A", "B", "C", "D"])
        for day in DAYS:
            known = rows[rows["known"] <= day].sort_values(["period", "known"])
            for symbol in "ABCD":
                mine = known[known["symbol"] == symbol]["value"]
                expected = mine.iloc[-1] if len(mine) else np.nan
                np.testing.assert_array_equal(seen.loc[day, symbol], expected)


def test_later_rows_change_nothing_earlier():
    """Removing everything known after t changes no row up to t (T2)."""
    rng = np.random.default_rng(62)
    rows = random_table(rng)
    whole = point_in_time(rows, DAYS, symbols=list("ABC"))
    for t in rng.integers(0, 60, 10):
        part = point_in_time(rows[rows["known"] <= DAYS[t]], DAYS[: t + 1], symbols=list("ABC"))
        pd.testing.assert_frame_equal(part, whole.iloc[: t + 1], check_freq=False)


def test_zones_meet():
    """Publication dates without a zone are read in the zone of the bars."""
    bars = DAYS.tz_localize("Asia/Taipei")
    seen = point_in_time(table(("A", 1, DAYS[4], 1.0)), bars)["A"]
    assert seen.first_valid_index() == bars[4]


def test_what_cannot_be_used_is_a_typed_error():
    """Missing columns, missing or doubled publication dates."""
    with pytest.raises(DataMissing, match="known"):
        point_in_time(pd.DataFrame({"symbol": [], "period": [], "value": []}), DAYS)
    with pytest.raises(DataInvalid, match="no publication date"):
        point_in_time(table(("A", 1, None, 1.0)), DAYS)
    with pytest.raises(DataInvalid, match="given twice"):
        point_in_time(table(("A", 1, DAYS[0], 1.0), ("A", 1, DAYS[0], 2.0)), DAYS)
    with pytest.raises(ConfigError, match="back"):
        point_in_time(table(("A", 1, DAYS[0], 1.0)), DAYS, back=-1)


def test_labels_of_periods_become_the_dates_of_their_deadlines():
    """Quarters: 15 May, 14 August, 14 November, 31 March; months: the 10th of the next one."""
    labels = pd.Index(["2023-Q1", "2023-Q2", "2023-Q3", "2023-Q4", "2023-M12", "2024-06-30"])
    dates = ["2023-05-15", "2023-08-14", "2023-11-14", "2024-03-31", "2024-01-10", "2024-06-30"]
    assert published(labels).tolist() == list(pd.to_datetime(dates))
    frame = StrategyFrame(pd.DataFrame({"A": [1.0, 2.0]}, index=labels[:2]))
    assert frame.index_str_to_date().index.tolist() == list(pd.to_datetime(dates[:2]))
    assert frame.index[0] == "2023-Q1"
    with pytest.raises(DataInvalid, match="2024-M13"):
        published(pd.Index(["2024-M13"]))
