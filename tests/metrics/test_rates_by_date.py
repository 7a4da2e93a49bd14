"""Risk-free rates by date as a convention of a backtest: in its key, its numbers, its report and its JSON."""

import json

import numpy as np
import pandas as pd
import pytest

from outsample import Store, backtest, bootstrap, load, sweep
from outsample.config import Conventions
from outsample.errors import ConfigError, DataInvalid

SOURCE = "n = 10\nclose = data.get('close')\nposition = close > close.average(n)\n"
STATISTICS = ("sharpe", "sortino", "max_drawdown", "total_return", "beta")


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x600?seed=9")


@pytest.fixture(scope="module")
def rates(data):
    """A rate that changes once a quarter, given on days that are no sessions, too."""
    days = pd.date_range(data.dates[0] - pd.Timedelta(days=3), data.dates[-1], freq="45D")
    return pd.Series(np.linspace(0.0, 0.12, len(days)), index=days)


def run(data, rate, **options):
    return backtest(SOURCE, data, conventions=Conventions(risk_free=rate), store=False, lookahead=False, **options)


def test_the_sharpe_ratio_is_over_the_rates_of_the_days(data, rates):
    """Again by hand: the last rate on or before each bar, per bar, taken from returns."""
    found = run(data, rates)
    by_day = [float(rates[rates.index <= day].iloc[-1]) for day in found.returns.index]
    excess = found.returns.to_numpy() - ((1 + np.array(by_day)) ** (1 / 252) - 1)
    assert found.metrics.sharpe == pytest.approx(excess.mean() / excess.std(ddof=1) * np.sqrt(252), rel=1e-12)
    downside = np.sqrt((np.minimum(excess, 0) ** 2).mean())
    assert found.metrics.sortino == pytest.approx(excess.mean() / downside * np.sqrt(252), rel=1e-12)
    assert found.metrics.total_return == pytest.approx(run(data, 0.0).metrics.total_return, rel=1e-12)


def test_a_constant_series_is_the_number(data):
    """A Series that never changes measures as its one number."""
    always = run(data, pd.Series([0.03], index=[data.dates[0]]))
    number = run(data, 0.03)
    for name in STATISTICS:
        one, two = getattr(always.metrics, name), getattr(number.metrics, name)
        assert one == pytest.approx(two, rel=1e-12, nan_ok=True)


def test_the_key_contains_every_rate(data, rates):
    """The same rates are the same run; one rate that differs, or one date, is another."""
    key = run(data, rates).key
    other = rates.copy()
    other.iloc[3] += 1e-9
    later = rates.copy()
    later.index = [*rates.index[:3], rates.index[3] + pd.Timedelta(days=1), *rates.index[4:]]
    assert run(data, rates.copy()).key == key
    assert len({key, run(data, other).key, run(data, later).key, run(data, 0.0).key}) == 4


def test_conventions_compare_and_survive_json(rates):
    """A value: equal, hashable, and the same after JSON; repeated rates are kept where they change."""
    one, two = Conventions(risk_free=rates), Conventions(risk_free=rates.iloc[::-1])
    assert one == two
    assert hash(one) == hash(two)
    assert Conventions(risk_free=json.loads(json.dumps(one.risk_free))) == one
    doubled = pd.Series(np.repeat(rates.to_numpy(), 2), index=rates.index.union(rates.index + pd.Timedelta(days=9)))
    assert Conventions(risk_free=doubled) == one


def test_the_bootstrap_of_the_result_uses_them(data, rates):
    """Its actual Sharpe ratio is that of the result; given by hand, the same paths."""
    found = run(data, rates)
    drawn = bootstrap(found, n_paths=50)
    assert drawn.table.set_index("statistic").loc["sharpe", "actual"] == pytest.approx(found.metrics.sharpe, rel=1e-9)
    again = bootstrap(found.returns, n_paths=50, risk_free=rates)
    np.testing.assert_array_equal(again.samples["sharpe"], drawn.samples["sharpe"])


def test_a_sweep_ranks_by_them(data, rates):
    """The table of a sweep has the Sharpe ratio that each run alone has."""
    found = sweep(SOURCE, data, {"n": [5, 20]}, conventions=Conventions(risk_free=rates), store=False, lookahead=False)
    for place, n in enumerate([5, 20]):
        alone = run(data, rates, params={"n": n})
        assert found.table["sharpe"].iloc[place] == pytest.approx(alone.metrics.sharpe, rel=1e-9)


def test_it_is_kept_and_shown(tmp_path, data, rates):
    """A stored result comes back with its rates, and the report says their range."""
    with Store.open(tmp_path / "s.db") as store:
        made = backtest(SOURCE, data, conventions=Conventions(risk_free=rates), store=store, lookahead=False)
        back = store.load(made.key)
        assert back.metrics.sharpe == made.metrics.sharpe
    assert "by date, 0.00 % to 12.00 %" in made.to_html()


@pytest.mark.parametrize(
    "wrong",
    [
        pd.Series([0.01, 0.02]),
        pd.Series(dtype=float),
        pd.Series([0.01, -2.0], index=pd.date_range("2020", periods=2)),
        pd.Series([0.01, 0.02], index=pd.DatetimeIndex(["2020-01-01", "2020-01-01"])),
        "3 %",
        [("never", 0.1)],
    ],
    ids=["no dates", "empty", "below -1", "twice", "text", "no date"],
)
def test_what_is_no_rate_is_refused(wrong):
    """Numbers without dates, nothing, a rate below -1, two rates for a day, text."""
    with pytest.raises(ConfigError, match="risk_free"):
        Conventions(risk_free=wrong)


def test_rates_that_begin_too_late_are_refused(data):
    """There is no rate for the first bars: an error that says since when there is."""
    late = pd.Series([0.02], index=[data.dates[100]])
    with pytest.raises(DataInvalid, match="risk-free rates begin"):
        run(data, late)
