"""Inference on Sharpe ratios: closed forms, published limits, and what must hold."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats
from scipy.integrate import quad

from outsample import stats as s
from outsample.errors import ConfigError, DataInvalid

RNG = np.random.default_rng(31)


def test_one_trial_deflates_nothing():
    """The deflated ratio of one trial is the probabilistic one against 0 (M8)."""
    for sharpe, skew, kurt in ((0.1, 0.0, 3.0), (-0.2, -1.0, 8.0)):
        moments = {"skewness": skew, "kurtosis": kurt}
        one = s.deflated_sharpe(sharpe, 100, n_trials=1, trials_variance=0.3, **moments)
        assert one == s.probabilistic_sharpe(sharpe, 100, **moments)


def test_kurtosis_is_raw():
    """With kurtosis 3 and no skewness the standard error is Lo's for normal returns (M7)."""
    for sharpe in (-0.3, 0.0, 0.7):
        normal = s.sharpe_standard_error(sharpe, 250, skewness=0.0, kurtosis=3.0)
        assert normal == s.sharpe_standard_error(sharpe, 250, method="lo")
        assert normal == pytest.approx(math.sqrt((1 + sharpe**2 / 2) / 250))
    fat = s.probabilistic_sharpe(0.1, 250, kurtosis=9.0)
    assert fat < s.probabilistic_sharpe(0.1, 250, kurtosis=3.0)


def test_moments_come_from_returns():
    """Given returns, the error uses their population skewness and raw kurtosis."""
    x = RNG.standard_t(6, 400) * 0.01 + 0.001
    moments = {"skewness": scipy_stats.skew(x), "kurtosis": scipy_stats.kurtosis(x, fisher=False)}
    direct = s.sharpe_standard_error(x.mean() / x.std(ddof=1), 400, **moments)
    assert s.sharpe_standard_error(returns=x) == pytest.approx(direct)


def test_errors_without_lags_are_nearly_mertens():
    """The delta method with independent observations is Mertens' formula."""
    x = RNG.gamma(3.0, size=500) - 2.5
    assert s.sharpe_standard_error(returns=x, method="hac", lags=0) == pytest.approx(
        s.sharpe_standard_error(returns=x), rel=0.005
    )


def test_long_run_covariance_agrees_with_statsmodels():
    """The HAC error is the delta method on statsmodels' Newey-West covariance."""
    from statsmodels.stats.sandwich_covariance import S_hac_simple

    x = RNG.normal(0.05, 1, 300)
    x[1:] += 0.3 * x[:-1]
    lags = math.ceil(4 * (300 / 100) ** (2 / 9))
    columns = np.column_stack([x, x**2])
    covariance = S_hac_simple(columns - columns.mean(axis=0), nlags=lags) / 300
    mean, variance = x.mean(), x.var()
    gradient = np.array([(x**2).mean() / variance**1.5, -mean / (2 * variance**1.5)])
    expected = math.sqrt(gradient @ covariance @ gradient / 300)
    assert s.sharpe_standard_error(returns=x, method="hac") == pytest.approx(expected)


def test_autocorrelation_widens_the_hac_error_only():
    """With gains following gains the HAC error is larger than Mertens', about by sqrt((1+rho)/(1-rho))."""
    x = RNG.normal(size=20_000)
    for t in range(1, len(x)):
        x[t] += 0.3 * x[t - 1]
    ratio = s.sharpe_standard_error(returns=x, method="hac", lags=60) / s.sharpe_standard_error(returns=x)
    assert ratio == pytest.approx(math.sqrt(1.3 / 0.7), rel=0.06)


def test_track_record_and_probability_are_inverse():
    """After the minimum track record the probability is exactly the confidence."""
    for sharpe, benchmark in ((0.1, 0.0), (0.2, 0.05)):
        moments = {"skewness": -0.7, "kurtosis": 6.0}
        length = s.min_track_record_length(sharpe, benchmark=benchmark, confidence=0.9, **moments)
        assert s.probabilistic_sharpe(sharpe, length, benchmark=benchmark, **moments) == pytest.approx(0.9)
    assert s.min_track_record_length(0.1, benchmark=0.1) == math.inf


@pytest.mark.parametrize("n_trials", [2, 5, 100, 5000])
def test_expected_maximum_against_an_integral(n_trials):
    """The exact method is the integral of 1 - F^N less F^N, scaled by the deviation."""
    upper = quad(lambda z: 1 - scipy_stats.norm.cdf(z) ** n_trials, 0, 12)[0]
    lower = quad(lambda z: scipy_stats.norm.cdf(z) ** n_trials, -12, 0)[0]
    found = s.expected_maximum_sharpe(n_trials, 0.04, method="exact")
    assert found == pytest.approx(0.2 * (upper - lower), rel=1e-6)
    assert s.expected_maximum_sharpe(n_trials, 0.04) == pytest.approx(found, rel=0.1)


