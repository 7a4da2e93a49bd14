"""What measure takes, and what it refuses: rates, benchmarks, calendars, missing values."""

import math
import pickle

import numpy as np
import pandas as pd
import pytest

from outsample import metrics as m
from outsample import sim
from outsample.config import Conventions
from outsample.errors import ConfigError, DataInvalid

DAYS = pd.bdate_range("2022-01-03", periods=300)
X = pd.Series(np.random.default_rng(11).normal(0.0005, 0.01, 300), index=DAYS)
MARKET = pd.Series(np.random.default_rng(12).normal(0.0003, 0.01, 300), index=DAYS)


def numbers(found):
    return {name: value for name, value in vars(found).items() if isinstance(value, float)}


def test_rates_of_an_array_follow_the_bars_that_are_kept():
    """With nan_policy="drop" a rate goes with its bar."""
    rates = np.linspace(0.0, 0.05, 300)
    holes = X.mask(np.arange(300) % 7 == 3)
    kept = holes.notna().to_numpy()
    found = m.measure(holes, risk_free=rates, nan_policy="drop")
    assert found.n_bars == kept.sum()
    assert found.sharpe == m.sharpe(holes[kept], risk_free=rates[kept])


def test_zone_aware_rates_meet_plain_dates():
    """Rates by date may have a time zone that the returns lack, and the other way round."""
    rates = pd.Series([0.01, 0.03], index=pd.DatetimeIndex(["2021-12-31", "2022-06-01"]))
    zoned = X.tz_localize("America/New_York")
    want = m.sharpe(X, risk_free=rates)
    assert m.sharpe(zoned, risk_free=rates) == pytest.approx(want)
    assert m.sharpe(zoned, risk_free=rates.tz_localize("America/New_York")) == pytest.approx(want)


def test_a_gap_in_the_rates_keeps_the_last():
    """NaN in a Series of rates is a date without news."""
    full = pd.Series([0.01, 0.01, 0.03], index=DAYS[[0, 50, 100]])
    assert m.sharpe(X, risk_free=full.mask([False, True, False])) == m.sharpe(X, risk_free=full)


@pytest.mark.parametrize(
    "rates",
    [
        pd.Series([0.01], index=[DAYS[5]]),
        pd.Series([math.nan], index=[DAYS[0]]),
        np.full(299, 0.01),
        np.full(300, -1.0),
        np.full(300, math.inf),
        np.full((300, 1), 0.01),
    ],
    ids=["begin late", "none", "too few", "minus all", "infinite", "a table"],
)
def test_rates_that_do_not_fit_are_refused(rates):
    """A rate for every bar, finite and above -1, is a must."""
    with pytest.raises(DataInvalid):
        m.measure(X, risk_free=rates)


def test_conventions_take_the_place_of_single_options():
    """Given conventions, their rate and policy hold."""
    used = Conventions(risk_free=0.02, periods_per_year=260.0)
    found = m.measure(X, conventions=used, risk_free=0.5)
    assert found.sharpe == m.sharpe(X, periods_per_year=260, risk_free=0.02)
    with pytest.raises(ConfigError):
        m.measure(X, nan_policy="ignore")


def test_a_benchmark_without_dates_goes_bar_by_bar():
    """An array beside dated returns is compared in order; of another length it is refused."""
    found = m.measure(X, benchmark=MARKET.to_numpy())
    assert numbers(found) == numbers(m.measure(X, benchmark=MARKET))
    with pytest.raises(DataInvalid, match="same bars"):
        m.measure(X, benchmark=MARKET.to_numpy()[1:])


def test_rates_by_date_follow_the_shared_bars():
    """With a benchmark on some of the dates, each shared bar keeps its own rate."""
    rates = pd.Series(np.linspace(0.0, 0.2, 300), index=DAYS)
    some = DAYS[::3]
    found = m.benchmark_metrics(X, MARKET.loc[some], risk_free=rates)
    assert found == m.benchmark_metrics(X.loc[some], MARKET.loc[some], risk_free=rates.loc[some])


def test_earning_the_risk_free_rate_is_no_excess():
    """Returns that are the rate of a bar up to rounding have neither gain nor loss."""
    bar = 1.03 ** (1 / 252) - 1
    x = bar * (1 + np.resize([2e-16, -2e-16, 0.0], 300))
    found = m.measure(x, risk_free=0.03)
    assert {found.reasons[name] for name in ("sharpe", "lo_sharpe")} == {"no_variance"}
    assert found.reasons["sortino"] == "no_gains_or_losses"
    assert found.reasons["omega"] == "no_losses"
    assert found.downside_deviation == 0.0


