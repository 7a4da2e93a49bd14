"""Many tables at once against the ordinary engine and `measure`, table by table, bit by bit."""

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, load
from outsample.config import Conventions, resolve_options
from outsample.engine import simulate
from outsample.engine.many import is_plain, simulate_many, trades_of
from outsample.metrics import max_drawdown, measure, total_return
from outsample.metrics.values import wealth
from outsample.research.numbers import NUMBERS, Numbers, numbers_of
from scale import SCALE

OPTIONS = [
    {},
    {"resample": "ME", "fee_ratio": 0.002, "tax_ratio": 0.003},
    {"resample": "W-WED", "resample_offset": "1D"},
    {"trade_at_price": "open", "leverage": 2.0, "slippage": 0.001},
    {"borrow_rate": 0.05, "financing_rate": 0.03, "leverage": 1.5, "lag": 2},
    {"position_limit": 0.3, "price_limit": 0.05},
    {"start": "2000-06-01", "end": "2001-03-01"},
    {"allocation": "pre_cost", "start": "2000-03-01"},
]


def tables(data, kind, count, rng):
    """Random positions that change now and then, some of them never."""
    shape = (len(data.dates), len(data.symbols))
    for place in range(count):
        hold = np.repeat(rng.random((shape[0] // 7 + 1, shape[1])), 7, axis=0)[: shape[0]]
        values = hold > rng.random() if kind == "bool" else np.where(hold > 0.5, hold * 2 - 1.3, 0.0)
        if place == 1:
            values = np.zeros(shape, dtype=values.dtype)
        if kind == "float":
            values[rng.random(shape) < 0.02] = np.nan
        yield pd.DataFrame(values, index=data.dates, columns=data.symbols)


def together(frames, data, **options):
    return simulate_many(np.stack([frame.to_numpy() for frame in frames]), frames[0], data, **options)


@pytest.mark.parametrize("kind", ["bool", "float"])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_each_table_is_that_of_the_ordinary_engine(options, kind):
    """Returns, end, deepest fall and trades of random tables, under options of every kind that is plain."""
    rng = np.random.default_rng(len(str(options)))
    data = load("synthetic:5x600?seed=4")
    execution, costs = resolve_options(data.preset.options, options)
    assert is_plain(execution, data, "vectorised")
    frames = list(tables(data, kind, 6 * SCALE, rng))
    many = together(frames, data, execution=execution, costs=costs)
    for place, frame in enumerate(frames):
        alone = simulate(frame, data, execution=execution, costs=costs)
        assert np.array_equal(many.returns[place], alone.returns.to_numpy())
        assert many.dates.equals(alone.returns.index)
        assert many.trades[place] == len(alone.trades) == trades_of(alone)
        assert many.ends[place] - 1.0 == total_return(alone.returns)
        assert many.depths[place] == max_drawdown(alone.returns)


def test_columns_in_another_order_and_fewer_of_them():
    """Tables whose columns are not those of the market, and whose dates are not sorted."""
    data = load("synthetic:5x300?seed=4")
    execution, costs = resolve_options(data.preset.options, {})
    rng = np.random.default_rng(1)
    mixed = [frame.iloc[::-1, [3, 0, 4]] for frame in tables(data, "float", 4, rng)]
    many = together(mixed, data, execution=execution, costs=costs)
    for place, frame in enumerate(mixed):
        assert np.array_equal(many.returns[place], simulate(frame, data, execution=execution, costs=costs).returns)


def test_ruin_and_delisting():
    """A short that is ruined, and a symbol that disappears."""
    dates = pd.bdate_range("2024-01-01", periods=60)
    close = pd.DataFrame({"A": np.linspace(10, 40, 60), "B": [*np.linspace(10, 8, 30), *[np.nan] * 30]}, index=dates)
    data = Dataset.from_frames({"close": close}, name="odd")
    execution, costs = resolve_options({}, {"delist_after": 5})
    frames = [
        pd.DataFrame({"A": a, "B": b}, index=dates).astype(float) for a, b in ((-1, 0), (0, 1), (0.5, 0.5), (0.0, -1))
    ]
    many = together(frames, data, execution=execution, costs=costs)
    for place, frame in enumerate(frames):
        alone = simulate(frame, data, execution=execution, costs=costs)
        assert np.array_equal(many.returns[place], alone.returns.to_numpy())
        assert many.trades[place] == len(alone.trades)
        assert many.ends[place] == wealth(alone.returns)[-1]
        assert many.depths[place] == max_drawdown(alone.returns)
    assert many.ends[0] == 0.0


def test_an_infinite_weight_is_left_to_the_ordinary_way():
    """It is not run here: the ordinary engine says in which row it stands."""
    data = load("synthetic:3x100?seed=4")
    execution, costs = resolve_options(data.preset.options, {})
    good, bad = (pd.DataFrame(x, index=data.dates, columns=data.symbols) for x in (0.2, np.inf))
    many = together([good, bad, good], data, execution=execution, costs=costs)
    assert many.trades[1] == -1
    assert np.array_equal(many.returns[0], many.returns[2])


@pytest.mark.parametrize("bars", [1, 2, 5, 100, 253, 1000, 9001])
@pytest.mark.parametrize("rate", [0.0, 0.02])
def test_numbers_are_those_of_measure(bars, rate):
    """Every number of a sweep's table, of rows with ruin, without variance, and shorter than a year."""
    rng = np.random.default_rng(bars)
    rows = rng.normal(0, 0.01, (19, bars))
    rows[3], rows[4], rows[5, -1] = 0.0, 1e-17, -1.0
    dates = pd.bdate_range("2000-01-03", periods=bars)
    used = Conventions(periods_per_year=252.0, risk_free=rate)
    ends = np.array([wealth(row)[-1] for row in rows])
    depths = np.array([max_drawdown(row) for row in rows])
    found = numbers_of(rows, ends, depths, np.ones(len(rows)), dates=dates, conventions=used)
    for row, numbers in zip(rows, map(Numbers.of, found), strict=True):
        measured = measure(pd.Series(row, index=dates), conventions=used)
        for name in {*NUMBERS, "sharpe_per_period"} - {"n_trades"}:
            np.testing.assert_array_equal(getattr(numbers, name), getattr(measured, name), name)
