"""The same dataset with another future: everything after a cut changes, nothing at or before it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.data.normalise import PRICE_FIELDS

__all__ = ["perturbed", "stored_frames"]

_KEPT = frozenset({"universe", "delisted"})


def stored_frames(data: Dataset) -> list[str]:
    """Return the names of the stored frames that `perturbed` changes."""
    return [name for name in data.frame_ids if name not in _KEPT]


def perturbed(
    data: Dataset, cut: pd.Timestamp, *, seed: int, only: Collection[str] | None = None, scale: float = 1.0
) -> Dataset:
    """Return the dataset with random data after a cut.

    Prices are multiplied by one random path per symbol, the same for open, high, low and close of a bar,
    so that their order holds; rows of other numeric frames are permuted and each column is multiplied by a
    random factor; columns of boolean frames are permuted; the universe, delistings and all time stamps stay.

    Parameters
    ----------
    data : Dataset
    cut : Timestamp
        The last bar that stays as it is.
    seed : int
    only : collection of str, optional
        Change these stored frames alone (then bars need not keep their order).
    scale : float
        1: a first jump of about 5 %, and 3 % a bar; 6: a future of another size.
    """
    random = np.random.Generator(np.random.Philox(seed))
    later = np.flatnonzero(data.dates > cut)
    steps = random.normal(0.0, 0.03, (len(later), len(data.symbols)))
    path = np.exp(np.cumsum(steps, axis=0) + random.normal(0.0, 0.05 * scale, len(data.symbols)))
    frames = {}
    for name, frame in data.stored().items():
        changed = name not in _KEPT and (only is None or name in only) and isinstance(frame.index, pd.DatetimeIndex)
        frames[name] = _changed(name, frame, cut, path, random, scale) if changed else frame
    return data.replaced(frames)


def _changed(
    name: str, frame: pd.DataFrame, cut: pd.Timestamp, path: np.ndarray, random: np.random.Generator, scale: float
) -> pd.DataFrame:
    rows = np.flatnonzero(frame.index > cut)
    values = frame.to_numpy().copy(order="F")
    if len(rows) == 0:
        return frame
    if name in PRICE_FIELDS and name != "volume":
        values[rows] = values[rows] * path
    elif values.dtype == bool:
        values[rows] = random.permuted(values[rows], axis=1)
    else:
        values[rows] = values[random.permutation(rows)] * np.exp(random.normal(0.0, 0.2 * scale, values.shape[1]))
    values.flags.writeable = False
    return pd.DataFrame(values, index=frame.index, columns=frame.columns, copy=False)
