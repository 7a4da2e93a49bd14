"""Long stretches without decisions: the kernel marks them symbol by symbol, the reference bar by bar (A18)."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.test_twins import assert_twins
from outsample.config import Costs, Execution
from outsample.engine import ReferenceEngine, VectorisedEngine
from outsample.engine.market import Market
from outsample.engine.problem import problem_of
from scale import SCALE

settings.register_profile("hold", derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
CASES = settings.get_profile("hold")


def with_gaps(rng, close):
    """Single missing prices, long gaps, names that end, names without any price."""
    n_bars, n_names = close.shape
    gap = rng.random(close.shape) < rng.choice([0.0, 0.003, 0.1])
    for j in range(n_names):
        kind = rng.choice(["whole", "hole", "ends", "late", "empty"], p=[0.55, 0.15, 0.1, 0.1, 0.1])
        a, b = np.sort(rng.integers(0, n_bars + 1, 2))
        if kind == "hole":
            gap[a:b, j] = True
        elif kind in ("ends", "late"):
            gap[slice(a, None) if kind == "ends" else slice(0, a), j] = True
        elif kind == "empty":
            gap[:, j] = True
    return np.where(gap, np.nan, close)


def few_decisions(rng, dates, names):
    """One to four rows of weights, the first of them early, late or on the last bar."""
    n = min(len(dates), int(rng.integers(1, 5)))
    rows = np.sort(rng.choice(len(dates), n, replace=False)) // int(rng.choice([1, 1, 20]))
    rows = np.unique(rows)
    weights = rng.normal(rng.choice([0.0, 0.4]), 0.5, (len(rows), len(names))) * (rng.random(len(names)) < 0.7)
    if rng.random() < 0.2:
        weights[-1] = 0.0
    return pd.DataFrame(weights, dates[rows], names)


def quiet_problem(seed):
    """A problem with few decisions, no stops and no carry, with columns in either order of memory."""
    rng = np.random.default_rng([seed, 5])
    n_bars, n_names = int(rng.choice([1, 2, 9, 60, 300])), int(rng.integers(1, 9))
    dates, names = pd.bdate_range("2020-01-01", periods=n_bars), pd.Index([f"N{j}" for j in range(n_names)])
    steps = rng.normal(0, rng.choice([0.01, 0.08]), (n_bars, n_names))
    if rng.random() < 0.4:  # jumps that ruin whoever is short
        steps[rng.random(steps.shape) < 0.02] += 1.5
    close = with_gaps(rng, 20.0 * np.exp(np.cumsum(steps, axis=0)))
    close = np.asfortranarray(close) if rng.random() < 0.5 else np.ascontiguousarray(close)
    delisted = np.full(n_names, n_bars, dtype=np.int64)
    if rng.random() < 0.5:
        ends = rng.random(n_names) < 0.4
        delisted[ends] = rng.integers(0, n_bars + 1, int(ends.sum()))
    execution = Execution(
        leverage=float(rng.choice([0.5, 1.0, 3.0])),
        position_limit=3.0,
        lag=int(rng.integers(1, 4)),
        delist_after=int(rng.choice([1, 3, 20, 1_000])),
        delisting=["last", "zero", 0.4][int(rng.integers(3))],
        start=dates[0] if rng.random() < 0.5 else None,
    )
    costs = Costs(fee_ratio=float(rng.choice([0.0, 0.01])), tax_ratio=float(rng.choice([0.0, 0.02])))
    # The frame is only read for its shape: the arrays below are the market.
    made = problem_of(
        few_decisions(rng, dates, names), pd.DataFrame(1.0, dates, names), execution=execution, costs=costs
    )
    market = Market(dates=dates, symbols=names, close=close, raw_close=close, delisted=delisted)
    return dataclasses.replace(made, market=market)


@settings(CASES, max_examples=300 * SCALE)
@given(seed=st.integers(0, 2**32))
def test_quiet_stretches_agree(seed):
    """Curve, fills, stale bars, ruin and residual agree over stretches with gaps, delistings and ruin."""
    problem = quiet_problem(seed)
    assert_twins(VectorisedEngine().solve(problem), ReferenceEngine().solve(problem), note=str(seed))


def test_the_quiet_cases_cover_what_they_are_for():
    """Among the cases: ruin and delisting inside stretches, stale bars, both orders of memory, one bar, no fill."""
    seen = set()
    for seed in range(200):
        problem = quiet_problem(seed)
        record = VectorisedEngine().solve(problem).record
        quiet = ~np.isin(record.fills[:, 0], problem.plan.fills)
        for reason, name in ((4, "delisting"), (5, "ruin")):
            if ((record.fills[:, 2] == reason) & quiet).any():
                seen.add(name)
        seen.add("F" if problem.market.close.flags.f_contiguous else "C")
        seen |= {"stale"} if record.stale.any() else set()
        seen |= {"one bar"} if len(problem.market.dates) == 1 else set()
        seen |= {"no fill"} if len(record.fills) == 0 else set()
        seen |= {"late"} if len(problem.plan.fills) and problem.plan.fills[0] > 50 else set()
    assert seen == {"delisting", "ruin", "F", "C", "stale", "one bar", "no fill", "late"}


@pytest.mark.parametrize("step", [7, 8, 9, 15, 16, 17, 24, 25])
def test_gaps_at_the_edges_of_pieces(step):
    """Missing prices every few bars, where the pieces of a stretch begin and end, change nothing."""
    rng = np.random.default_rng(step)
    dates = pd.bdate_range("2020-01-01", periods=200)
    close = pd.DataFrame(50 * np.exp(np.cumsum(rng.normal(0, 0.02, (200, 3)), axis=0)), dates, list("ABC"))
    close.iloc[10::step, 1] = np.nan
    close.iloc[11::step, 2] = np.nan
    position = pd.DataFrame([[0.5, -0.3, 0.2]], dates[:1], list("ABC"))
    problem = problem_of(position, close, execution=Execution(delist_after=50), costs=Costs(fee_ratio=0.001))
    assert_twins(VectorisedEngine().solve(problem), ReferenceEngine().solve(problem))


def test_a_stretch_in_closed_form():
    """Bought once and held, equity is the weighted sum of price relatives on every bar."""
    rng = np.random.default_rng(0)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (3_000, 5)), axis=0))
    dates = pd.bdate_range("2010-01-01", periods=3_000)
    weights = np.array([0.4, 0.1, -0.2, 0.2, 0.1])
    problem = problem_of(
        pd.DataFrame([weights], dates[:1], list("ABCDE")),
        pd.DataFrame(close, dates, list("ABCDE")),
        execution=Execution(),
        costs=Costs(),
    )
    equity = VectorisedEngine().solve(problem).record.curve[0]
    np.testing.assert_allclose(equity[1:], 1.0 + (close[1:] / close[1] - 1.0) @ weights, rtol=1e-11)


_PLAIN = """
import numpy as np
from engine.cases import random_market, random_options, random_position
from engine.test_hold import quiet_problem
from engine.test_twins import assert_twins, both
from outsample.engine import ReferenceEngine, VectorisedEngine
for seed in range({n}):
    rng = np.random.default_rng([seed, 3])
    data = random_market(rng)
    assert_twins(*both(random_position(rng, data), data, random_options(rng)), note=str(seed))
    problem = quiet_problem(seed)
    assert_twins(VectorisedEngine().solve(problem), ReferenceEngine().solve(problem), note=str(seed))
print("agreed")
"""


@pytest.mark.slow
def test_the_plain_kernel_agrees_too():
    """With NUMBA_DISABLE_JIT=1 the same text, run by Python, agrees with the reference engine."""
    tests = str(Path(__file__).resolve().parents[1])
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": tests}
    done = subprocess.run(
        [sys.executable, "-c", _PLAIN.format(n=20 * SCALE)],
        env=environment, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "agreed", done.stderr[-2000:]
