"""Runs measured by their holdings, against the ordinary engine, bar by bar."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outsample import Dataset
from outsample.config import resolve_options
from outsample.engine import simulate
from outsample.engine.many import measure_many, returns_of
from outsample.engine.range_table import BLOCK, range_table
from outsample.engine.segments import Held, held_whole
from outsample.metrics import max_drawdown
from outsample.metrics.values import wealth
from scale import SCALE

CLOSE = 1e-9
OPTIONS = [
    {},
    {"fee_ratio": 0.001425, "tax_ratio": 0.003, "slippage": 0.0005},
    {"resample": "ME", "fee_ratio": 0.002},
    {"resample": "W-WED", "resample_offset": "1D", "lag": 2},
    {"trade_at_price": "open", "fee_ratio": 0.001},
    {"trade_at_price": "ohlc4", "lag": 3},
    {"leverage": 2.0, "position_limit": 1.5, "fee_ratio": 0.01},
    {"start": "2000-02-01", "end": "2000-12-01", "fee_ratio": 0.001},
    {"price_limit": 0.03},
]


def market(n, seed, gaps=0.0):
    """One symbol with open, high, low and volume; with gaps, closes that are missing and bars without volume."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2000-01-03", periods=n)
    close = 50.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, n)))
    frames = {"open": close * np.exp(rng.normal(0, 0.005, n)), "close": close}
    frames["high"] = np.maximum(frames["open"], close) * 1.01
    frames["low"] = np.minimum(frames["open"], close) * 0.99
    frames["volume"] = np.where(rng.random(n) < gaps, 0.0, 1000.0)
    frames["close"] = np.where(rng.random(n) < gaps, np.nan, close)
    return Dataset.from_frames({k: pd.DataFrame({"A": v}, index=dates) for k, v in frames.items()}, name="one")


