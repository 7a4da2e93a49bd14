"""Small things that the tests of the sandbox share."""

import functools

import numpy as np
import pandas as pd

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.sandbox import run_sandboxed


def frames(days=250, symbols=5, seed=0):
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2014-01-01", periods=days)
    names = [f"S{place:04}" for place in range(symbols)]
    close = pd.DataFrame(100 * np.exp(np.cumsum(rng.normal(0, 0.01, (days, symbols)), 0)), index=dates, columns=names)
    return {"close": close, "volume": close * 0 + 1000.0}


@functools.cache
def toy(days=250, symbols=5):
    return Dataset.from_frames(frames(days, symbols), name="toy")


def run(source, data=None, *, timeout=20.0, memory_mb=300, **options):
    """Run a source with the validator off: the sandbox must hold alone."""
    known = {name: options.pop(name) for name in ("output_kb", "cpu_seconds", "require") if name in options}
    policy = SandboxPolicy(timeout=timeout, memory_mb=memory_mb, **known)
    return run_sandboxed(source, toy() if data is None else data, policy=policy, validate=False, **options)
