"""Monte Carlo with re-run: what each kind changes, what it leaves, and that workers change nothing."""

import math

import numpy as np
import pandas as pd
import pytest

from outsample import MonteCarlo, load, monte_carlo
from outsample.errors import ConfigError, StrategyError
from outsample.research.futures import noisy, resampled
from outsample.research.montecarlo import KINDS
from outsample.research.shuffles import delayed, missed, reordered, rotated
from scale import SCALE

SOURCE = "fast = 10\nslow = 40\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"


@pytest.fixture(scope="module")
def data():
    return load("synthetic:3x300?seed=4")


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def test_noise_keeps_the_order_of_a_bar(data):
    """High is the highest and low the lowest price of its bar, and every price moved."""
    other = noisy(data, generator(), 0.5)
    prices = {key: pd.DataFrame(other.get(key)) for key in ("open", "high", "low", "close")}
    top = np.maximum(prices["open"], prices["close"])
    assert (prices["high"] >= top - 1e-9).all(axis=None)
    assert (prices["low"] <= np.minimum(prices["open"], prices["close"]) + 1e-9).all(axis=None)
    assert (prices["close"] != pd.DataFrame(data.get("close"))).all(axis=None)


def test_noise_has_the_size_that_is_asked(data):
    """The deviation of the noise is `scale` deviations of each symbol's returns."""
    ratio = np.log(pd.DataFrame(noisy(data, generator(), 0.5).get("close")) / pd.DataFrame(data.get("close")))
    returns = np.log(pd.DataFrame(data.get("close"))).diff()
    np.testing.assert_allclose(ratio.std() / returns.std(), 0.5, rtol=0.2)


def test_a_price_path_is_made_of_the_bars_of_the_data(data):
    """Every joint return of the path is a joint return of the data: symbols move together as they did."""
    before = pd.DataFrame(data.get("close")).pct_change().dropna().to_numpy()
    after = pd.DataFrame(resampled(data, generator(1), 20).get("close")).pct_change().dropna().to_numpy()
    distance = np.abs(after[:, None, :] - before[None]).max(axis=2).min(axis=1)
    assert distance.max() < 1e-9
    assert not np.allclose(after, before)


def test_a_price_path_keeps_the_order_of_a_bar(data):
    """Bars keep their shape."""
    other = resampled(data, generator(2), 10)
    high, low, close = (pd.DataFrame(other.get(key)) for key in ("high", "low", "close"))
    assert ((high >= close - 1e-9) & (close >= low - 1e-9)).all(axis=None)


def test_a_block_of_one_is_iid_and_long_blocks_keep_neighbours(data):
    """Mean block length decides how often a bar is followed by the bar that followed it."""
    before = pd.DataFrame(data.get("close")).pct_change().to_numpy()

    def neighbours(block, seed):
        after = pd.DataFrame(resampled(data, generator(seed), block).get("close")).pct_change().to_numpy()[1:]
        rows = np.abs(after[:, None, :] - before[None, 1:]).max(axis=2).argmin(axis=1)
        return np.mean(np.diff(rows) == 1)

    assert np.mean([neighbours(1, seed) for seed in range(10)]) < 0.02
    # 3000 bars: a deviation of 0.004, and a little less than 0.95 for blocks that end with the data
    assert np.mean([neighbours(20, seed) for seed in range(10)]) == pytest.approx(0.95, abs=0.016)


def test_a_delay_is_never_negative_and_never_returns_to_older_decisions():
    """Each row shows a decision of 0 to `bars` rows before, in order; nothing is held before the first arrives."""
    values = np.arange(1.0, 51.0)[:, None]
    late = delayed(values, generator(5), 3)[:, 0]
    lag = np.arange(1, 51) - late
    assert ((lag >= 0) & (lag <= 3) | (late == 0)).all()
    assert (np.diff(late) >= 0).all()


@pytest.mark.parametrize(("share", "same"), [(1e-12, True), (1.0, False)])
def test_missed_fills_at_the_ends(share, same):
    """No change missed leaves all as it was; every change missed never holds anything."""
    values = generator(6).integers(0, 2, (100, 3)).astype(float)
    result = missed(values, generator(7), share)
    assert np.array_equal(result, values if same else np.zeros_like(values))


def test_random_entries_keep_the_spells():
    """Time in the market stays, and so does the multiset of spells of one value."""
    values = np.repeat([0.0, 1.0, 0.0, 0.5, 0.0], [5, 3, 7, 4, 6])[:, None]
    result = reordered(values, generator(8))[:, 0]
    assert sorted(result) == sorted(values[:, 0])
    assert not np.array_equal(result, values[:, 0])