def test_more_trials_raise_the_bar():
    """The bar and the backtest length grow with the trials, the deflated ratio falls; one trial sets no bar."""
    counts = [1, 1.3, 2, 3, 10, 46, 1000]
    bars = [s.expected_maximum_sharpe(n) for n in counts]
    assert bars[0] == 0.0
    assert bars == sorted(bars)
    deflated = [s.deflated_sharpe(0.1, 500, n_trials=n, trials_variance=0.001) for n in counts]
    assert deflated == sorted(deflated, reverse=True)
    lengths = [s.min_backtest_length(n, 1.0) for n in counts]
    assert lengths == sorted(lengths)


def test_power_is_the_share_of_rejections():
    """The power is how often simulated normal strategies are found at the 5 % level."""
    n, sharpe, worlds = 120, 0.2, 4000
    x = np.random.default_rng(1).normal(sharpe, 1, (worlds, n))
    z = x.mean(axis=1) / x.std(axis=1, ddof=1) * math.sqrt(n)
    rejected = np.mean(z > 1.6449)
    assert s.sharpe_power(sharpe, n) == pytest.approx(rejected, abs=4 * math.sqrt(0.25 / worlds))
    assert s.sharpe_power(0.0, n) == pytest.approx(0.05)


def test_planned_false_discoveries_by_counting():
    """Of 10,000 strategies, 500 skilled, at 5 % and power .8: 475 of 875 discoveries are false."""
    assert s.planned_fdr(0.05, alpha=0.05, power=0.8) == pytest.approx(475 / 875)
    assert s.planned_fdr(1.0) == 0.0
    assert s.planned_fdr(0.0) == 1.0


def test_annual_ratio_of_correlated_returns_by_simulation():
    """q-period sums of an AR(1) have the ratio that the factor says (Lo, 2002)."""
    rng, rho, q = np.random.default_rng(2), 0.4, 12
    x = rng.normal(size=(4000, 20 * q + 50))
    for t in range(1, x.shape[1]):
        x[:, t] += rho * x[:, t - 1]
    x = x[:, 50:] + 1.0
    sums = x.reshape(-1, q).sum(axis=1)
    assert sums.mean() / sums.std() / (x.mean() / x.std()) == pytest.approx(s.autocorrelation_factor(q, rho), rel=0.02)
    powers = [rho**k for k in range(1, q)]
    assert s.autocorrelation_factor(q, powers) == pytest.approx(s.autocorrelation_factor(q, rho))
    assert s.autocorrelation_factor(1, 0.9) == 1.0


@pytest.mark.parametrize("method", ["jkm", "ledoit_wolf"])
def test_differences_are_antisymmetric_and_free_of_scale(method):
    """Swapping the strategies turns the sign; leverage on one changes nothing."""
    a, b = RNG.normal(0.05, 1, 400), RNG.normal(0.0, 2, 400)
    one, other = s.sharpe_difference(a, b, method=method), s.sharpe_difference(b, a, method=method)
    assert one.z == pytest.approx(-other.z)
    assert one.p_value == pytest.approx(other.p_value)
    assert s.sharpe_difference(4 * a, b, method=method).z == pytest.approx(one.z)


def test_identical_strategies_do_not_differ():
    """The difference of a strategy and itself is 0 with an undefined or unremarkable p-value."""
    a = RNG.normal(0.05, 1, 400)
    found = s.sharpe_difference(a, a)
    assert found.difference == 0.0
    assert math.isnan(found.p_value) or found.p_value > 0.99


@pytest.mark.parametrize("x", [[0.01] * 30, [0.0] * 30])
def test_no_variance_has_no_error(x):
    """A constant series has no Sharpe ratio: NaN, never 1e16."""
    for method in ("mertens", "lo", "hac"):
        assert math.isnan(s.sharpe_standard_error(returns=x, method=method))
    with pytest.raises(DataInvalid):
        s.sharpe_difference(x, np.arange(30.0))


@pytest.mark.parametrize(
    "call",
    [
        lambda: s.sharpe_standard_error(0.1),
        lambda: s.sharpe_standard_error(0.1, 10, method="hac"),
        lambda: s.sharpe_standard_error(0.1, 10, method="newey"),
        lambda: s.sharpe_standard_error(returns=[0.1, 0.2, 0.3], method="hac", lags=-1),
        lambda: s.probabilistic_sharpe(0.1, 10, variant="2013"),
        lambda: s.expected_maximum_sharpe(0),
        lambda: s.expected_maximum_sharpe(10, -1.0),
        lambda: s.min_track_record_length(0.1, confidence=1.0),
        lambda: s.min_backtest_length(10, 0.0),
        lambda: s.sharpe_power(0.1, 0),
        lambda: s.sharpe_power(0.1, 10, alpha=0.0),
        lambda: s.planned_fdr(1.5),
        lambda: s.planned_fdr(0.5, alpha=-0.1),
        lambda: s.autocorrelation_factor(0, 0.1),
        lambda: s.autocorrelation_factor(12, 1.5),
        lambda: s.sharpe_difference([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 1.0], method="hac"),
        lambda: s.sharpe_difference([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 1.0], lags=1.5),
    ],
)
def test_impossible_arguments_are_refused(call):
    """Arguments out of range are typed errors with what is allowed."""
    with pytest.raises(ConfigError):
        call()
