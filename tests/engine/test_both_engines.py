"""Properties of accounting over random cases, on each engine by itself (A5, A13, A14, A16)."""

import numpy as np
import pandas as pd
import pytest

from outsample.data import Dataset
from outsample.engine import from_signals, sim
from outsample.errors import OutsampleError
from scale import SCALE

ENGINES = ["vectorised", "reference"]
NAMES = list("ABCD")


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def candles(rng, n_bars=60, n_names=4, scale=0.03):
    """Open, high, low and close of random walks."""
    dates = pd.bdate_range("2023-01-02", periods=n_bars)
    close = 100 * np.exp(np.cumsum(rng.normal(0, scale, (n_bars, n_names)), axis=0))
    opened = close * np.exp(rng.normal(0, scale / 3, close.shape))
    tables = {
        "close": close,
        "open": opened,
        "high": np.maximum(opened, close) * (1 + 0.01 * rng.random(close.shape)),
        "low": np.minimum(opened, close) * (1 - 0.01 * rng.random(close.shape)),
    }
    return {key: pd.DataFrame(table, dates, NAMES[:n_names]) for key, table in tables.items()}


def test_costs_scale_all_names_by_one_factor(engine):
    """Fully invested with costs, values are one multiple of the targets and cash is not negative (A5)."""
    for seed in range(10 * SCALE):
        rng = np.random.default_rng([seed, 5])
        close = candles(rng)["close"]
        position = pd.DataFrame(rng.random(close.shape) * (rng.random(close.shape) < 0.8), close.index, NAMES)
        position["A"] += 0.01
        costs = {"fee_ratio": rng.choice([0.001, 0.03]), "tax_ratio": 0.02, "slippage": 0.004}
        result = sim(position, close, engine=engine, resample="D", **costs)
        equity, cash = result.record.bars[:2]
        assert (cash > -1e-12 * equity).all()
        wanted = position.div(position.sum(axis=1).clip(lower=1.0), axis=0).iloc[:-1].to_numpy()
        values = (result.units * close).to_numpy()[1:]
        factor = values.sum(axis=1) / wanted.sum(axis=1)
        np.testing.assert_allclose(values, wanted * factor[:, None], atol=1e-11)
        # The factor is the equity after costs: what is paid, and nothing else, is missing.
        np.testing.assert_allclose(factor, equity[1:], rtol=1e-11)


@pytest.mark.parametrize("touched", [False, True])
def test_a_stop_is_the_same_stop_in_both_modes(engine, touched):
    """Random holding periods, stops and prices: `sim` and `from_signals` make the same trades (A13)."""
    reasons = set()
    for seed in range(10 * SCALE):
        rng = np.random.default_rng([seed, 13])
        data = Dataset.from_frames(candles(rng, n_bars=150, n_names=1), name="one")
        switches = np.cumsum(rng.integers(2, 15, 150))
        holds = pd.DataFrame({"A": np.searchsorted(switches, np.arange(150), side="right") % 2 == 1}, data.dates)
        before = holds.shift(fill_value=False)
        options = {
            "stop_loss": float(rng.choice([0.02, 0.08])),
            "take_profit": float(rng.choice([0.04, 0.15])),
            "trail_stop": float(rng.choice([0.03, 0.1])),
            "touched_exit": touched,
            "trade_at_price": str(rng.choice(["close", "open"])),
            "fee_ratio": 0.001,
            "engine": engine,
        }
        one = sim(holds, data, **options).trades
        two = from_signals(holds & ~before, ~holds & before, data, size=1.0, **options).trades
        pd.testing.assert_frame_equal(one, two)
        reasons |= set(one["exit_reason"])
    assert {"stop_loss", "take_profit", "trail_stop", "signal"} <= reasons


