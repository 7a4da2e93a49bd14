"""Other decisions than a strategy's own: late, missed, at other times, or moved round the clock."""

from __future__ import annotations

import numpy as np

__all__ = ["delayed", "missed", "reordered", "rotated"]


def delayed(values: np.ndarray, random: np.random.Generator, bars: int) -> np.ndarray:
    """Return positions in which each decision comes 0 to `bars` rows late, and never an older one after a newer.

    Before the first decision arrives nothing is held.
    """
    source = np.arange(len(values)) - random.integers(0, bars + 1, len(values))
    source = np.maximum.accumulate(source)
    return np.where(source[:, None] >= 0, values[np.maximum(source, 0)], 0.0)


def missed(values: np.ndarray, random: np.random.Generator, share: float) -> np.ndarray:
    """Return positions in which a share of the changes does not happen: the old target stays until the next."""
    held = np.zeros(values.shape[1])
    before = np.zeros(values.shape[1])
    result = np.empty_like(values)
    misses = random.random(values.shape) < share
    for row, target in enumerate(values):
        changed = target != before
        held = np.where(changed & ~misses[row], target, held)
        before = target
        result[row] = held
    return result


def reordered(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return positions with the spells of each symbol in random order.

    How often, how long and how much is held stays; when it is entered is luck.
    """
    result = np.empty_like(values)
    for place, column in enumerate(values.T):
        edges = np.flatnonzero(np.diff(column) != 0) + 1
        spells = np.split(column, edges)
        result[:, place] = np.concatenate([spells[k] for k in random.permutation(len(spells))])
    return result


def rotated(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return positions moved in a circle by a random number of rows, at least one."""
    return np.roll(values, int(random.integers(1, max(len(values), 2))), axis=0)
