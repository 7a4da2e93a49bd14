"""Where the look-ahead check cuts the data: at stratified places, next to trades and before large moves."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.data.tables import is_table
from outsample.model import Positions

__all__ = ["numbers", "plan"]

# Leaks of rare events show only where the event is: one of this many largest moves is taken.
LARGEST_MOVES = 3


def plan(
    data: Dataset, full: Positions, truncations: int, perturbations: int, seed: int
) -> list[tuple[str, pd.Timestamp]]:
    """Return kinds and cuts in the order P T P T ...

    The first cut lies two bars before the end, where leaks of one bar show best. Of each three that follow,
    one is the bar of a changed target (rare targets before common ones), one the bar before a large move or
    before a publication of a point-in-time table, in turn, and one lies in its own stratum between the end of
    the warm-up and the end of the data.

    Parameters
    ----------
    data : Dataset
    full : Positions
        What the strategy decided on all data.
    truncations, perturbations : int
    seed : int
    """
    random = np.random.Generator(np.random.Philox(seed))
    first = int(data.dates.searchsorted(full.frame.index[0])) if len(full.frame) else 0
    total = truncations + perturbations
    last = max(len(data.dates) - 3, 0)
    low = min(first + (last - first) // 10, last)
    edges = np.linspace(low, last, max(total, 2))
    jitter = random.uniform(-0.5, 0.5, len(edges)) * (edges[1] - edges[0])
    bars = np.clip(np.round(edges + jitter), low, last).astype(int)
    bars = np.concatenate([[last], random.permutation(bars[:-1])])[:total]
    for offset, found in ((1, _changes(data, full, last, random)), (2, _events(data, first, last, random))):
        places = bars[offset::3]
        count = min(len(found), len(places))
        places[:count] = found[:count]
    kinds = ["perturbation", "truncation"] * min(truncations, perturbations)
    kinds += ["truncation"] * (truncations - min(truncations, perturbations))
    kinds += ["perturbation"] * (perturbations - min(truncations, perturbations))
    return [(kind, data.dates[bar]) for kind, bar in zip(kinds, bars, strict=True)]


def numbers(frame: pd.DataFrame) -> np.ndarray:
    """Return targets as numbers: an undefined target holds nothing."""
    values: np.ndarray = np.nan_to_num(frame.astype(np.float64).to_numpy(), nan=0.0)
    return values


def _changes(data: Dataset, full: Positions, last: int, random: np.random.Generator) -> np.ndarray:
    """Bars whose targets differ from the bar before, drawn with rare rows first."""
    values = numbers(full.frame)
    if len(values) < 2:
        return np.empty(0, dtype=int)
    moved = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
    bars = data.dates.searchsorted(full.frame.index[moved])
    moved, bars = moved[bars <= last], bars[bars <= last]
    if len(moved) == 0:
        return np.empty(0, dtype=int)
    # A row is as rare as its rarest target: one odd weight among thousands is where a rare leak would be.
    _, kinds, counts = np.unique(values[moved], return_inverse=True, return_counts=True)
    chance = 1.0 / counts[kinds.reshape(len(moved), -1)].min(axis=1).astype(float) ** 2
    drawn: np.ndarray = random.choice(bars, size=len(bars), replace=False, p=chance / chance.sum())
    return drawn


def _events(data: Dataset, first: int, last: int, random: np.random.Generator) -> np.ndarray:
    """Bars before what only the future knows: publications and large moves in turn, where there are both."""
    moves, publications = _moves(data, first, last, random), _publications(data, last, random)
    count = min(len(moves), len(publications))
    pairs = np.column_stack([publications[:count], moves[:count]]).ravel()
    return np.concatenate([pairs, moves[count:], publications[count:]]).astype(int)


def _publications(data: Dataset, last: int, random: np.random.Generator) -> np.ndarray:
    """The bars just before figures become known: first that before the first of all, then others at random.

    Before its first figure nothing is known of a symbol: what a strategy has there, it filled backwards.
    """
    beginnings, others = [], []
    for frame in data.stored().values():
        if is_table(frame) and len(frame):
            bars = data.dates.searchsorted(pd.DatetimeIndex(frame["known"])) - 1
            firsts = pd.Series(bars).groupby(frame["symbol"].to_numpy()).min().to_numpy()
            beginnings.append(firsts[firsts >= 0].min(initial=last))
            others.append(bars)
    if not others:
        return np.empty(0, dtype=int)
    drawn = random.permutation(np.unique(np.concatenate(others)))
    found = np.concatenate([beginnings, drawn])
    inside: np.ndarray = found[(found >= 0) & (found <= last)]
    return inside.astype(int)


def _moves(data: Dataset, first: int, last: int, random: np.random.Generator) -> np.ndarray:
    """The bars just before the largest moves of any symbol, in random order."""
    close = data.frame("close").to_numpy(dtype=np.float64)[first : last + 2]
    if len(close) < 2:
        return np.empty(0, dtype=int)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.nan_to_num(np.abs(np.log(close[1:] / close[:-1])), nan=0.0, posinf=0.0).max(axis=1)
    return random.permutation(first + np.argsort(-size, kind="stable")[:LARGEST_MOVES])
