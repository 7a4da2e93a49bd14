"""Seeded synthetic markets: one factor, own noise, fat tails, gaps, late listings and delistings."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd

from outsample.data.dataset import Dataset
from outsample.errors import DataMissing, nearest

__all__ = ["synthetic"]

_SPEC = re.compile(r"^(\d+)x(\d+)(?:\?(.*))?$")


def synthetic(spec: str) -> Dataset:
    """Return a synthetic market.

    Parameters
    ----------
    spec : str
        "SYMBOLSxBARS", then optionally "?seed=7&delist=0.1": the seed, and the share of symbols that
        end before the last bar.

    Returns
    -------
    Dataset
        Daily open, high, low, close, volume on weekdays from 2000-01-03; the same spec is the same
        dataset, on every machine with the same numpy.

    Raises
    ------
    DataMissing
        The spec cannot be read.

    Examples
    --------
    >>> synthetic("3x10?seed=7").symbols
    ['S000', 'S001', 'S002']
    """
    match = _SPEC.match(spec)
    if not match:
        raise DataMissing(f"No synthetic dataset {spec!r}.", hint="Write synthetic:SYMBOLSxBARS?seed=7.")
    n_symbols, n_bars = int(match[1]), int(match[2])
    options = dict(parse_qsl(match[3] or "", keep_blank_values=True))
    unknown = sorted(set(options) - {"seed", "delist"})
    if unknown:
        raise DataMissing(f"A synthetic dataset has no option {unknown[0]!r}.", hint=nearest(unknown[0], ["seed"]))
    if not (1 <= n_symbols <= 20_000 and 2 <= n_bars <= 200_000):
        raise DataMissing(f"A synthetic dataset has 1..20000 symbols and 2..200000 bars. Got {spec!r}.")
    try:
        seed, delist = int(options.get("seed", "0")), float(options.get("delist", "0"))
    except ValueError as error:
        raise DataMissing(f"seed is a whole number and delist a fraction. Got {spec!r}.") from error
    return Dataset.from_frames(_frames(n_symbols, n_bars, seed, delist), name=f"synthetic:{spec}")


def _frames(n_symbols: int, n_bars: int, seed: int, delist: float) -> dict[str, pd.DataFrame]:
    random = np.random.Generator(np.random.Philox(seed))
    shape = (n_bars, n_symbols)
    factor = random.standard_normal((n_bars, 1)) * 0.009
    noise = random.standard_t(5, shape) * 0.013
    beta = 0.6 + 0.8 * random.random(n_symbols)
    drift = random.normal(0.0003, 0.0002, n_symbols)
    returns = drift + factor * beta + noise
    gap = random.standard_normal(shape) * 0.004
    close = np.round(20.0 * np.exp(np.cumsum(np.clip(returns, -0.3, 0.3), axis=0)) * (1 + 4 * random.random()), 4)
    close = np.maximum(close, 0.01)
    before = np.vstack([close[:1], close[:-1]])
    opening = np.round(np.maximum(before * np.exp(gap), 0.01), 4)
    spread = np.abs(random.standard_normal((2, *shape))) * 0.005
    high = np.round(np.maximum(opening, close) * (1 + spread[0]), 4)
    low = np.maximum(np.round(np.minimum(opening, close) * (1 - spread[1]), 4), 0.005)
    volume = np.round(np.exp(random.normal(13.0, 0.6, shape)))
    if delist > 0:
        gone = random.random(n_symbols) < delist
        last = random.integers(n_bars // 2, n_bars, n_symbols)
        dead = gone & (np.arange(n_bars)[:, None] > last)
        for values in (opening, high, low, close, volume):
            values[dead] = np.nan
    dates = pd.bdate_range("2000-01-03", periods=n_bars)
    width = max(3, len(str(n_symbols - 1)))
    symbols = [f"S{place:0{width}d}" for place in range(n_symbols)]
    named = {"open": opening, "high": high, "low": low, "close": close, "volume": volume}
    return {name: pd.DataFrame(values, index=dates, columns=symbols) for name, values in named.items()}
