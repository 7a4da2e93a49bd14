"""`explain_day`: targets, drifted weights, orders and costs of a day, and the reason for each name."""

import numpy as np
import pandas as pd
import pytest

import outsample
from outsample import Dataset
from outsample.errors import DataInvalid
from outsample_widgets import explain_day
from outsample_widgets.days import day_of

DATES = pd.date_range("2024-01-01", periods=8, freq="D")


def _frame(**columns):
    return pd.DataFrame(columns, index=DATES, dtype=float)


def _dataset(**extra):
    close = _frame(A=[10, 10, 11, 12, 12, 12, 12, 12], B=[20, 20, 20, 20, 20, 20, 20, 20], C=[5] * 8)
    return Dataset.from_frames({"close": close, **extra}, name="days")


def _position(dataset, **rows):
    return pd.DataFrame(rows, index=DATES, dtype=float)


def _row(day, name):
    return day.table.set_index("symbol").loc[name]


def test_orders_and_costs_are_those_of_the_simulation():
    """On the day of a fill: the target, the drifted weight before, units, price, value and costs of each name."""
    data = _dataset()
    wanted = _position(data, A=[0.5, 0.5, 0.5, 0, 0, 0, 0, 0], B=[0.5, 0.5, 0.5, 1, 1, 1, 1, 1], C=0)
    made = outsample.sim(wanted, data, fee_ratio=0.01)
    bought = day_of(made, "2024-01-02")
    a = _row(bought, "A")
    assert a["target"] == 0.5
    assert a["before"] == 0.0
    # after-cost allocation: E = 1 / (1 + fee), half of it in A at 10
    assert a["value"] == pytest.approx(0.5 / 1.01)
    assert a["units"] == pytest.approx(0.05 / 1.01)
    assert a["costs"] == pytest.approx(0.005 / 1.01)
    assert a["why"] == "ordered by the decision"
    sold = day_of(made, "2024-01-05")
    drifted = _row(sold, "A")
    assert drifted["before"] == pytest.approx(0.6 / 1.1)  # 10 -> 12 while B stood still
    assert drifted["weight"] == 0.0
    assert drifted["value"] < 0
    assert sold.decided == pd.Timestamp("2024-01-04")
    assert bought.sentences[0] == "The decision of 2024-01-01 is filled on this day."
    np.testing.assert_allclose(bought.table["costs"].sum(), made.costs.loc["2024-01-02"].sum())


def test_a_day_between_fills_names_the_decision_in_force():
    """Nothing is ordered; the weights have drifted."""
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(), fee_ratio=0.0)
    day = day_of(made, "2024-01-04")
    assert "No decision is filled on this day; that of 2024-01-01" in day.sentences[0]
    assert (day.table["units"] == 0).all()
    assert _row(day, "A")["why"] == "held; its order was filled before"


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"volume": _frame(A=[9] * 8, B=[9, 0, 9, 9, 9, 9, 9, 9], C=[9] * 8)}, "no volume on 2024-01-02"),
        ({"close": _frame(A=[10] * 8, B=[20, np.nan, 20, 20, 20, 20, 20, 20], C=[5] * 8)}, "no price on 2024-01-02"),
    ],
)
def test_a_name_that_could_not_trade_says_why(extra, reason):
    """Wanted, and not bought: the prices of its fill bar show the reason."""
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(**extra), fee_ratio=0.0)
    row = _row(day_of(made, "2024-01-02"), "B")
    assert row["target"] == 0.5
    assert row["weight"] == 0.0
    assert row["why"] == f"wanted, not bought: {reason}"


def test_a_price_limit_says_so():
    """A purchase at the upper limit waits."""
    close = _frame(A=[10] * 8, B=[20, 22, 22, 22, 22, 22, 22, 22], C=[5] * 8)
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(close=close), fee_ratio=0.0, price_limit=0.1)
    assert "at the price limit on 2024-01-02 (10.00 %)" in _row(day_of(made, "2024-01-02"), "B")["why"]


def test_a_stop_says_so():
    """The day of the stop, and the days after it."""
    close = _frame(A=[10, 10, 8, 8, 8, 8, 8, 8], B=[20] * 8, C=[5] * 8)
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(close=close), fee_ratio=0.0, stop_loss=0.1)
    assert _row(day_of(made, "2024-01-04"), "A")["why"] == "closed: stop loss"
    assert "closed by stop loss on 2024-01-04" in _row(day_of(made, "2024-01-06"), "A")["why"]


def test_a_name_that_was_not_wanted_is_listed_on_request():
    """All names are explained when asked for."""
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(), fee_ratio=0.0)
    assert "C" not in set(day_of(made, "2024-01-03").table["symbol"])
    row = _row(day_of(made, "2024-01-03", every=True), "C")
    assert row["why"].startswith("not wanted: the position of 2024-01-01 is 0")


def test_days_without_a_bar_take_the_bar_before():
    """A Sunday shows Friday; before the first bar there is nothing."""
    made = outsample.sim(_position(None, A=0.5, B=0.5, C=0), _dataset(), fee_ratio=0.0)
    assert day_of(made, "2024-01-03 18:00").date == DATES[2]
    with pytest.raises(DataInvalid, match="2024-01-01"):
        day_of(made, "2023-12-31")


def test_the_widget_answers_a_click(result, asked):
    """The row of the browser is the row of the table, as text."""
    made = explain_day(result)
    moment = result.trades["entry_date"].iloc[3]
    answer, _ = asked(made, "day", at=moment.timestamp() * 1000)
    assert answer["caption"].startswith(str(moment.date()))
    symbols = [row["symbol"] for row in answer["rows"]]
    assert str(result.trades["symbol"].iloc[3]) in symbols


def test_weights_before_are_those_of_the_close_before(result):
    """Over random days: target, before and weight agree with the simulation's tables."""
    random = np.random.Generator(np.random.Philox(1))
    weights = result.weights
    for place in random.integers(1, len(weights), 20):
        table = day_of(result.simulation, weights.index[place], every=True).table.set_index("symbol")
        np.testing.assert_allclose(table["before"].reindex(weights.columns), weights.iloc[place - 1])
        np.testing.assert_allclose(table["weight"].reindex(weights.columns), weights.iloc[place])


def test_the_twin_shows_the_first_day_with_a_trade(result):
    """A table that can be read without a script."""
    assert "ordered by the decision" in explain_day(result).twin().html()