def positions(n, count, seed):
    """Always out, always in, one bar, every second bar, the last bar; the others change at random, often or rarely."""
    rng = np.random.default_rng(seed)
    held = np.zeros((count, n), dtype=bool)
    for place in range(count):
        rate = rng.choice([0.5, 0.1, 0.02])
        held[place] = np.cumsum(rng.random(n) < rate) % 2 == rng.integers(2)
    held[0], held[1], held[2], held[3], held[4] = False, True, False, np.arange(n) % 2 == 0, False
    held[2, n // 2], held[4, n - 1] = True, True
    return held


def measured(held, data, options):
    execution, costs = resolve_options(data.preset.options, options)
    first = pd.DataFrame(held[0][:, None], index=data.dates, columns=data.symbols)
    found = measure_many(held[:, :, None], first, data, execution=execution, costs=costs)
    return found, execution, costs


def check(held, data, options):
    """Compare every run that was measured with the ordinary engine; return how many were."""
    (segments, dates), execution, costs = measured(held, data, options)
    rng = np.random.default_rng(len(held))
    for run in np.flatnonzero(segments.sound):
        frame = pd.DataFrame(held[run][:, None], index=data.dates, columns=data.symbols)
        alone = simulate(frame, data, execution=execution, costs=costs)
        row, one = alone.returns.to_numpy(), Held(among=segments, run=int(run))
        end, depth, mean, spread, _ = segments.found[run]
        assert dates.equals(alone.returns.index)
        assert segments.trades[run] == len(alone.trades)
        np.testing.assert_allclose(end, wealth(row)[-1], rtol=CLOSE)
        np.testing.assert_allclose(depth, max_drawdown(row), rtol=CLOSE, atol=1e-12)
        np.testing.assert_allclose(mean, row.mean(), rtol=CLOSE, atol=1e-13)
        np.testing.assert_allclose(spread, row.std(ddof=1), rtol=CLOSE, atol=1e-15)
        assert np.array_equal(returns_of(one, data, execution=execution, costs=costs), row)
        for _ in range(3):
            begin, stop = sorted(rng.integers(0, len(row) + 1, 2).tolist())
            (((mean, spread),),) = segments.moments(np.array([run]), [range(begin, stop)])
            if spread >= 0.0:
                np.testing.assert_allclose(mean, row[begin:stop].mean(), rtol=CLOSE, atol=1e-13)
                np.testing.assert_allclose(spread, row[begin:stop].std(ddof=1), rtol=CLOSE, atol=1e-15)
    return int(segments.sound.sum())


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
@pytest.mark.parametrize("n", [250, 613])
def test_each_run_is_that_of_the_ordinary_engine(options, n):
    """End, deepest fall, moments, trades to 1e-9 and returns to the bit, over all bars and over windows."""
    count = 8 * SCALE + 4
    sound = check(positions(n, count, seed=n), market(n, seed=n), options)
    assert sound >= (count // 2 if "price_limit" not in options else 1)


@pytest.mark.parametrize("options", OPTIONS[:5], ids=lambda o: "-".join(o) or "plain")
def test_bars_without_a_price_or_without_volume(options):
    """Runs that hold through a gap, or order in one, are left out; the others are as they should be."""
    data, count = market(400, seed=3, gaps=0.01), 8 * SCALE + 12
    assert 0 < check(positions(400, count, seed=5), data, options) < count


@given(st.integers(2, 140), st.integers(0, 2**31), st.booleans())
@settings(max_examples=25 * SCALE)
def test_short_markets_of_every_length(n, seed, gaps):
    """Lengths around those of words and blocks, with the holdings anywhere."""
    check(positions(max(n, 5), 6, seed), market(max(n, 5), seed, 0.05 if gaps else 0.0), {"fee_ratio": 0.001})


@given(st.integers(1, 5 * BLOCK), st.integers(0, 2**31))
@settings(max_examples=30 * SCALE)
def test_a_stretch_is_what_a_walk_over_it_finds(n, seed):
    """High, low and largest drop of any stretch of bars equal those of a loop, exactly."""
    from outsample.engine.range_table import stretch

    rng = np.random.default_rng(seed)
    close = np.round(np.exp(np.cumsum(rng.normal(0.0, 0.1, n))), 3) + 0.001
    table = range_table(close, np.zeros(n, dtype=bool))
    for a, b in np.sort(rng.integers(0, n, (20, 2)), axis=1).tolist():
        part = close[a : b + 1]
        expected = part.max(), part.min(), (part / np.maximum.accumulate(part)).min()
        assert stretch(table.close, table.begun, table.left, table.blocks, a, b) == expected


def test_numbers_instead_of_booleans():
    """0, 1 and NaN are held or not held; any other weight is left to the ordinary engine."""
    data = market(200, seed=9)
    held = positions(200, 7, seed=9)
    numbers = np.where(held, 1.0, np.where(np.arange(200) % 3 == 0, np.nan, 0.0))
    numbers[5, 20], numbers[6, 30] = 0.5, -1.0
    (mixed, _), _, _ = measured(numbers, data, {})
    (plain, _), _, _ = measured(held, data, {})
    assert mixed.sound.tolist() == [True] * 5 + [False] * 2
    assert np.array_equal(mixed.found[:5], plain.found[:5])


def test_a_run_is_the_same_alone_and_among_others():
    """How runs are shared out never changes a number, not by the last bit."""
    data, held = market(300, seed=2), positions(300, 9, seed=2)
    (together, _), _, _ = measured(held, data, {"fee_ratio": 0.001})
    for run in range(len(held)):
        (alone, _), _, _ = measured(held[run : run + 1], data, {"fee_ratio": 0.001})
        assert np.array_equal(alone.found[0], together.found[run])
        assert np.array_equal(alone.edges, together.edges_of(run))


def test_returns_that_hardly_differ_are_left_to_the_ordinary_engine():
    """Where the standard deviation is a difference of nearly equal sums, no number is said."""
    dates = pd.bdate_range("2000-01-03", periods=300)
    close = pd.DataFrame({"A": 10.0 * 1.001 ** np.arange(300)}, index=dates)
    (segments, _), _, _ = measured(np.ones((1, 300), dtype=bool), Dataset.from_frames({"close": close}, name="s"), {})
    assert segments.moments(np.array([0]), [range(10, 200)])[0, 0, 1] == -1.0


def test_calm_years_after_a_wild_one_are_left_to_the_ordinary_engine():
    """A sum that is the difference of two sums a million times as large is not believed."""
    rng = np.random.default_rng(1)
    steps = np.concatenate([rng.normal(0, 3.0, 20), rng.normal(0, 1e-5, 300)])
    close = pd.DataFrame({"A": 10.0 * np.exp(np.cumsum(steps))}, index=pd.bdate_range("2000-01-03", periods=320))
    data = Dataset.from_frames({"close": close}, name="w")
    held = np.zeros((1, 320), dtype=bool)
    held[0, 40:] = True
    (segments, _), _, _ = measured(held, data, {})
    assert not segments.sound[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"leverage": 0.5}, False),
        ({"position_limit": 0.4}, False),
        ({"borrow_rate": 0.01}, False),
        ({"financing_rate": 0.01}, False),
        ({"allocation": "pre_cost"}, False),
    ],
)
def test_only_what_is_held_whole_goes_this_way(options, expected):
    """Part of the equity, and all that grows by the day, is simulated bar by bar."""
    data = market(50, seed=1)
    execution, costs = resolve_options(data.preset.options, options)
    assert held_whole(execution, costs, data) is expected
