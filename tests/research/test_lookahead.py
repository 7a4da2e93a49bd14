"""The look-ahead check: planted flaws and their clean twins (T1, T2, T3)."""

import pandas as pd
import pytest

from outsample import check_lookahead, load
from outsample.research.perturb import perturbed

LEAKS = {
    "next bar": ("c = data.get('close')\nposition = c.shift(-1) > c", 1, 2),
    "five bars ahead": ("c = data.get('close')\nposition = c.pct_change(5).shift(-5) > 0", 5, 2),
    "centred window": ("c = data.get('close')\nposition = c > c.rolling(21, center=True).mean()", 10, 2),
    "back-filled": (
        "c = data.get('close')\nw = c[c.index.dayofweek == 4].reindex(c.index)\nposition = w.bfill() > c",
        None,
        3,
    ),
    "whole-sample mean": ("c = data.get('close')\nposition = c > c.mean()", None, 2),
    "whole-sample quantile": (
        "r = data.get('close').pct_change()\nposition = r > r.quantile(.9)",
        None,
        2,
    ),
    "last value": ("c = data.get('close')\nposition = c > c.iloc[-1] * 0.5", None, 2),
    "rank of the whole sample": ("c = data.get('close')\nposition = c.rank(axis=0, pct=True) > 0.5", None, 2),
}
CLEAN = {
    "moving averages": "c = data.get('close')\nposition = c.average(20) > c.average(60)",
    "previous bar": "c = data.get('close')\nposition = c > c.shift(1)",
    "trailing window": "c = data.get('close')\nposition = c > c.rolling(21).mean()",
    "forward-filled": "c = data.get('close')\nw = c[c.index.dayofweek == 4].reindex(c.index)\nposition = w.ffill() < c",
    "expanding mean": "c = data.get('close')\nposition = c > c.expanding().mean()",
    "exponential average": "c = data.get('close')\nposition = c > c.ewm(span=20, adjust=False).mean()",
    "rank across": "c = data.get('close')\nposition = c.pct_change(60).is_largest(2)",
    "monthly": "sim(data.get('close') > 0, resample='ME')",
    "stateful": (
        "c = data.get('close')['AAPL']\nheld, rows = False, []\n"
        "for price, mean in zip(c, c.rolling(50).mean()):\n"
        "    held = price > mean * (0.97 if held else 1.03)\n    rows.append(held)\n"
        "position = pd.DataFrame({'AAPL': rows}, index=c.index)"
    ),
    "rows in reverse": "c = data.get('close')\nposition = (c > c.shift(1)).iloc[::-1]",
    "seeded noise": "import numpy as np\nc = data.get('close')\nposition = c > c.shift(1) * (1 + 0 * np.random.rand())",
}


@pytest.fixture(scope="module")
def data():
    return load("sample").select(["AAPL", "IBM", "MSFT"]).between("2004-01-01", "2008-12-31")


@pytest.mark.parametrize("name", LEAKS)
def test_planted_leaks_are_caught(data, name):
    """The frame, how far ahead, the date and the likely line are named."""
    source, ahead, line = LEAKS[name]
    report = check_lookahead(source, data)
    assert report.clean is False, report
    assert report.key == "close"
    assert report.first_date is not None
    assert report.line == line
    assert report.hint
    if ahead is not None:
        assert report.bars_ahead == ahead


@pytest.mark.parametrize("name", CLEAN)
def test_clean_twins_are_not_accused(data, name):
    """Recursive, stateful and scheduled strategies pass all probes."""
    report = check_lookahead(CLEAN[name], data)
    assert report.clean is True, report
    assert report.summary == "no look-ahead found: 8 of 8 probes, none differed"


def test_a_strategy_that_is_not_deterministic_is_not_judged(data):
    """Two runs on the same data differ: neither clean nor leaking."""
    report = check_lookahead("c = data.get('close')\nposition = c * 0 + np.random.default_rng().random(c.shape)", data)
    assert report.clean is None
    assert "not deterministic" in report.summary


def test_a_probe_that_raises_is_inconclusive(data):
    """A strategy that needs all the data cannot be called clean."""
    source = f"c = data.get('close')\nassert len(c) == {len(data.dates)}\nposition = c > c.shift(1)"
    report = check_lookahead(source, data)
    assert report.clean is None
    assert any(probe.outcome == "inconclusive" for probe in report.probes)


def test_an_option_of_sim_can_leak(data):
    """A stop that is computed from the whole sample."""
    source = "c = data.get('close')\nsim(c > c.shift(1), stop_loss=float(c['AAPL'].pct_change().abs().max()))"
    report = check_lookahead(source, data)
    assert report.clean is False
    assert "stop_loss" in report.probes[-1].detail


def test_a_budget_ends_the_probes(data):
    """What was not probed is said, and too few probes decide nothing."""
    report = check_lookahead(CLEAN["previous bar"], data, budget=0.0)
    assert report.clean is None
    assert report.planned == 8


def test_perturbing_changes_only_what_comes_later(data):
    """Nothing at or before the cut, everything after it; the order of prices in a bar holds."""
    cut = data.dates[600]
    other = perturbed(data, cut, seed=3)
    for key in data.keys():  # noqa: SIM118 - Dataset is no mapping
        before, after = pd.DataFrame(data.get(key)), pd.DataFrame(other.get(key))
        pd.testing.assert_frame_equal(before.loc[:cut], after.loc[:cut])
        assert (before.iloc[601:] != after.iloc[601:]).any(axis=None)
    high, low, close = (pd.DataFrame(other.get(key)) for key in ("high", "low", "close"))
    assert bool(((high >= close - 1e-9) & (close >= low - 1e-9)).all(axis=None))
    assert perturbed(data, cut, seed=3).id == other.id
    assert perturbed(data, cut, seed=4).id != other.id
