"""The same dataset with another future: everything after a cut changes, nothing at or before it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.data.normalise import DELISTED, PRICE_FIELDS, delisting_dates
from outsample.data.tables import is_table, known_by

__all__ = ["perturbed", "stored_frames"]

# Changed only where it is asked for by name: what a random universe does is no likely future.
_KEPT = "universe"


def stored_frames(data: Dataset) -> list[str]:
    """Return the names of the stored frames that `perturbed` can change: those with a time in them."""
    return [name for name, frame in sorted(data.stored().items()) if _timed(name, frame)]


def perturbed(
    data: Dataset,
    cut: pd.Timestamp,
    *,
    seed: int,
    only: Collection[str] | None = None,
    scale: float = 1.0,
    gone: bool = False,
) -> Dataset:
    """Return the dataset with random data after a cut.

    Prices are multiplied by one random path per symbol, the same for open, high, low and close of a bar,
    so that their order holds; rows of other numeric frames are permuted and each column is multiplied by a
    random factor; columns of boolean frames are permuted. Of point-in-time tables the figures published after
    the cut change, also those that restate an earlier one. Delistings after the cut are not known. The
    universe, what maps symbols to something, and all time stamps stay.

    Parameters
    ----------
    data : Dataset
    cut : Timestamp
        The last bar that stays as it is.
    seed : int
    only : collection of str, optional
        Change these stored frames alone (then bars need not keep their order), the universe too.
    scale : float
        1: a first jump of about 5 %, and 3 % a bar; 6: a future of another size.
    gone : bool
        Values after the cut are missing instead of other ones (boolean ones False).
    """
    random = np.random.Generator(np.random.Philox(seed))
    later = np.flatnonzero(data.dates > cut)
    steps = random.normal(0.0, 0.03, (len(later), len(data.symbols)))
    path = np.exp(np.cumsum(steps, axis=0) + random.normal(0.0, 0.05 * scale, len(data.symbols)))
    frames = {}
    for name, frame in data.stored().items():
        asked = name != _KEPT if only is None else name in only
        if not asked or not _timed(name, frame):
            frames[name] = frame
        elif name == DELISTED:
            known = delisting_dates(frame["value"], cut.tz)
            frames[name] = frame.assign(value=known.where(known <= cut))
        elif is_table(frame):
            frames[name] = known_by(frame, cut) if gone else _republished(frame, cut, random, scale)
        else:
            frames[name] = _missing(frame, cut) if gone else _changed(name, frame, cut, path, random, scale)
    return data.replaced(frames)


def _timed(name: str, frame: pd.DataFrame) -> bool:
    return isinstance(frame.index, pd.DatetimeIndex) or is_table(frame) or name == DELISTED


def _republished(table: pd.DataFrame, cut: pd.Timestamp, random: np.random.Generator, scale: float) -> pd.DataFrame:
    """A table whose figures published after the cut are those of other rows of their symbol, times a factor."""
    rows = np.flatnonzero(table["known"] > cut)
    if len(rows) == 0:
        return table
    values = table["value"].to_numpy(dtype=np.float64).copy()
    # Each symbol's later figures in another order: its own size stays, and what happened when does not.
    symbols = pd.factorize(table["symbol"].to_numpy()[rows])[0]
    taken = rows[np.lexsort((random.random(len(rows)), symbols))]
    placed = rows[np.argsort(symbols, kind="stable")]
    figures = values[taken] * np.exp(random.normal(0.0, 0.2 * scale, len(rows)))
    if (values < 0).any() and (values > 0).any():
        figures *= random.choice((-1.0, 1.0), len(rows))  # a leak of the sign alone shows too
    values[placed] = np.where(figures == 0.0, random.normal(0.0, 0.2 * scale, len(rows)), figures)
    return table.assign(value=values)


def _missing(frame: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    values = frame.to_numpy().copy(order="F")
    values[np.flatnonzero(frame.index > cut)] = False if values.dtype == bool else np.nan
    values.flags.writeable = False
    return pd.DataFrame(values, index=frame.index, columns=frame.columns, copy=False)


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
