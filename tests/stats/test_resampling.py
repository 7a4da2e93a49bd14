"""Blocks, block lengths and intervals: against slow twins, arch, scipy and closed forms."""

import numpy as np
import pytest

from outsample import stats as s
from outsample.errors import ConfigError, DataInvalid
from outsample.stats.kernel import block_law, draw_blocks
from scale import SCALE
from stats import naive

KINDS = ("stationary", "circular", "moving", "iid", "order")


def resample(seed, path, n, kind, block):
    ((starts, lengths),) = draw_blocks(seed, n, block_law(n, kind=kind, block=block), first=path)
    return [(start + step) % n for start, length in zip(starts, lengths, strict=True) for step in range(length)]


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_are_the_twins(kind):
    """Every path is what plain integers and a loop give, for any seed, length and block."""
    rng = np.random.default_rng(1)
    for _ in range(40 * SCALE):
        n, seed, path = int(rng.integers(2, 60)), int(rng.integers(2**63)), int(rng.integers(10**6))
        block = float(rng.uniform(1.0, n))
        assert resample(seed, path, n, kind, block) == naive.indices(seed, path, n, kind, block)


@pytest.mark.parametrize("kind", ["stationary", "circular"])
def test_every_observation_is_equally_likely(kind):
    """Each observation is drawn equally often, in circular and stationary bootstraps (S5)."""
    n, paths = 20, 4000 * SCALE
    counts = np.zeros(n)
    for starts, lengths in draw_blocks(3, n, block_law(n, kind=kind, block=4.0), n_paths=paths):
        for start, length in zip(starts, lengths, strict=True):
            counts[(start + np.arange(length)) % n] += 1
    # Draws within a block are dependent: a block of about 4 moves counts together, so four times the variance.
    spread = np.sqrt(4 * paths * (1 - 1 / n))
    assert np.abs(counts - paths).max() < 4.5 * spread


def test_blocks_of_one_are_iid():
    """With block length 1 all three kinds of blocks are single independent observations (S5)."""
    for kind in ("stationary", "circular", "moving"):
        assert resample(9, 4, 30, kind, 1.0) == resample(9, 4, 30, "iid", 1.0)


def test_lengths_are_geometric():
    """Blocks of the stationary bootstrap have the geometric distribution of their mean."""
    lengths = np.concatenate(
        [one[:-1] for _, one in draw_blocks(0, 2000, block_law(2000, kind="stationary", block=8.0), n_paths=100)]
    )
    share = [np.mean(lengths == k) for k in range(1, 9)]
    np.testing.assert_allclose(
        share, [(7 / 8) ** (k - 1) / 8 for k in range(1, 9)], atol=4 * np.sqrt(0.11 / len(lengths))
    )


def test_streams_differ():
    """Neighbouring paths and seeds have nothing in common (S3)."""
    first = resample(0, 0, 500, "iid", 1.0)
    for seed, path in ((0, 1), (1, 0), (1, 1), (2**62, 0)):
        other = resample(seed, path, 500, "iid", 1.0)
        assert np.mean(np.equal(first, other)) < 0.02
        assert abs(np.corrcoef(first, other)[0, 1]) < 0.2


def test_exact_variance_against_all_pairs():
    """The closed form is the sum over all pairs of places of a path."""
    rng = np.random.default_rng(2)
    for block in (1.0, 1.5, 7.0, 40.0):
        x = rng.normal(size=30)
        assert s.stationary_mean_variance(x, block) == pytest.approx(naive.stationary_mean_variance(x, block))


@pytest.mark.parametrize("block", [1.0, 3.0, 12.0])
def test_resampled_means_have_the_exact_variance(block):
    """The bootstrap's own variance of the mean is Politis and Romano's, within four Monte Carlo errors."""
    x = np.cumsum(np.random.default_rng(3).normal(size=120)) * 0.1
    count = 3000 * SCALE
    found = s.bootstrap_interval(x, np.mean, block=block, n_bootstrap=count).standard_error ** 2 * len(x)
    assert found == pytest.approx(s.stationary_mean_variance(x, block), rel=4 * np.sqrt(2 / count))


def test_block_lengths_agree_with_arch():
    """Optimal block lengths are arch's wherever they are not clipped, for white noise to strong correlation."""
    from arch.bootstrap import optimal_block_length

    rng = np.random.default_rng(4)
    for rho in (-0.5, 0.0, 0.3, 0.8, 0.95):
        for n in (50, 400):
            x = rng.normal(size=n)
            for t in range(1, n):
                x[t] += rho * x[t - 1]
            theirs = optimal_block_length(x)
            found = s.optimal_block_length(x)
            assert found.stationary == pytest.approx(max(theirs["stationary"].iloc[0], 1.0))
            assert found.circular == pytest.approx(max(theirs["circular"].iloc[0], 1.0))


def test_block_length_grows_with_correlation():
    """About 1 for white noise, longer the stronger the correlation (S6)."""
    rng, found = np.random.default_rng(5), []
    for rho in (0.0, 0.3, 0.6, 0.9):
        lengths = []
        for _ in range(20):
            x = rng.normal(size=1000)
            for t in range(1, 1000):
                x[t] += rho * x[t - 1]
            lengths.append(s.optimal_block_length(x).stationary)
        found.append(float(np.median(lengths)))
    assert found[0] < 6
    assert found == sorted(found)