def test_long_and_short_mirror_under_reflected_returns(engine):
    """Restored every bar and without costs, -w on reflected returns earns what w earns, bar by bar (A14)."""
    for seed in range(10 * SCALE):
        rng = np.random.default_rng([seed, 14])
        returns = rng.normal(0, 0.03, (80, 4))
        dates = pd.bdate_range("2024-01-01", periods=80)
        up, down = (pd.DataFrame(100 * np.cumprod(1 + side * returns, axis=0), dates, NAMES) for side in (1, -1))
        weights = pd.DataFrame(rng.normal(0, 0.3, returns.shape), dates, NAMES)
        one, two = (
            sim(side * weights, close, resample="D", fee_ratio=0.0, engine=engine).returns
            for side, close in ((1.0, up), (-1.0, down))
        )
        np.testing.assert_allclose(one, two, atol=1e-12)


def test_a_short_loses_without_bound(engine):
    """A short of everything is -(p / p0 - 1) until equity is gone; then zero, flagged, with the shortfall (A14)."""
    ruined = 0
    for seed in range(20 * SCALE):
        rng = np.random.default_rng([seed, 114])
        close = pd.DataFrame(
            {"A": 100 * np.exp(np.cumsum(rng.normal(0.02, 0.15, 60)))}, pd.bdate_range("2024-01-01", periods=60)
        )
        result = sim(-(close > 0).astype(float), close, fee_ratio=0.0, engine=engine)
        path = 2.0 - close["A"].to_numpy()[1:] / close["A"].iloc[1]
        below = np.flatnonzero(path <= 0)
        end = int(below[0]) if len(below) else len(path)
        np.testing.assert_allclose(result.equity.iloc[1 : end + 1], path[:end], atol=1e-12)
        assert (result.equity.iloc[end + 1 :] == 0.0).all()
        assert any(flag.startswith("ruin") for flag in result.flags) == bool(len(below))
        if len(below):
            ruined += 1
            assert result.record.shortfall == pytest.approx(-path[end], abs=1e-12)
    assert ruined > 3


def odd_table(rng, close):
    """Return a table of positions that is strange in one or two ways."""
    table = pd.DataFrame(rng.random(close.shape) < 0.5, close.index, close.columns)
    for how in rng.choice(12, int(rng.integers(1, 3)), replace=False):
        table = {
            0: lambda f: f.iloc[:0],
            1: lambda f: f.astype(bool) & False,
            2: lambda f: f.iloc[int(rng.integers(0, max(len(f), 1))) :][:1],
            3: lambda f: f[f.columns[:1]],
            4: lambda f: f.shift(int(rng.integers(-120, 120)), freq="D"),
            5: lambda f: f.assign(XX=True),
            6: lambda f: pd.concat([f, f.iloc[:3]]),
            7: lambda f: f.iloc[::-1],
            8: lambda f: f.rename(columns={"A": "B"}),
            9: lambda f: f.astype(float) * np.nan,
            10: lambda f: f.rename(columns=str.lower),
            11: lambda f: f.astype(float) * 1e9,
        }[int(how)](table)
    return table


def test_odd_tables_are_never_silent(engine):
    """Strange tables end in a typed error with words, or in finite equity on the dates of the prices (A16)."""
    refused = defined = 0
    for seed in range(60 * SCALE):
        rng = np.random.default_rng([seed, 16])
        close = candles(rng)["close"]
        try:
            result = sim(odd_table(rng, close), close, engine=engine)
        except OutsampleError as error:
            refused += bool(error.message)
            continue
        defined += 1
        assert len(result.equity) > 0
        assert np.isfinite(result.equity).all()
        assert result.equity.index.isin(close.index).all()
        assert len(result.trades) > 0 or result.warnings
    assert refused + defined == 60 * SCALE  # every refusal has words
    assert min(refused, defined) > 5


def test_one_bar_and_one_name(engine):
    """One bar has the capital and nothing else; what it decides is waiting (A16)."""
    close = pd.DataFrame({"A": [100.0]}, pd.DatetimeIndex(["2024-01-02"]))
    result = sim(close > 0, close, engine=engine)
    assert result.equity.tolist() == [1.0]
    assert len(result.returns) == 0
    assert len(result.trades) == 0
    assert result.next_weights.to_dict() == {"A": 1.0}
