"""What holds for every series of returns: the properties M1 to M14, against twins written from the definitions."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import naive
from outsample import metrics as m
from outsample import sim, stats
from outsample.errors import DataInvalid
from scale import SCALE

RUNS = settings(max_examples=60 * SCALE)
FEW = settings(max_examples=15 * SCALE)
# Hundredths of a percent, so that equal equities and flat bars do occur.
RETURN = st.integers(-3000, 3000).map(lambda k: k / 10_000)
SERIES = st.lists(RETURN, min_size=1, max_size=60)
LONG = st.lists(RETURN, min_size=12, max_size=60)
RATE = st.integers(-50, 500).map(lambda k: k / 10_000)
ALLOWED_INFINITE = {"profit_factor", "payoff", "sortino"}
ONLY_RETURNS = [
    name
    for name in m.__all__
    if name in m.Metrics.__dataclass_fields__ or name in {"d_ratio", "upside_risk", "downside_potential"}
]


def dated(returns, start="2020-01-01", freq="D"):
    return pd.Series(returns, index=pd.date_range(start, periods=len(returns), freq=freq), dtype=float)


def prices(seed, n=120, k=4):
    """Closes of a few random walks."""
    steps = np.random.default_rng(seed).normal(0.0005, 0.02, (n, k))
    return pd.DataFrame(
        100 * np.exp(steps.cumsum(axis=0)), index=pd.bdate_range("2021-01-01", periods=n), columns=list("ABCDEFG")[:k]
    )


def same(one, two, rel=1e-9, abs_=1e-11):
    """Two sets of metrics are equal, NaN included; a ratio over next to nothing may differ by rounding."""
    assert one.keys() == two.keys()
    for name in one:
        assert one[name] == pytest.approx(two[name], rel=rel, abs=abs_, nan_ok=True), name


# -- M1 to M3: drawdowns


@given(loss=st.floats(0.0001, 0.9999), flat=st.integers(0, 5))
def test_a_first_loss_is_a_drawdown(loss, flat):
    """M1: the initial capital is a peak."""
    assert m.max_drawdown([-loss] + [0.0] * flat) == pytest.approx(-loss, rel=1e-12)


@RUNS
@given(SERIES)
@example([-1.2, 0.5])
def test_the_maximum_drawdown_is_the_worst_of_all_pairs(returns):
    """M2: the worst fall between any two points of the equity, within [-1, 0]."""
    found = m.max_drawdown(returns)
    assert found == pytest.approx(naive.worst_fall(returns), abs=1e-12)
    assert -1.0 <= found <= 0.0
    assert -1.0 <= m.conditional_drawdown_at_risk(returns) <= 0.0
    assert found <= m.average_drawdown(returns) <= 0.0


@RUNS
@given(SERIES, st.floats(1e-6, 1e6))
def test_drawdowns_do_not_depend_on_the_capital(returns, capital):
    """M2: equity in any unit of money has the same drawdowns."""
    equity = pd.Series(capital * m.wealth(returns))
    again = equity.pct_change().iloc[1:].to_numpy()
    assert m.max_drawdown(again) == pytest.approx(m.max_drawdown(returns), abs=1e-9)


@RUNS
@given(SERIES)
def test_the_table_of_drawdowns_lists_every_episode(returns):
    """M3: as many rows as a walk over the equity finds; the last, if open, has recovery NaT."""
    table, episodes = m.drawdowns(dated(returns)), naive.episodes(returns)
    assert sorted(table["depth"]) == pytest.approx(sorted(one["depth"] for one in episodes), abs=1e-12)
    path = naive.equity_path(returns)
    assert table["active"].sum() == (path[-1] < max(path))
    assert (table["recovery"].isna() == table["active"]).all()
    lengths = [(len(returns) if e["recovery"] is None else e["recovery"]) - e["peak"] for e in episodes]
    assert sorted(table["bars"]) == sorted(lengths)
    assert m.longest_drawdown(returns) == max(lengths, default=0)


@RUNS
@given(SERIES)
def test_time_under_water_counts_bars_below_the_peak(returns):
    """A bar is under water when its equity is below the highest so far."""
    path = naive.equity_path(returns)
    below = sum(value < max(path[: place + 1]) for place, value in enumerate(path))
    assert m.time_under_water(returns) == pytest.approx(below / len(returns))


# -- M4, M5: annualisation


@RUNS
@given(LONG, st.sampled_from([12, 52, 252, 365]))
def test_the_number_of_periods_is_what_is_given(returns, periods):
    """M4: annual figures follow from those of one bar by P alone."""
    assume(m.volatility(returns) > 0)
    one, year = ({"periods_per_year": p} for p in (1, periods))
    root = math.sqrt(periods)
    assert m.sharpe(returns, **year) == pytest.approx(m.sharpe(returns, **one) * root)
    assert m.volatility(returns, **year) == pytest.approx(m.volatility(returns, **one) * root)
    assert m.annual_mean(returns, **year) == pytest.approx(m.annual_mean(returns, **one) * periods)
    growth = periods * math.log1p(m.cagr(returns, **one))
    assert m.cagr(returns, **year) == (pytest.approx(math.expm1(growth)) if growth < 700 else math.inf)
    assert m.measure(returns, periods_per_year=periods).periods_per_year == periods


def test_weekly_returns_have_the_annual_sharpe_of_daily_ones():
    """M4: over 100 years of iid returns the two differ by noise only (standard error about 0.01 x Sharpe)."""
    daily = np.random.default_rng(4).normal(0.0006, 0.01, 252 * 100)
    weekly = (1 + daily).reshape(-1, 5).prod(axis=1) - 1
    ratios = m.sharpe(daily, periods_per_year=252), m.sharpe(weekly, periods_per_year=252 / 5)
    assert ratios[0] == pytest.approx(ratios[1], abs=0.06)


@RUNS
@given(st.lists(RETURN, min_size=1, max_size=40))
def test_doubling_in_a_year_is_a_hundred_percent(returns):
    """M5: whatever the path, P bars that double the money have a CAGR of 100 %."""
    end = m.wealth(returns)[-1]
    path = [*returns, 2.0 / end - 1.0]
    assert m.cagr(path, periods_per_year=len(path)) == pytest.approx(1.0)


# -- M6: nothing out of nothing


def check_defined(found):
    """NaN with its reason, infinity only where it is the definition, nothing that only rounding can give."""
    for name, value in vars(found).items():
        if not isinstance(value, float):
            continue
        if math.isnan(value):
            assert found.reasons[name], name
        elif math.isinf(value):
            assert name in ALLOWED_INFINITE, name
    plain = json.dumps(found.to_dict(), allow_nan=False)
    assert "NaN" not in plain
    assert "Infinity" not in plain


@RUNS
@given(RETURN, st.integers(2, 400), RATE)
@example(0.0, 300, 0.0)
@example(0.0001, 300, 0.02552)
def test_a_constant_has_no_ratio(value, n, rate):
    """M6: without variance ratios are NaN with a reason, never a huge number."""
    found = m.measure([value] * n, risk_free=rate)
    check_defined(found)
    for name in ("sharpe", "lo_sharpe", "skewness", "kurtosis", "autocorrelation", "probabilistic_sharpe"):
        assert math.isnan(getattr(found, name)), name


@RUNS
@given(RETURN, st.integers(3, 300), st.integers(0, 10**6))
def test_rounding_is_no_variance(value, n, seed):
    """M6: a constant up to the last digits is a constant."""
    assume(value)
    noise = np.random.default_rng(seed).choice([-1e-16, 0.0, 1e-16], n)
    returns = value * (1 + noise)
    found = m.measure(returns, benchmark=np.full(n, value))
    check_defined(found)
    assert math.isnan(m.sharpe(returns))
    assert math.isnan(m.benchmark_metrics(returns, np.full(n, value))["information_ratio"])
    assert math.isnan(m.benchmark_metrics(np.resize([0.01, -0.02], n), returns)["beta"])


@RUNS
@given(SERIES, st.sampled_from([5, 252]), RATE)
def test_every_nan_has_a_reason(returns, periods, rate):
    """M6: for all returns, also shorter than a year, also as the benchmark of themselves."""
    dates = dated(returns)
    check_defined(m.measure(dates, periods_per_year=periods, risk_free=rate, benchmark=dates, trades=None))
    check_defined(m.measure(dates, periods_per_year=periods, trades=pd.DataFrame({"pnl": returns})))


EDGES = {
    "empty": [], "single": [0.01], "single loss": [-0.01], "zero": [0.0] * 300, "constant": [0.01] * 300,
    "losses": [-0.01, -0.02] * 150, "gains": [0.01, 0.02] * 150, "first loss": [-0.5] + [0.0] * 299,
    "ruin": [0.1, -1.2, 0.1] * 100, "ruin at once": [-1.0, 0.5, 0.5], "two": [0.01, -0.01],
    "one change": [0.0] * 150 + [0.01] + [0.0] * 149, "tiny": [1e-300, -1e-300] * 150,
}  # fmt: skip


@pytest.mark.parametrize("name", EDGES)
def test_edges_are_defined_or_have_reasons(name):
    """Constant, all-zero, single, empty, all-loss, first-bar loss, ruin: numbers or reasons, no warning."""
    returns = np.array(EDGES[name], dtype=float)
    for dates in (returns, dated(returns)):
        found = m.measure(dates, periods_per_year=100)
        assert len(found.reasons) == sum(isinstance(v, float) and math.isnan(v) for v in vars(found).values())
        check_defined(found)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", ONLY_RETURNS)
def test_bare_formulas_take_what_they_get(name, edge):
    """Every function of returns gives a float on every edge, and NaN on nothing."""
    function = getattr(m, name)
    found = function(EDGES[edge])
    assert isinstance(found, float)
    assert edge != "empty" or math.isnan(found)


def test_growth_beyond_all_numbers_is_refused():
    """Returns in percent, say, whose equity overflows are a typed error, not infinities."""
    with pytest.raises(DataInvalid, match="largest number"):
        m.measure([1e6, -0.5] * 150)


def test_all_nan_under_drop_is_empty():
    """M6: all-NaN returns under nan_policy="drop" are no observations."""
    found = m.measure([math.nan] * 5, nan_policy="drop")
    assert (found.n_bars, found.reasons["sharpe"], found.reasons["total_return"]) == (0, *["no_observations"] * 2)
    check_defined(found)


# -- M7 to M9: inference


@RUNS
@given(LONG, RATE)
def test_the_probability_is_that_of_the_reported_ratio(returns, rate):
    """M7, M9: PSR takes raw kurtosis, and the Sharpe ratio and the PSR share the risk-free rate."""
    found = m.measure(returns, periods_per_year=12, risk_free=rate)
    assume(not math.isnan(found.sharpe) and abs(found.sharpe) < 50)
    single = found.sharpe / math.sqrt(12)
    inside = 1 - found.skewness * single + (found.kurtosis - 1) / 4 * single**2
    assume(inside > 1e-9)
    z = single * math.sqrt((len(returns) - 1) / inside)
    assert found.probabilistic_sharpe == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)), abs=1e-9)
    excess = np.array(returns) - ((1 + rate) ** (1 / 12) - 1)
    other = m.measure(excess, periods_per_year=12)
    for name in ("sharpe", "sharpe_low", "sharpe_high", "lo_sharpe", "probabilistic_sharpe", "sortino", "omega"):
        assert getattr(found, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-9, nan_ok=True), name


def test_kurtosis_is_raw():
    """M7: three for a normal, one for a coin."""
    assert m.kurtosis([1.0, -1.0] * 10) == pytest.approx(1.0)
    assert m.kurtosis(np.random.default_rng(7).normal(size=200_000)) == pytest.approx(3.0, abs=0.05)


@RUNS
@given(LONG)
def test_one_trial_deflates_nothing(returns):
    """M8: the deflated Sharpe ratio of one trial is the PSR against 0."""
    found = m.measure(returns, periods_per_year=12)
    assume(not math.isnan(found.probabilistic_sharpe))
    shape = {"skewness": found.skewness, "kurtosis": found.kurtosis}
    deflated = stats.deflated_sharpe(
        found.sharpe_per_period, found.n_bars, n_trials=1, trials_variance=1.0 / found.n_bars, **shape
    )
    assert deflated == pytest.approx(found.probabilistic_sharpe)


@RUNS
@given(st.floats(-0.9, 0.9), st.integers(2, 60))
def test_lo_s_factor_is_that_of_the_variance_of_a_sum(rho, periods):
    """The corrected ratio uses the variance of a sum of q autocorrelated returns, from its whole matrix."""
    returns = [0.03, -0.01, 0.02, 0.02, -0.03, 0.01, 0.0, 0.02]
    found = m.lo_sharpe(returns, periods_per_year=periods)
    estimated = m.autocorrelation(returns)
    single = m.sharpe(returns, periods_per_year=1)
    assert found == pytest.approx(single * naive.lo_factor(periods, estimated))
    assert stats.autocorrelation_factor(periods, rho) == pytest.approx(naive.lo_factor(periods, rho))


@RUNS
@given(LONG, st.lists(RATE, min_size=3, max_size=3))
def test_rates_by_date_hold_until_the_next(returns, rates):
    """A risk-free Series gives each bar the last rate on or before it; a constant Series is its number."""
    x = dated(returns)
    starts = x.index[[0, len(x) // 3, len(x) // 2]]
    known = dict(zip(starts, rates, strict=True))
    each = np.array([naive.rate_on(known, date) for date in x.index])
    by_hand = x - ((1 + each) ** (1 / 12) - 1)
    series = pd.Series(known)
    assume(m.volatility(by_hand) > 1e-6)
    for function in (m.sharpe, m.sortino, m.downside_deviation, m.omega, m.lo_sharpe):
        want = function(by_hand, periods_per_year=12)
        assert function(x, periods_per_year=12, risk_free=series) == pytest.approx(want, rel=1e-6, nan_ok=True)
    assert m.measure(x, periods_per_year=12, risk_free=series).sharpe == pytest.approx(
        m.sharpe(by_hand, periods_per_year=12), rel=1e-6
    )
    flat = pd.Series(rates[0], index=x.index)
    both = (m.measure(x, periods_per_year=12, risk_free=rate, benchmark=x * 0.5) for rate in (flat, rates[0]))
    one, two = ({name: value for name, value in vars(found).items() if isinstance(value, float)} for found in both)
    same(one, two, rel=1e-6)


# -- M10: the calendar


@RUNS
@given(st.lists(st.tuples(RETURN, st.integers(1, 50)), min_size=1, max_size=60))
def test_months_compound_to_the_total_and_gaps_are_blank(steps):
    """M10: months, years and their windows agree with a walk over the bars; months without data have no row."""
    returns = [r for r, _ in steps]
    dates = pd.Timestamp("2019-12-30") + pd.to_timedelta(np.cumsum([days for _, days in steps]), unit="D")
    x = pd.Series(returns, index=pd.DatetimeIndex(dates))
    table, grown = m.monthly_table(x), naive.by_month(x.index, returns)
    assert list(zip(table["year"], table["month"], strict=True)) == list(grown)
    assert table["return"].tolist() == pytest.approx(list(grown.values()), abs=1e-12)
    total = m.total_return(returns)
    assert (1 + table["return"]).prod() - 1 == pytest.approx(total, abs=1e-9)
    assert (1 + m.calendar_returns(x, "year")).prod() - 1 == pytest.approx(total, abs=1e-9)
    windows = m.rolling_returns(x, (1, 6, 12))
    for length in windows:
        found = {(period.year, period.month): value for period, value in windows[length].dropna().items()}
        assert found == pytest.approx(naive.last_months(x.index, returns, length), abs=1e-9)


# -- M11: downside


@RUNS
@given(SERIES)
def test_the_downside_counts_all_bars(returns):
    """M11: as many flat bars again halve the mean square."""
    found = m.downside_deviation(returns)
    losses = sum(min(r, 0.0) ** 2 for r in returns)
    assert found == pytest.approx(math.sqrt(losses / len(returns) * 252), abs=1e-12)
    assert m.downside_deviation([*returns, *[0.0] * len(returns)]) == pytest.approx(found / math.sqrt(2), abs=1e-12)
    assert m.volatility([0.1, 0.1]) == 0.0


# -- M12: benchmarks


@RUNS
@given(LONG, st.integers(0, 20), st.integers(0, 8))
def test_strategy_and_benchmark_start_on_the_same_bar(returns, before, late):
    """M12: earlier bars of either are left out, and fewer shared bars than bars are flagged."""
    n = len(returns)
    index = pd.date_range("2020-01-01", periods=n + before, freq="D")
    market = pd.Series(np.sin(np.arange(n + before)) / 50, index=index)
    x = pd.Series(returns, index=index[before:])
    cut = market.loc[x.index]
    same(m.benchmark_metrics(x, market), m.benchmark_metrics(x, cut))
    found = m.measure(x, benchmark=cut.iloc[late:], periods_per_year=12)
    assert ("benchmark_shorter" in found.flags) == (late > 0)
    want = m.benchmark_metrics(x.iloc[late:], cut.iloc[late:], periods_per_year=12)
    same({name: getattr(found, name) for name in want}, want)


@RUNS
@given(LONG, st.floats(0.1, 3.0), st.floats(-0.01, 0.01))
def test_a_line_has_its_slope_and_intercept(market, beta, alpha):
    """Returns that are alpha + beta x benchmark have these as alpha and beta, R^2 1 and no specific risk."""
    market = np.array(market)
    assume(market.std() > 1e-3)
    found = m.benchmark_metrics(alpha + beta * market, market, periods_per_year=12)
    assert (found["beta"], found["r_squared"]) == pytest.approx((beta, 1.0))
    assert found["alpha"] == pytest.approx(12 * alpha, abs=1e-9)
    assert found["specific_risk"] == pytest.approx(0.0, abs=1e-9)
    assert m.benchmark_metrics(market, market)["tracking_error"] == 0.0


# -- M13: horizons


@FEW
@given(st.integers(0, 10**6), st.sets(st.sampled_from([1, 2, 5, 10, 20]), min_size=1))
def test_a_longer_horizon_changes_no_shorter_one(seed, horizons):
    """M13: the statistics of a horizon are the same whatever others are asked for."""
    random = np.random.default_rng(seed)
    close = prices(seed, n=60, k=7)
    signal = pd.DataFrame(random.normal(size=close.shape), index=close.index, columns=close.columns)
    later = {h: close.shift(-h - 1) / close.shift(-1) - 1 for h in (1, 2, 5, 10, 20)}
    whole = m.ic_by_horizon(signal, later)
    some = m.ic_by_horizon(signal, {h: later[h] for h in horizons})
    pd.testing.assert_frame_equal(whole.loc[sorted(horizons)], some)


# -- M14: costs


@FEW
@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.001, 0.01]))
def test_net_is_the_default_and_gross_is_named(seed, fee):
    """M14: the total is net; with its costs added back it is the total of the same run without costs."""
    close = prices(seed)
    weights = pd.DataFrame(np.random.default_rng(seed).dirichlet(np.ones(4), len(close)), close.index, close.columns)
    options = {"resample": "ME", "tax_ratio": fee / 2}
    costly = m.measure(sim(weights, close, fee_ratio=fee, **options))
    free = m.measure(sim(weights, close, resample="ME"))
    assert costly.gross_total_return == pytest.approx(free.total_return, abs=1e-9)
    assert costly.total_return <= costly.gross_total_return + 1e-12
    assert (costly.total_return < costly.gross_total_return - 1e-6) == (fee > 0.0)
    assert costly.cost_total == pytest.approx(costly.fee_total + costly.tax_total)