@pytest.mark.parametrize("x", [[1.0], [2.0] * 50, np.arange(7.0)])
def test_short_or_constant_series_have_blocks_of_one(x):
    """The length is clipped to at least 1 where nothing can be estimated (S6)."""
    assert s.optimal_block_length(x) == s.BlockLength(stationary=1.0, circular=1.0)


@pytest.mark.parametrize("method", ["percentile", "basic", "bca"])
def test_intervals_agree_with_scipy(method):
    """Intervals of a skewed statistic are scipy's within Monte Carlo error."""
    from scipy.stats import bootstrap

    x = np.random.default_rng(6).lognormal(size=60)
    other = bootstrap(
        (x,), np.mean, n_resamples=20_000, method={"bca": "BCa"}.get(method, method), vectorized=True, random_state=1
    )
    found = s.bootstrap_interval(x, np.mean, method=method, n_bootstrap=5_000)
    low, high = other.confidence_interval
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.25 * other.standard_error)
    assert found.standard_error == pytest.approx(other.standard_error, rel=0.05)


def test_intervals_agree_with_arch():
    """Percentile, basic and BCa intervals of dependent data are arch's within Monte Carlo error."""
    from arch.bootstrap import StationaryBootstrap

    x = np.random.default_rng(7).normal(size=200)
    x[1:] += 0.4 * x[:-1]
    # arch's BCa is for independent data only, as is the jackknife behind ours.
    for method in ("percentile", "basic"):
        low, high = StationaryBootstrap(5, x, seed=1).conf_int(np.mean, reps=4000, method=method)[:, 0]
        found = s.bootstrap_interval(x, np.mean, method=method, block=5.0, n_bootstrap=4000)
        assert [found.low, found.high] == pytest.approx([low, high], abs=0.25 * found.standard_error)


def test_studentised_interval_of_a_mean():
    """A normal mean's studentised interval is Student's, within Monte Carlo error (Efron and Tibshirani, 12)."""
    from scipy.stats import t

    x = np.random.default_rng(8).normal(size=25)
    found = s.bootstrap_interval(x, np.mean, method="studentised", n_bootstrap=2_000)
    low, high = t.interval(0.95, 24, x.mean(), x.std(ddof=1) / 5)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.15 * (high - low))


def test_intervals_are_labelled_by_their_two_sided_level():
    """An interval of level .9 cuts five percent on either side, and says so (S7)."""
    x = np.random.default_rng(9).normal(size=50)
    wide, narrow = (s.bootstrap_interval(x, np.mean, level=level) for level in (0.95, 0.9))
    assert (narrow.level, wide.level) == (0.9, 0.95)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.high - narrow.low) / narrow.standard_error == pytest.approx(2 * 1.645, rel=0.06)


@pytest.mark.parametrize("method", ["percentile", "basic", "bca", "studentised"])
def test_undefined_statistics_have_undefined_intervals(method):
    """A statistic that is NaN for some resamples has no interval, and nothing warns; a constant one is a point."""
    x = np.arange(6.0)
    found = s.bootstrap_interval(x, lambda v: np.nan if v.max() < 5 else v.mean(), method=method, n_bootstrap=50)
    assert np.isnan([found.low, found.high, found.standard_error]).all()
    point = s.bootstrap_interval(x, lambda _: 2.0, method=method, n_bootstrap=50)
    assert (point.low, point.high) == (2.0, 2.0)


def test_rows_of_a_table_stay_together():
    """Observations of several variables are resampled by row."""
    x = np.arange(40.0)
    found = s.bootstrap_interval(np.column_stack([x, 2 * x]), lambda rows: np.ptp(rows[:, 1] - 2 * rows[:, 0]))
    assert (found.low, found.high) == (0.0, 0.0)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    """Of a mean the jackknife gives sd / sqrt(n), no bias and a sixth of the skewness over sqrt(n)."""
    x = np.random.default_rng(10).gamma(2.0, size=80)
    found = s.jackknife(x, np.mean)
    assert found.standard_error == pytest.approx(x.std(ddof=1) / np.sqrt(80))
    assert found.bias == pytest.approx(0.0, abs=1e-12)
    skewness = np.mean((x - x.mean()) ** 3) / x.std() ** 3
    assert found.acceleration == pytest.approx(skewness / (6 * np.sqrt(80)))


def test_p_values_are_never_zero():
    """(1 + k) / (1 + B) counts the observed itself (S4)."""
    assert s.monte_carlo_p_value(np.zeros(99), 1.0) == 0.01
    assert s.monte_carlo_p_value(np.ones(99), 1.0) == 1.0
    assert s.monte_carlo_p_value([], 1.0) == 1.0


@pytest.mark.parametrize(
    "options", [{"level": 1.0}, {"n_bootstrap": 1}, {"block": 0.5}, {"method": "wild"}, {"seed": -1}, {"seed": 1.5}]
)
def test_impossible_options_are_refused(options):
    """Options out of range are typed errors."""
    with pytest.raises(ConfigError):
        s.bootstrap_interval([1.0, 2.0, 3.0], np.mean, **options)


@pytest.mark.parametrize("x", [[], [1.0], [1.0, np.nan]])
def test_series_that_cannot_be_resampled_are_refused(x):
    """Empty, single and broken series are typed errors, never a number."""
    with pytest.raises(DataInvalid):
        s.bootstrap_interval(x, np.mean)
    with pytest.raises(DataInvalid):
        s.jackknife(x, np.mean)
