"""The compiled engine and the reference engine are one engine (A18)."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.cases import random_market, random_options, random_position, resolved
from outsample.engine import ReferenceEngine, VectorisedEngine, from_signals, sim
from scale import SCALE

settings.register_profile("twins", derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
CASES = settings.get_profile("twins")


def assert_twins(fast, slow, note=""):
    """Records and everything derived from them agree to 1e-9 of the largest amount."""
    assert np.array_equal(fast.record.fills, slow.record.fills), note
    scale = np.abs(slow.record.bars[:3]).max()
    np.testing.assert_allclose(fast.record.bars / scale, slow.record.bars / scale, rtol=1e-9, atol=1e-9, err_msg=note)
    np.testing.assert_allclose(fast.record.amounts, slow.record.amounts, rtol=1e-6, atol=1e-9 * scale, err_msg=note)
    np.testing.assert_allclose(fast.weights.to_numpy(), slow.weights.to_numpy(), rtol=1e-7, atol=1e-9, err_msg=note)
    assert fast.record.ruin == slow.record.ruin
    assert np.array_equal(fast.record.stale, slow.record.stale)
    assert fast.residual < 1e-9
    # The reference adds up everything earned since the start: what that rounds is a part of the highest equity, and
    # a millionfold gain that is lost again leaves it beside a small one.
    equity = slow.equity.to_numpy()
    fall = equity.max() / equity[equity > 0.0].min() if (equity > 0.0).any() else 1.0
    assert slow.residual < max(1e-9, 64.0 * np.finfo(float).eps * fall)
    pd.testing.assert_frame_equal(fast.trades, slow.trades, rtol=1e-6, atol=1e-8 * scale)


def both(position, data, options):
    execution, costs = resolved(options)
    engines = VectorisedEngine(), ReferenceEngine()
    return [engine.simulate(position, data, execution=execution, costs=costs) for engine in engines]


@settings(CASES, max_examples=300 if SCALE == 1 else 250 * SCALE)
@given(seed=st.integers(0, 2**32))
def test_engines_agree(seed):
    """Whatever the market, the positions and the options, both engines write the same record."""
    rng = np.random.default_rng(seed)
    data = random_market(rng)
    position, options = random_position(rng, data), random_options(rng)
    assert_twins(*both(position, data, options), note=f"{seed}: {options}")


@settings(CASES, max_examples=60 * SCALE)
@given(seed=st.integers(0, 2**32))
def test_engines_agree_on_signals(seed):
    """Entries and exits give the same record on both engines."""
    rng = np.random.default_rng(seed)
    data = random_market(rng)
    options = random_options(rng)
    for name in ("resample", "resample_offset"):
        options.pop(name, None)
    shape = (len(data.dates), len(data.symbols))
    entries, exits = (pd.DataFrame(rng.random(shape) < 0.2, data.dates, data.symbols) for _ in range(2))
    size = float(rng.choice([0.3, 0.5, -0.4]))
    runs = [
        from_signals(entries, exits, data, size=size, engine=name, **options) for name in ("vectorised", "reference")
    ]
    assert_twins(*runs, note=f"{seed}: {options}")


@pytest.mark.parametrize("stops", [False, True])
def test_check_runs_both(stops):
    """check=True says that the engines were compared."""
    rng = np.random.default_rng(5)
    data = random_market(rng, n_bars=40, n_names=4)
    options = {"stop_loss": 0.02} if stops else {}
    assert sim(random_position(rng, data), data, check=True, **options).checked
