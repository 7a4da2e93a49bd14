"""Properties of tests, windows and the bootstrap."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from outsample import stats as s
from outsample.errors import ConfigError
from outsample.research.bootstrap import bootstrap


def ar1(rng, worlds, n, rho):
    noise = rng.normal(size=(worlds, n + 50))
    for t in range(1, n + 50):
        noise[:, t] += rho * noise[:, t - 1]
    return noise[:, 50:]


def test_default_interval_covers():
    """The HAC interval of the Sharpe ratio covers .92 to .97 at autocorrelation .2, n = 500."""
    x = ar1(np.random.default_rng(3), 2000, 500, 0.2) + 0.05
    true = 0.05 / math.sqrt(1 / (1 - 0.04))
    hits = 0
    for row in x:
        margin = 1.959964 * s.sharpe_standard_error(returns=row, method="hac")
        hits += abs(row.mean() / row.std(ddof=1) - true) <= margin
    assert 0.92 <= hits / 2000 <= 0.97


def test_spa_ignores_the_scale_of_a_model():
    """Scaling an irrelevant model does not change the p-value."""
    x = np.random.default_rng(0).normal(0.02, 1, (400, 5))
    scaled = x * np.array([1, 1, 1, 1, 1000.0])
    one, two = (s.spa(table, block=5, n_bootstrap=500) for table in (x, scaled))
    assert one.consistent == two.consistent


def test_null_p_values_are_uniform():
    """Under the null the p-values of a single model's reality check are uniform (S14)."""
    from scipy.stats import kstest

    x = np.random.default_rng(5).normal(size=(200, 250, 1))
    p = [s.reality_check(world, block=1, n_bootstrap=400, seed=k) for k, world in enumerate(x)]
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.parametrize(("edge", "low", "high"), [(0.0, 0.0, 0.08), (0.2, 0.8, 1.0)])
def test_deflated_sharpe_among_fifty(edge, low, high):
    """The best of 50 noise strategies seldom passes, a planted edge mostly does (S14, S15)."""
    rng, passed = np.random.default_rng(7), 0
    for _ in range(200):
        x = rng.normal(size=(1000, 50))
        x[:, 0] += edge
        ratios = x.mean(axis=0) / x.std(axis=0, ddof=1)
        spread = np.var(ratios[1:], ddof=1)
        passed += s.deflated_sharpe(ratios.max(), 1000, n_trials=50, trials_variance=spread) > 0.95
    assert low <= passed / 200 <= high


def test_one_trial_deflates_nothing():
    """The deflated ratio of one trial is the probabilistic one against 0 (M8)."""
    assert s.deflated_sharpe(0.1, 100, n_trials=1, trials_variance=0.0) == s.probabilistic_sharpe(0.1, 100)


def test_windows_tile_and_keep_their_distance():
    """Tests tile, keep purge and embargo, and a short last one is flagged (S8)."""
    found = s.walk_forward_windows(103, train=30, test=20, purge=2, embargo=3)
    assert all(w.test.start - w.train.stop == 5 for w in found)
    assert all(a.test.stop == b.test.start for a, b in itertools.pairwise(found))
    assert [w.partial for w in found] == [False, False, False, True]
    assert found[-1].test.stop == 103


def test_calendar_windows_tile():
    """Windows by calendar offsets tile the dates."""
    index = pd.bdate_range("2010-01-01", "2020-12-31")
    found = s.walk_forward_windows(index, train="3Y", test="1Y")
    assert all(a.test.stop == b.test.start for a, b in itertools.pairwise(found))
    assert found[-1].test.stop == len(index)


def test_paths_use_each_split_of_a_group_once():
    """Every path has all groups, each supplied by a split that tests it (S9)."""
    made = s.combinatorial_purged(60, n_groups=6, n_test=2, purge=2, embargo=3)
    for path in made.paths:
        assert all(group in made.splits[split].groups for group, split in enumerate(path))
    for split in made.splits:
        assert np.abs(split.train[:, None] - split.test[None, :]).min() > 2


RETURNS = pd.Series(np.random.default_rng(11).normal(0.0005, 0.01, 400))


def test_workers_and_paths_change_no_stream():
    """Path i is the same for any number of workers and of paths (S3, S13)."""
    one = bootstrap(RETURNS, n_paths=100, n_jobs=1).samples["sharpe"]
    two = bootstrap(RETURNS, n_paths=200, n_jobs=2).samples["sharpe"]
    assert np.array_equal(one, two[:100])
    assert not np.array_equal(one, bootstrap(RETURNS, n_paths=100, seed=1).samples["sharpe"])


def test_permutations_are_refused():
    """A permutation is no distribution of CAGR or Sharpe (S1)."""
    with pytest.raises(ConfigError, match="permutation"):
        bootstrap(RETURNS, method="permutation")


def test_bootstrap_mean_has_the_exact_variance():
    """The variance of resampled log wealth is the closed form of Politis and Romano."""
    made = bootstrap(RETURNS, n_paths=20_000, block=10.0)
    drawn = np.var(np.log(made.samples["final_wealth"]), ddof=1)
    exact = s.stationary_mean_variance(np.log1p(RETURNS), 10.0) * len(RETURNS)
    assert drawn == pytest.approx(exact, rel=0.05)
