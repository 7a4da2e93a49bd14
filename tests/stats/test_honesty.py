"""Statistical honesty by simulation. Each promise states its Monte Carlo error."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from outsample import bootstrap
from outsample import stats as s


def ar1(rng, worlds, n, rho):
    noise = rng.normal(size=(worlds, n + 50))
    for t in range(1, n + 50):
        noise[:, t] += rho * noise[:, t - 1]
    return noise[:, 50:]


@pytest.mark.slow
def test_default_interval_covers():
    """The default interval of the Sharpe ratio covers .92 to .97 at autocorrelation .2, n = 500 (error .005)."""
    x = ar1(np.random.default_rng(3), 2000, 500, 0.2) + 0.05
    true = 0.05 / math.sqrt(1 / (1 - 0.04))
    hits = iid = 0
    for values in x:
        made = bootstrap(values, n_paths=1, block=1.0, periods_per_year=1, n_jobs=1).table.iloc[0]
        hits += made["low"] <= true <= made["high"]
        iid += abs(made["actual"] - true) <= 1.959964 * s.sharpe_standard_error(returns=values)
    assert made["method"] == "hac"
    assert 0.92 <= hits / 2000 <= 0.97
    assert iid / 2000 < 0.92  # what the default is there to avoid


@pytest.mark.parametrize("models", [1, 5])
def test_reality_checks_are_uniform_under_the_null(models):
    """Under the null p-values of the reality check are uniform: Kolmogorov-Smirnov over 200 worlds (S14)."""
    rng = np.random.default_rng(5)
    p = [s.reality_check(rng.normal(size=(250, models)), block=1, n_bootstrap=400, seed=seed) for seed in range(200)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_probabilities_are_uniform_under_the_null():
    """Over 200 null strategies one minus the probabilistic Sharpe ratio is uniform (S14)."""
    rng = np.random.default_rng(6)
    for variant in ("bailey2012", "lopezdeprado2025"):
        x = rng.standard_t(8, size=(200, 500))
        p = [1 - s.probabilistic_sharpe(row.mean() / row.std(ddof=1), 500, kurtosis=4.5, variant=variant) for row in x]
        assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize("method", ["jkm", "ledoit_wolf"])
def test_differences_are_uniform_under_the_null(method):
    """Two strategies of equal ratio and correlated returns: p-values of the difference are uniform."""
    rng, p = np.random.default_rng(8), []
    for _ in range(300):
        common, own = rng.normal(size=(500, 1)), rng.normal(size=(500, 2))
        x = 0.05 + math.sqrt(0.5) * (common + own)
        p.append(s.sharpe_difference(x[:, 0], 3 * x[:, 1], method=method).p_value)
    assert kstest(p, "uniform").pvalue > 0.01


def test_superior_ability_keeps_its_level():
    """Among worlds without skill at most 5 % reject at 5 %, plus three errors of .011 (400 worlds)."""
    rng = np.random.default_rng(9)
    p = [s.spa(rng.normal(size=(200, 8)), block=1, n_bootstrap=300, seed=k).consistent for k in range(400)]
    assert np.mean(np.array(p) <= 0.05) < 0.05 + 3 * 0.011


@pytest.mark.parametrize(("edge", "low", "high"), [(0.0, 0.0, 0.08), (0.2, 0.8, 1.0)])
def test_deflated_sharpe_among_fifty(edge, low, high):
    """The best of 50 noise strategies passes in under 8 % of 400 worlds, a planted edge in over 80 % (S14, S15)."""
    rng, passed = np.random.default_rng(7), 0
    for _ in range(400):
        x = rng.normal(size=(1000, 50))
        x[:, 0] += edge
        ratios = x.mean(axis=0) / x.std(axis=0, ddof=1)
        spread = float(np.var(ratios, ddof=1))
        passed += s.deflated_sharpe(ratios.max(), 1000, n_trials=50, trials_variance=spread) > 0.95
    assert low <= passed / 400 <= high


def test_a_planted_edge_is_found_by_every_test():
    """One skilled strategy among 20: SPA, reality check and StepM find it in over 80 % of 60 worlds (S15)."""
    rng, found = np.random.default_rng(10), np.zeros(3)
    for seed in range(60):
        x = rng.normal(size=(500, 20))
        x[:, 7] += 0.25
        options = {"block": 1, "n_bootstrap": 300, "seed": seed}
        found += [
            s.spa(x, **options).consistent <= 0.05,
            s.reality_check(x, **options) <= 0.05,
            s.step_m(x, **options) == [7],
        ]
    assert (found / 60 > 0.8).all()


def test_overfitting_is_seen():
    """A family with one skilled trial has a low probability of overfitting, one without about a half."""
    rng = np.random.default_rng(11)
    skilled, noise = [], []
    for _ in range(20):
        x = rng.normal(size=(400, 20))
        noise.append(s.probability_of_backtest_overfitting(x, n_splits=8).pbo)
        x[:, 3] += 0.25
        skilled.append(s.probability_of_backtest_overfitting(x, n_splits=8).pbo)
    assert np.mean(skilled) < 0.05
    assert 0.35 < np.mean(noise) < 0.65
