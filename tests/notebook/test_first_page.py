"""What a quant sees first: verdict, out of sample, trials, costs, intervals; and the same as values."""

import re

import numpy as np
import pandas as pd
import pytest

from outsample import Store, backtest, load
from outsample.api import with_out_of_sample
from outsample.report.backtest import _ROWS
from outsample.report.html import page
from outsample.report.intervals import key_intervals

SOURCE = "fast = 20\nclose = data.get('close')\nposition = close.average(fast) > close.average(3 * fast)\n"


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """A result with a ledger, so that its trials are counted, and its store."""
    with Store.open(str(tmp_path_factory.mktemp("first") / "store.db")) as store:
        yield backtest(SOURCE, load("synthetic:5x700?seed=4"), lookahead=True, store=store), store


def facts(result):
    return dict(result.document(pictures=False).facts)


def test_the_verdict_is_the_first_thing(result):
    """Name, level and reasons stand before facts, and those before numbers and pictures."""
    text = page(result[0].document()).partition("<main")[2]
    places = [text.index(mark) for mark in ("<h2>", "os-badge", "<li>", '<dl class="os-facts">', "<table")]
    assert places == sorted(places)
    assert text.index("<table") < text.index("<img")


def test_it_says_that_nothing_was_tested_out_of_sample_until_it_was(result):
    """Without a walk-forward how to get one; with it the Sharpe ratio of its test windows, and more trials."""
    plain, store = result
    assert facts(plain)["Out of sample"].startswith("not tested yet")
    assert facts(plain)["Trials"].startswith("1 on this dataset; deflated Sharpe")
    walk = plain.walk_forward({"fast": [10, 20, 30]}, train="1Y", test="6M", store=store)
    told = facts(with_out_of_sample(plain, walk, store))
    assert f"Sharpe ratio {walk.metrics.sharpe:.2f}" in told["Out of sample"]
    assert told["Trials"].startswith("3 on this dataset")


def test_costs_are_given_as_rates_and_per_year(result):
    """The rates as they were given, and what was paid per year of mean equity, recomputed here from the money."""
    made = result[0]
    paid = float(made.simulation.costs.to_numpy().sum())
    years = (len(made.equity) - 1) / 252
    expected = paid / float(made.equity.iloc[1:].mean()) / years
    found = re.fullmatch(
        r"fee 0.05 %, tax 0 %, slippage 0 % of what is traded: ([\d.]+) % a year", facts(made)["Costs"]
    )
    assert float(found[1]) / 100 == pytest.approx(expected, abs=1e-4)


def test_every_number_of_the_table_is_an_attribute(result):
    """What is shown as text is there as a value under `metrics`."""
    made = result[0]
    shown = {row[0]: row[1] for row in made.document(pictures=False).metrics.rows}
    for label, attribute, maker in _ROWS:
        assert shown[label] == maker(getattr(made.metrics, attribute))


def test_the_intervals_hold_what_a_plain_bootstrap_gives(result):
    """CAGR and volatility: within a tenth of their width of percentiles of 4,000 paths drawn here in plain numpy."""
    made = result[0]
    intervals = key_intervals(made.outcome)
    assert set(intervals) == {"total_return", "cagr", "volatility", "sharpe", "max_drawdown"}
    assert intervals["sharpe"] == (made.metrics.sharpe_low, made.metrics.sharpe_high)
    returns, rng = made.returns.to_numpy(), np.random.default_rng(3)
    n, block = len(returns), made.bootstrap(n_paths=50).block
    cagr, volatility = [], []
    for _ in range(4000):
        jumps = rng.random(n) < 1 / block
        starts = rng.integers(n, size=n)
        jumps[0] = True
        last = np.maximum.accumulate(np.where(jumps, np.arange(n), 0))
        path = returns[(starts[last] + np.arange(n) - last) % n]
        cagr.append(np.prod(1 + path) ** (252 / n) - 1)
        volatility.append(path.std(ddof=1) * 252**0.5)
    for name, drawn in (("cagr", cagr), ("volatility", volatility)):
        low, high = np.percentile(drawn, [2.5, 97.5])
        assert intervals[name] == pytest.approx((low, high), abs=0.1 * (high - low))
    low, high = intervals["total_return"]
    assert (1 + low) ** (252 / n) - 1 == pytest.approx(intervals["cagr"][0], abs=1e-4)  # between two paths
    assert low < made.metrics.total_return < high


def test_where_no_interval_can_be_believed_none_is_shown():
    """Sixty returns are the least; without any variation there is none."""
    short = backtest(SOURCE, load("synthetic:3x40?seed=1"), lookahead=False, store=False)
    never = backtest("position = data.get('close') < 0\n", load("synthetic:3x300?seed=1"), lookahead=False, store=False)
    for made in (short, never):
        assert key_intervals(made.outcome) == {}
        assert made.document(pictures=False)


def test_two_displays_are_the_same(result):
    """Resampling behind the page is seeded: the same result has the same page."""
    assert page(result[0].document()) == page(result[0].document())
    assert isinstance(result[0].equity, pd.Series)