def test_a_rotation_is_a_rotation():
    """All columns move together by the same number of rows."""
    values = np.arange(20.0).reshape(10, 2)
    result = rotated(values, generator(9))
    shift = int(result[0, 0]) // 2
    assert shift != 0
    assert np.array_equal(np.roll(result, shift, axis=0), values)


@pytest.mark.parametrize("kind", KINDS)
def test_one_worker_is_two_workers(data, kind):
    """S13, S3: each replicate has its own stream; another seed gives other numbers."""
    one, two = (monte_carlo(SOURCE, data, kind=kind, n=3, n_jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.samples, two.samples)
    more = monte_carlo(SOURCE, data, kind=kind, n=4)
    pd.testing.assert_frame_equal(more.samples.iloc[:3], one.samples)
    other = monte_carlo(SOURCE, data, kind=kind, n=3, seed=1)
    assert not other.samples["sharpe"].equals(one.samples["sharpe"])


def test_luck_has_a_p_value_by_its_definition(data):
    """S4: (1 + k) / (1 + B), counted again from the samples; other kinds have none."""
    found = monte_carlo(SOURCE, data, kind="position_shift", n=19)
    actual = found.table.set_index("statistic").loc["sharpe", "actual"]
    k = int((found.samples["sharpe"] >= actual - 1e-12).sum())
    assert found.p_value == (1 + k) / 20
    assert math.isnan(monte_carlo(SOURCE, data, kind="costs", n=2).p_value)


@pytest.mark.slow
def test_an_oracle_is_no_luck_and_noise_is(data):
    """S15, S14: tomorrow's winners beat every shift; a coin does not."""
    oracle = "c = data.get('close')\nposition = (c.shift(-2) / c.shift(-1)) > 1\n"
    assert monte_carlo(oracle, data, kind="position_shift", n=int(99 * SCALE)).p_value <= 0.02
    coin = "c = data.get('close')\nposition = c * 0 + np.random.default_rng(3).integers(0, 2, c.shape)\n"
    assert monte_carlo(coin, data, kind="position_shift", n=int(99 * SCALE)).p_value > 0.05


def test_higher_costs_never_pay(data):
    """A3: the total return falls with the multiple."""
    found = monte_carlo(SOURCE, data, kind="costs", n=8, fee_ratio=0.001).samples
    multiple = found["changed"].str[1:].astype(float)
    ordered = found["total_return"].iloc[np.argsort(multiple)]
    assert ordered.is_monotonic_decreasing


def test_parameters_stay_near_and_whole(data):
    """Whole numbers stay whole, within the scale."""
    found = monte_carlo(SOURCE, data, kind="parameters", n=8, scale=0.5).samples["changed"]
    for text in found:
        values = dict(part.split("=") for part in text.split(", "))
        assert 5 <= int(values["fast"]) <= 15
        assert 20 <= int(values["slow"]) <= 60


def test_a_replicate_that_fails_is_a_row(data):
    """It has an error and no numbers, and is in no percentile."""
    source = "n = 10\nassert n <= 10, 'too long'\nposition = data.get('close').average(n) > 0\n"
    found = monte_carlo(source, data, kind="parameters", n=12, scale=0.5)
    assert 0 < found.run.failed < 12
    assert "too long" in "".join(found.samples["error"])
    assert math.isfinite(found.table["mean"].iloc[1])


def test_it_shows_itself(data):
    """A page with one picture, a table, text."""
    found = monte_carlo(SOURCE, data, kind="delay", n=3)
    assert isinstance(found, MonteCarlo)
    assert "data:image/png" in found.to_html()
    assert "Monte Carlo, delay" in str(found)
    assert found.plot("cagr").axes


def test_wrong_arguments_are_refused(data):
    """S1 for permutations; kinds, numbers, scales, and a strategy that does not run."""
    with pytest.raises(ConfigError, match="Permuting"):
        monte_carlo(SOURCE, data, kind="permutation")
    with pytest.raises(ConfigError, match="'noise'"):
        monte_carlo(SOURCE, data, kind="nois")
    for wrong in ({"n": 0}, {"n": 2.5}, {"seed": -1}):
        with pytest.raises(ConfigError, match="whole number"):
            monte_carlo(SOURCE, data, kind="noise", **wrong)
    for kind, scale in (("missed_fills", 2.0), ("delay", 1.5), ("noise", 0.0), ("position_shift", 1.0)):
        with pytest.raises(ConfigError, match="scale"):
            monte_carlo(SOURCE, data, kind=kind, scale=scale)
    with pytest.raises(ConfigError, match="parameter"):
        monte_carlo("position = data.get('close') > 0", data, kind="parameters")
    with pytest.raises(StrategyError):
        monte_carlo("position = 1 / 0", data, kind="noise")
