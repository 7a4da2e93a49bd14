"""Other histories of a dataset: noise on its prices, and paths bootstrapped from its bars.

Prices (and volumes) change and nothing else does: figures of companies, who is in an index, flags and other
frames stay on their dates, as published. A dataset of adjusted prices alone is one of prices like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.errors import DataInvalid

__all__ = ["noisy", "resampled"]

_OHLC = ("open", "high", "low", "close")


def noisy(data: Dataset, random: np.random.Generator, scale: float) -> Dataset:
    """Return the dataset with noise on every price of every bar, in which high and low stay high and low.

    Parameters
    ----------
    data : Dataset
    random : Generator
    scale : float
        Deviation of the noise, in deviations of a symbol's bar returns.
    """
    stored = data.stored()
    close = stored[_base(stored)].to_numpy(dtype=np.float64)
    size = scale * _deviations(close)
    drawn = {name: np.exp(random.normal(0.0, 1.0, close.shape) * size) for name in _OHLC}
    drawn["adj_close"] = drawn["close"]
    frames = dict(stored)
    for name, factor in drawn.items():
        if name in stored:
            frames[name] = _like(stored[name], stored[name].to_numpy(dtype=np.float64) * factor)
    return data.replaced(_ordered(frames))


def resampled(data: Dataset, random: np.random.Generator, block: float) -> Dataset:
    """Return the dataset with a path of prices made of its own bars, in blocks (Politis and Romano, 1994).

    All symbols take the same rows, so that what they do together stays; a bar keeps its shape relative to
    the close before it, its volume, and the row's place where a symbol has no price.

    Parameters
    ----------
    data : Dataset
    random : Generator
    block : float
        Mean length of a block, in bars.

    Raises
    ------
    DataInvalid
        One bar has no return that could be drawn.
    """
    stored = data.stored()
    if len(data.dates) < 2:
        raise DataInvalid(
            f"A path of prices is made of the returns of bars. {data.name!r} has {len(data.dates)} bar.",
            hint="Use a longer span of data.",
        )
    rows = _rows(len(data.dates), random, block)
    close = stored[_base(stored)].to_numpy(dtype=np.float64)
    paths = {name: close if name == "close" else stored[name].to_numpy(dtype=np.float64) for name in _present(stored)}
    made = _chained(close, rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        shape = {name: values[rows] / close[rows] for name, values in paths.items()}
    frames = dict(stored)
    for name, ratio in shape.items():
        usable = np.where(np.isfinite(ratio), ratio, 1.0)
        frames[name] = _like(stored[name], np.where(np.isfinite(paths[name]), made * usable, np.nan))
    for name, frame in stored.items():
        if name == "adj_close":
            frames[name] = _like(frame, _chained(frame.to_numpy(dtype=np.float64), rows))
        elif name == "volume":
            values = frame.to_numpy(dtype=np.float64)
            frames[name] = _like(frame, np.where(np.isfinite(values), values[rows], np.nan))
    return data.replaced(_ordered(frames))


def _base(stored: Mapping[str, pd.DataFrame]) -> str:
    """The price that says how a bar moved: as traded, or adjusted where there is no other."""
    return "close" if "close" in stored else "adj_close"


def _present(stored: Mapping[str, pd.DataFrame]) -> list[str]:
    return [name for name in _OHLC if name in stored]


def _rows(n: int, random: np.random.Generator, block: float) -> np.ndarray:
    """Source rows from 1 on (row 0 has no bar before it); each starts a new block with probability 1/block."""
    starts = random.integers(1, n, n)
    fresh = random.random(n) < 1.0 / max(block, 1.0)
    fresh[0] = True
    begun = np.maximum.accumulate(np.where(fresh, np.arange(n), 0))
    rows: np.ndarray = (starts[begun] - 1 + np.arange(n) - begun) % (n - 1) + 1
    return rows


def _chained(close: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Prices that begin where each symbol begins and move as the chosen rows did."""
    before = np.vstack([np.full((1, close.shape[1]), np.nan), close[:-1]])
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.log(close[rows] / before[rows])
    there = np.isfinite(close)
    moves = np.where(np.isfinite(moves) & there, moves, 0.0)
    first = np.where(there.any(axis=0), there.argmax(axis=0), 0)
    columns = np.arange(close.shape[1])
    moves[first, columns] = 0.0
    made: np.ndarray = np.where(there, close[first, columns] * np.exp(np.cumsum(moves, axis=0)), np.nan)
    return made


def _deviations(close: np.ndarray) -> np.ndarray:
    """Deviation of the bar returns of each symbol; 0 where there are too few."""
    sizes = np.zeros(close.shape[1])
    for place, column in enumerate(close.T):
        prices = column[np.isfinite(column)]
        if len(prices) > 2:
            sizes[place] = np.diff(np.log(prices)).std()
    return np.where(np.isfinite(sizes), sizes, 0.0) if math.isfinite(float(sizes.sum())) else np.nan_to_num(sizes)


def _ordered(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Raise highs and lower lows to where the open and the close of their bar are."""
    bodies = [frames[name].to_numpy(dtype=np.float64) for name in ("open", "close") if name in frames]
    for name, pick in (("high", np.fmax), ("low", np.fmin)):
        if name not in frames:
            continue
        values = frames[name].to_numpy(dtype=np.float64)
        missing = ~np.isfinite(values)
        for body in bodies:
            values = pick(values, body)
        frames[name] = _like(frames[name], np.where(missing, np.nan, values))
    return frames


def _like(frame: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(np.asfortranarray(values), index=frame.index, columns=frame.columns, copy=False)
