"""Every workload at a hundredth of its size: what it computes is checked, never how long it takes."""

import numpy as np
import pandas as pd
import pytest

from benchmarks import hottest, overhead
from benchmarks.inputs import many_assets, single_asset
from benchmarks.workloads import GROWTH, WORKLOADS
from outsample import run_sandboxed
from outsample.engine import sim


@pytest.mark.parametrize("workload", [*WORKLOADS, *GROWTH.values()], ids=lambda workload: workload.key)
def test_a_workload_runs(workload):
    """A workload prepares, runs, gives the same again, and can say its figure and what is not measured of it."""
    run = workload.prepare(0.01)
    first, second = run(), run()
    assert workload.says is None or np.isfinite(workload.says(first))
    assert workload.beside is None or workload.beside(first) >= 0.0
    if isinstance(first, tuple):
        for one, two in zip(first, second, strict=True):
            if hasattr(one, "equals"):
                assert one.equals(two)
                assert len(one) > 0


def test_one_asset_against_a_loop():
    """W1 is what a loop over bars and two lists compute."""
    close, position = single_asset(500)
    result = sim(position, close, fee_ratio=0.001)
    cash, units = 1.0, 0.0
    expected, entries = [1.0], 0
    for t in range(1, 500):
        price = close["A"].iloc[t]
        wanted = bool(position["A"].iloc[t - 1])
        if wanted and units == 0.0:
            cash, units, entries = 0.0, cash / 1.001 / price, entries + 1
        elif not wanted and units > 0.0:
            cash, units = units * price * 0.999, 0.0
        expected.append(cash + units * price)
    np.testing.assert_allclose(result.equity, expected, rtol=1e-12)
    assert len(result.trades) == entries


def test_many_assets_agree_with_the_reference():
    """W3 at small size gives the same on both engines."""
    close, position = many_assets(30, 200, 5, window=20)
    options = {"resample": "ME", "fee_ratio": 0.001425, "tax_ratio": 0.003}
    fast, slow = (sim(position, close, engine=name, **options) for name in ("vectorised", "reference"))
    np.testing.assert_allclose(fast.equity, slow.equity, rtol=1e-9)
    np.testing.assert_allclose(fast.turnover, slow.turnover, atol=1e-9)


def test_the_operators_give_what_pandas_gives():
    """W7 compares equal things."""
    by_key = {workload.key: workload.prepare(0.01)() for workload in WORKLOADS if workload.key in ("W7", "W7 pandas")}
    for ours, theirs in zip(by_key["W7"], by_key["W7 pandas"], strict=True):
        np.testing.assert_allclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=1e-12)
        assert ours.index.equals(theirs.index)


def test_the_sandbox_gives_what_the_same_code_gives_in_process():
    """W6 compares equal things."""
    strategy, data = overhead.prepared(4, 250)
    confined = run_sandboxed(strategy, data).positions.frame
    pd.testing.assert_frame_equal(confined, pd.DataFrame(overhead.in_process(data)), check_freq=False)


def test_the_hottest_functions_are_named():
    """A profile of W1 names ten functions, ours among them, the hottest first, none beyond the whole."""
    (workload,) = (workload for workload in WORKLOADS if workload.key == "W1")
    found, seconds = hottest.hottest(workload.prepare(0.01))
    assert len(found) == 10
    assert [hot.own for hot in found] == sorted((hot.own for hot in found), reverse=True)
    assert sum(hot.own for hot in found) <= seconds
    assert any(hot.where.startswith("outsample/") for hot in found)
    lines = list(hottest.table(workload, 0.01))
    assert len(lines) == 12
    assert lines[0].startswith("W1: ")
