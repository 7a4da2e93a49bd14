"""The table of windows, column by column, against pandas on the parts that a walk-forward is made of."""

import math

import numpy as np
import pandas as pd
import pytest

from outsample import Dataset, load, walk_forward

SOURCE = "fast = 5\nslow = 40\nclose = data.get('close')\nposition = close.average(fast) > close.average(slow)\n"
NUMBERS = ("sharpe", "cagr", "max_drawdown")
GRID = {"fast": [3, 8], "slow": [20, 45]}
PLANS = {
    "one after another": {"train": 250, "test": 120},
    "bars between tests": {"train": 200, "test": 60, "step": 100},
    "tests that overlap": {"train": 200, "test": 100, "step": 50},
    "calendar": {"train": "1Y", "test": "6M", "anchored": True},
    "purged": {"train": 200, "test": 100, "purge": 7, "embargo": 3, "boundary": "flat"},
    "some in cash": {"train": 120, "test": 80, "min_trades": 14},
}


@pytest.fixture(scope="module", params=[None, "America/New_York"])
def data(request):
    close = load("synthetic:3x1100?seed=4").frame("close").tz_localize(request.param)
    return Dataset.from_frames({"close": close}, name="windows")


@pytest.fixture(params=PLANS)
def walk(request, data):
    return walk_forward(SOURCE, data, GRID, **PLANS[request.param], fee_ratio=0.001, store=False, lookahead=False)


def figures(returns):
    """Sharpe ratio, CAGR and maximum drawdown of a Series of net returns."""
    if len(returns) < 2:
        return math.nan, math.nan, math.nan
    equity = pd.concat([pd.Series([1.0]), (1.0 + returns).cumprod()])
    spread = returns.std(ddof=1)
    ratio = returns.mean() / spread * math.sqrt(252) if spread > 1e-15 else math.nan
    return ratio, equity.iloc[-1] ** (252 / len(returns)) - 1.0, (equity / equity.cummax() - 1.0).min()


def test_each_column_is_what_it_says(walk):
    """Out of sample of the stitched run, in sample of the chosen combination; a window in cash has no past."""
    run, simulation = walk.run, walk.run.simulation
    entries = pd.DatetimeIndex(simulation.trades["entry_date"])
    assert len(walk.windows) == len(run.choices)
    for (_, row), choice in zip(walk.windows.iterrows(), run.choices, strict=True):
        inside = pd.Series(dtype=float)
        if choice.chosen is not None:
            inside = choice.chosen.returns.loc[row["train_start"] : row["train_end"]]
            assert len(inside) == len(choice.window.train)
            assert {name: row[name] for name in GRID} == choice.chosen.params
        else:
            assert all(pd.isna(row[name]) for name in GRID)
        outside = simulation.returns.loc[row["test_start"] : row["test_end"]]
        assert len(outside) == len(choice.window.test)
        expected = [*figures(inside), *figures(outside)]
        names = [f"{where}_{name}" for where in ("in_sample", "out_of_sample") for name in NUMBERS]
        np.testing.assert_allclose([row[name] for name in names], expected, rtol=1e-9, atol=1e-12, err_msg=str(names))
        np.testing.assert_allclose(row["objective"], row["in_sample_sharpe"], rtol=1e-9)
        begun = (entries >= row["test_start"]) & (entries <= row["test_end"])
        assert row["trades"] == begun.sum()
        turnover = simulation.turnover.loc[row["test_start"] : row["test_end"]].sum()
        np.testing.assert_allclose(row["turnover"], turnover, rtol=1e-12)
        defined = row["in_sample_cagr"] > 0
        ratio = row["out_of_sample_cagr"] / row["in_sample_cagr"] if defined else math.nan
        np.testing.assert_allclose(row["efficiency"], ratio, rtol=1e-12)
    assert walk.windows["trades"].sum() > 0


def test_the_plans_differ_in_what_they_are_for(data):
    """Some windows stay in cash in one of them, bars lie between tests in another."""
    options = {"fee_ratio": 0.001, "store": False, "lookahead": False}
    idle = walk_forward(SOURCE, data, GRID, **PLANS["some in cash"], **options)
    assert 0 < sum(choice.chosen is None for choice in idle.run.choices) < len(idle.run.choices)
    apart = walk_forward(SOURCE, data, GRID, **PLANS["bars between tests"], **options)
    assert len(apart.run.simulation.returns) > sum(len(choice.window.test) for choice in apart.run.choices)
