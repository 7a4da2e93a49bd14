"""What the report says of capacity, against a walk through the orders."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, backtest, load
from outsample.report.capacity import capacity_table

SOURCE = "close = data.get('close')\nposition = close > close.average(20)\n"


def rows(result):
    return dict(capacity_table(result.outcome).rows)


def test_participation_is_that_of_every_order():
    """Each order in money over the mean traded value of the (up to) 20 bars before, for a million."""
    data = load("synthetic:3x300?seed=4")
    result = backtest(SOURCE, data, store=False, lookahead=False)
    volume = pd.DataFrame(data.get("raw_close")) * pd.DataFrame(data.get("volume"))
    units, close = result.simulation.units, pd.DataFrame(data.get("close"))
    shares = []
    for symbol in data.symbols:
        held = 0.0
        for bar, date in enumerate(units.index):
            now = float(units[symbol].iloc[bar])
            place = data.dates.get_loc(date)
            before = volume[symbol].iloc[max(place - 20, 0) : place]
            if now != held and len(before):
                shares.append(abs(now - held) * close[symbol].loc[date] * 1e6 / before.mean())
            held = now
    found = rows(result)
    mean, high, largest = (
        f"{100 * value:.2f} %" for value in (np.mean(shares), np.quantile(shares, 0.95), max(shares))
    )
    assert found["Share of that volume: mean / 95th percentile / largest"] == f"{mean} / {high} / {largest}"
    allowed = found["Capital with which 95 % of orders stay within 10 % of the average volume of 20 bars"]
    assert float(allowed.split()[0].replace(",", "")) == pytest.approx(1e6 * 0.1 / np.quantile(shares, 0.95), rel=1e-3)


def test_without_volume_there_is_no_table():
    """Nothing is said of what cannot be known."""
    close = load("synthetic:2x300?seed=4").stored()["close"]
    result = backtest(SOURCE, Dataset.from_frames({"close": close}, name="x"), store=False, lookahead=False)
    assert rows(result) == {}
    assert "Capacity" not in result.to_html()


def test_the_report_has_it_for_the_capital_that_was_given():
    """A capital of ten million takes ten times the share of one million, and is named in the report."""
    data = load("synthetic:2x300?seed=4")
    label = "Share of that volume: mean / 95th percentile / largest"
    one = backtest(SOURCE, data, store=False, lookahead=False)
    ten = backtest(SOURCE, data, store=False, lookahead=False, initial_capital=1e7)
    first, second = (float(rows(run)[label].split(" %")[0]) for run in (one, ten))
    assert second == pytest.approx(10 * first, abs=0.06)
    assert "For a capital of 10,000,000 USD" in ten.to_html()