def test_a_benchmark_without_shared_dates_says_so():
    """No common bar: NaN with a reason, and a flag."""
    found = m.measure(X, benchmark=pd.Series([0.1, 0.2], index=pd.to_datetime(["1999-01-04", "1999-01-05"])))
    assert found.reasons["beta"] == "under_two_shared_bars"
    assert "benchmark_shorter" in found.flags


def test_nothing_is_annualised_under_a_year():
    """Half a year: totals and shapes are shown, rates per year are not, unless asked."""
    half = X.iloc[:120]
    found = m.measure(half, benchmark=MARKET)
    for name in ("cagr", "sharpe", "lo_sharpe", "alpha", "information_ratio", "treynor", "tracking_error"):
        assert found.reasons[name] == "under_one_year", name
    assert math.isfinite(found.total_return)
    assert math.isfinite(found.beta)
    asked = m.measure(half, conventions=Conventions(annualise_short=True))
    assert asked.sharpe == m.sharpe(half)


def test_months_need_dates_and_windows_need_their_length():
    """Calendar fields say why they are missing."""
    assert m.measure(X.to_numpy()).reasons["best_month"] == "no_dates"
    reasons = m.measure(X).reasons
    assert reasons["worst_36_months"] == "under_36_months"
    assert "worst_12_months" not in reasons


def test_dates_out_of_order_are_refused():
    """A path has an order."""
    with pytest.raises(DataInvalid, match="order"):
        m.measure(X.iloc[::-1])
    with pytest.raises(DataInvalid, match="dates"):
        m.calendar_returns(X.reset_index(drop=True))
    with pytest.raises(ConfigError, match="months"):
        m.rolling_returns(X, [0])
    with pytest.raises(ConfigError, match="period"):
        m.calendar_returns(X, "week")


def test_tables_are_refused():
    """Returns are one series."""
    with pytest.raises(DataInvalid, match="one series"):
        m.measure(np.zeros((5, 2)))


def test_trades_without_profits_are_refused():
    """The column that is missing is named, also where other columns would do for a part of the metrics."""
    with pytest.raises(DataInvalid, match="pnl"):
        m.measure([0.01, -0.01] * 200, trades=pd.DataFrame({"bars": [3, 4], "open": [False, True]}))


def test_nothing_has_empty_tables():
    """No returns: tables without rows, not errors."""
    empty = X.iloc[:0]
    assert len(m.drawdowns(empty)) == len(m.monthly_table(empty)) == len(m.rolling_returns(empty)) == 0
    assert len(m.calendar_returns(empty, "year")) == 0


def test_ruin_holds_in_every_table():
    """After -120 % months and years are -100 % once and 0 from there."""
    x = pd.Series([0.1, -1.2, 0.5], index=pd.to_datetime(["2022-11-30", "2022-12-30", "2023-01-31"]))
    assert m.calendar_returns(x).round(12).tolist() == [0.1, -1.0, 0.0]
    assert m.calendar_returns(x, "year").tolist() == [-1.0, 0.0]
    assert m.drawdowns(x)["depth"].tolist() == [-1.0]
    assert m.measure(x, periods_per_year=3).worst_month == -1.0


def test_metrics_with_nan_are_equal():
    """Also after a pickle, and on every Python; another number is not."""
    found = m.measure(X.to_numpy()[:30])
    again = pickle.loads(pickle.dumps(found))
    assert math.isnan(found.alpha)
    assert again == found
    assert hash(again) == hash(found)
    assert m.measure(X.to_numpy()[1:31]) != found
    assert found != "metrics"


def test_metrics_are_a_value():
    """Frozen, picklable, with every field in to_dict and no NaN in it."""
    found = m.measure(sim(pd.DataFrame({"A": True}, index=DAYS), pd.DataFrame({"A": 10 * (1 + X).cumprod()})))
    with pytest.raises(AttributeError):
        found.sharpe = 1.0
    again = pickle.loads(pickle.dumps(found))
    assert again.to_dict() == found.to_dict()
    assert list(found.to_dict()) == list(m.Metrics.__dataclass_fields__)
    assert found.n_long == 0.0 or found.reasons["n_long"] == "no_closed_trades"
