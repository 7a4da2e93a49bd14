"""Many strategies on one data set: against slow twins, arch and statsmodels, and what must not matter."""

import numpy as np
import pytest

from outsample import stats as s
from outsample.errors import ConfigError, DataInvalid
from scale import SCALE
from stats import naive


def worlds(count, n=80, k=4):
    rng = np.random.default_rng(21)
    for _ in range(count):
        noise = rng.normal(size=(n, k))
        noise[1:] += 0.3 * noise[:-1]
        yield noise * rng.uniform(0.2, 5.0, k) + rng.normal(0, 0.3, k)


def test_against_the_twins():
    """Reality check, SPA and StepM are what loops over replicates give, to the last replicate."""
    for seed, d in enumerate(worlds(3 * SCALE)):
        table, options = d.tolist(), {"block": 4.0, "n_bootstrap": 99, "seed": seed}
        assert s.reality_check(d, **options) == naive.reality_check(table, 4.0, 99, seed)
        found = s.spa(d, **options)
        assert {name: getattr(found, name) for name in ("lower", "consistent", "upper")} == naive.spa(
            table, 4.0, 99, seed
        )
        assert s.step_m(d, alpha=0.2, **options) == naive.step_m(table, 4.0, 99, seed, 0.2)


def test_superior_ability_agrees_with_arch():
    """The p-values are arch's, which is given columns that need no studentising."""
    from arch.bootstrap import SPA

    for d in worlds(2, n=300, k=6):
        omega = np.sqrt([s.stationary_mean_variance(column, 5.0) for column in d.T])
        other = SPA(np.zeros(len(d)), -d / omega, block_size=5, reps=2000, studentize=False, seed=1)
        other.compute()
        found = s.spa(d, block=5.0, n_bootstrap=4000)
        got = [found.lower, found.consistent, found.upper]
        # Four deviations of the difference of two proportions of 2,000 and 4,000.
        assert got == pytest.approx(list(other.pvalues), abs=4 * 0.5 * np.sqrt(1 / 2000 + 1 / 4000))


def test_reality_check_agrees_with_arch():
    """White's p-value is arch's without studentising, upper."""
    from arch.bootstrap import RealityCheck

    d = next(worlds(1, n=300, k=6))
    other = RealityCheck(np.zeros(len(d)), -d, block_size=5, reps=2000, studentize=False, seed=1)
    other.compute()
    margin = 4 * 0.5 * np.sqrt(1 / 2000 + 1 / 4000)
    assert s.reality_check(d, block=5.0, n_bootstrap=4000) == pytest.approx(other.pvalues["upper"], abs=margin)


def test_stepwise_agrees_with_arch():
    """StepM finds arch's models when the edges are clear, at each level."""
    from arch.bootstrap import StepM

    rng = np.random.default_rng(3)
    d = rng.normal(size=(400, 8)) + np.array([0.4, 0.3, 0, 0, 0, -0.3, 0.25, 0])
    omega = np.sqrt([s.stationary_mean_variance(column, 2.0) for column in d.T])
    for alpha in (0.01, 0.1):
        other = StepM(np.zeros(400), -d / omega, size=alpha, block_size=2, reps=2000, studentize=False, seed=1)
        other.compute()
        assert s.step_m(d, block=2.0, alpha=alpha, n_bootstrap=2000) == other.superior_models == [0, 1, 6]


def test_scale_of_a_model_does_not_matter():
    """Scaling an irrelevant model changes no p-value of the SPA and no choice of StepM."""
    d = np.random.default_rng(0).normal(0.02, 1, (400, 5))
    scaled = d * np.array([1, 1, 1, 1, 1024.0])
    assert s.spa(d, block=5, n_bootstrap=500) == s.spa(scaled, block=5, n_bootstrap=500)
    assert s.step_m(d, block=5, n_bootstrap=500) == s.step_m(scaled, block=5, n_bootstrap=500)


def test_bounds_are_ordered_and_never_zero():
    """lower <= consistent <= upper, and no p-value is 0 (S4)."""
    for d in worlds(20 * SCALE):
        found = s.spa(d, block=3, n_bootstrap=99)
        assert 0.01 <= found.lower <= found.consistent <= found.upper <= 1.0
    assert s.reality_check(np.full((50, 1), 1.0) + np.eye(50, 1), block=1, n_bootstrap=99) == 0.01


@pytest.mark.slow
def test_adjusted_p_values_agree_with_statsmodels():
    """Holm and Benjamini-Hochberg are statsmodels', in the given order, with ties."""
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(4)
    for _ in range(50 * SCALE):
        p = np.round(rng.uniform(size=rng.integers(1, 12)) ** 3, 2)
        np.testing.assert_allclose(s.holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
        np.testing.assert_allclose(s.benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-12)


def test_no_p_values_are_no_error():
    """An empty family has no adjusted p-values."""
    assert len(s.holm([])) == len(s.benjamini_hochberg([])) == 0


def test_overfitting_is_what_all_combinations_give():
    """PBO and its logits are those of a loop over the combinations."""
    rng = np.random.default_rng(5)
    for _ in range(3 * SCALE):
        x = rng.normal(size=(45, 6))
        found = s.probability_of_backtest_overfitting(x, n_splits=6)
        pbo, logits = naive.overfitting(x[:42].tolist(), 6)
        assert (found.pbo, found.dropped_rows) == (pbo, 3)
        np.testing.assert_allclose(found.logits, logits, rtol=1e-9, atol=1e-12)


def test_noise_is_overfitted_half_of_the_time():
    """Among trials without skill the best in sample is below the median out of sample about as often as not."""
    rng = np.random.default_rng(6)
    found = [s.probability_of_backtest_overfitting(rng.normal(size=(160, 20)), n_splits=8).pbo for _ in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def test_effective_trials():
    """Independent trials count as N, copies as one, constant ones not at all; the correlations' mean decides."""
    x = np.random.default_rng(7).normal(size=(20_000, 5))
    assert s.effective_trials(x) == pytest.approx(5.0, abs=0.2)
    assert s.effective_trials(np.tile(x[:, :1], 7)) == 1.0
    assert s.effective_trials(np.column_stack([x, np.ones(len(x))])) == pytest.approx(s.effective_trials(x))
    y = x[:200, :4] @ np.random.default_rng(1).normal(size=(4, 4))
    pairs = [np.corrcoef(y[:, i], y[:, j])[0, 1] for i in range(4) for j in range(i)]
    rho = max(float(np.mean(pairs)), 0.0)
    assert s.effective_trials(y) == pytest.approx(rho + (1 - rho) * 4)


@pytest.mark.parametrize("options", [{"n_bootstrap": 0}, {"seed": -1}, {"block": 0.5}, {"n_bootstrap": 2.5}])
@pytest.mark.parametrize("function", [s.reality_check, s.spa, s.step_m])
def test_impossible_options_are_refused(function, options):
    """Options out of range are typed errors."""
    with pytest.raises(ConfigError):
        function(np.random.default_rng(0).normal(size=(30, 2)), **options)


@pytest.mark.parametrize("function", [s.reality_check, s.spa, s.step_m, s.effective_trials])
def test_tables_with_gaps_are_refused(function):
    """NaN is a typed error."""
    with pytest.raises(DataInvalid):
        function([[0.1, np.nan], [0.2, 0.1], [0.3, 0.1]])


@pytest.mark.parametrize("p", [[0.5, 1.1], [np.nan], [[0.1]]])
def test_what_is_no_probability_is_refused(p):
    """Only probabilities are adjusted."""
    for function in (s.holm, s.benjamini_hochberg):
        with pytest.raises(DataInvalid):
            function(p)
