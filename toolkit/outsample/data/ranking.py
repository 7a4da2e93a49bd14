"""Kernels across symbols: the order of each row's values.

Arrays come and go as [symbol x date] (see `operators`). A row of symbols is then scattered over memory, so
that a few dates at a time are gathered into a small table, worked on, and written back.

Ranks sort integers instead of numbers: the bits of a float64, in an order that integers share, with the
lowest bits replaced by the place of the symbol. Sorting such keys in place is much faster than an argsort,
which has to carry the places along. Values that differ only in the replaced bits come out in the order of
their places and are put right afterwards.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from outsample.jit import jit

__all__ = ["TIE_METHODS", "rank_rows", "sorted_rows", "top_rows"]

Array = np.ndarray[Any, Any]

# How equal values share their ranks, as `_rank_ties` counts them.
TIE_METHODS = {"average": 0, "min": 1, "max": 2, "first": 3, "dense": 4}

# Dates gathered at once, and symbols per step of the gathering: small enough for the second-level cache.
TILE = 16
STEP = 8


def _gather(values: Array, first: int, sign: float, part: Array) -> None:
    # part [date x symbol] = sign * values; -0.0 becomes 0.0, so that equal values have equal bits.
    dates, symbols = part.shape
    for start in range(0, symbols, STEP):
        stop = min(start + STEP, symbols)
        for i in range(dates):
            for j in range(start, stop):
                part[i, j] = sign * values[j, first + i] + 0.0


def _make_keys(part: Array, bits: int, keys: Array) -> None:
    # keys holds the bits of part on entry. Negative numbers are flipped, positive ones get the top bit.
    dates, symbols = part.shape
    top = np.uint64(1) << np.uint64(63)
    low = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    every = ~np.uint64(0)
    for i in range(dates):
        for j in range(symbols):
            key = keys[i, j]
            if np.isnan(part[i, j]):
                key = every
            elif key & top:
                key = ~key
            else:
                key |= top
            keys[i, j] = (key & ~low) | np.uint64(j)


def _read_order(part: Array, keys: Array, bits: int, order: Array) -> bool:
    # The places in sorted keys, put right by insertion; False if that would take long.
    dates, symbols = part.shape
    low = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    moves = 0
    for i in range(dates):
        highest = -np.inf
        for k in range(symbols):
            j = np.int64(keys[i, k] & low)
            x = part[i, j]
            m = k
            if x < highest:
                while m > 0 and part[i, order[i, m - 1]] > x:
                    order[i, m] = order[i, m - 1]
                    m -= 1
                moves += k - m
                if moves > 16 * symbols:
                    return False
            elif x > highest:
                highest = x
            order[i, m] = j
    return True


def _rank_ties(part: Array, order: Array, method: int, as_fraction: bool, ranks: Array) -> None:
    # ranks [date x symbol] of part, from the order of each row, NaN last.
    dates, symbols = part.shape
    for i in range(dates):
        valid = symbols
        while valid > 0 and np.isnan(part[i, order[i, valid - 1]]):
            valid -= 1
            ranks[i, order[i, valid]] = np.nan
        start = 0
        group = 0
        while start < valid:
            x = part[i, order[i, start]]
            stop = start + 1
            while stop < valid and part[i, order[i, stop]] == x:
                stop += 1
            group += 1
            rank = 0.5 * (start + 1 + stop)
            if method == 1:
                rank = start + 1.0
            elif method == 2:
                rank = float(stop)
            elif method == 4:
                rank = float(group)
            for k in range(start, stop):
                ranks[i, order[i, k]] = k + 1.0 if method == 3 else rank
            start = stop
        if as_fraction:
            whole = max(1, group if method == 4 else valid)
            for j in range(symbols):
                ranks[i, j] /= whole


def _scatter(part: Array, first: int, out: Array) -> None:
    dates, symbols = part.shape
    for start in range(0, symbols, STEP):
        stop = min(start + STEP, symbols)
        for j in range(start, stop):
            for i in range(dates):
                out[j, first + i] = part[i, j]


def _top_rows(part: Array, n: int, first: int, out: Array) -> None:  # noqa: C901, PLR0912 - a heap, written out
    # A heap of the n largest so far gives the n-th largest; the second pass takes all above it, then equal
    # ones from the left.
    dates, symbols = part.shape
    heap = np.empty(n)
    for i in range(dates):
        size = 0
        for j in range(symbols):
            x = part[i, j]
            if size == n:
                if x > heap[0]:
                    k = 0
                    while 2 * k + 1 < n:
                        child = 2 * k + 1
                        if child + 1 < n and heap[child + 1] < heap[child]:
                            child += 1
                        if heap[child] >= x:
                            break
                        heap[k] = heap[child]
                        k = child
                    heap[k] = x
            elif not np.isnan(x):
                k = size
                size += 1
                while k > 0 and heap[(k - 1) // 2] > x:
                    heap[k] = heap[(k - 1) // 2]
                    k = (k - 1) // 2
                heap[k] = x
        least = heap[0] if size == n else -np.inf
        left = n
        for j in range(symbols):
            if part[i, j] > least:
                out[j, first + i] = True
                left -= 1
        for j in range(symbols):
            if left == 0:
                break
            if part[i, j] == least:
                out[j, first + i] = True
                left -= 1


# Inputs are declared read-only, because pandas hands out read-only views; writable arrays fit too.
_READ = "Array(float64, 2, 'C', True)"

gather = jit(_gather, f"void({_READ}, int64, float64, float64[:,::1])")
make_keys = jit(_make_keys, "void(float64[:,::1], int64, uint64[:,::1])")
read_order = jit(_read_order, "boolean(float64[:,::1], uint64[:,::1], int64, int64[:,::1])")
rank_ties = jit(_rank_ties, "void(float64[:,::1], int64[:,::1], int64, boolean, float64[:,::1])")
scatter = jit(_scatter, "void(float64[:,::1], int64, float64[:,::1])")
top_kernel = jit(_top_rows, "void(float64[:,::1], int64, int64, boolean[:,::1])")


def rank_rows(values: Array, method: str, *, ascending: bool, as_fraction: bool) -> Array:
    """Rank each date's values across the symbols.

    Parameters
    ----------
    values : ndarray [symbol x date], float64
    method : str
        Of `TIE_METHODS`.
    ascending : bool
        1 is the smallest.
    as_fraction : bool
        Divide by the number of values (of different values with "dense").

    Returns
    -------
    ndarray [symbol x date], float64
        NaN stays NaN.
    """
    symbols, dates = values.shape
    out = np.empty((symbols, dates))
    bits = max(1, (symbols - 1).bit_length())
    part, order = np.empty((TILE, symbols)), np.empty((TILE, symbols), dtype=np.int64)
    numbers = np.empty((TILE, symbols))  # the same memory holds the keys first and the ranks after
    for first in range(0, dates, TILE):
        rows = min(TILE, dates - first)
        tile, places = part[:rows], order[:rows]
        gather(values, first, 1.0 if ascending else -1.0, tile)
        ranks = numbers[:rows]
        np.copyto(ranks, tile)
        keys = ranks.view(np.uint64)
        make_keys(tile, bits, keys)
        keys.sort(axis=1)
        if not read_order(tile, keys, bits, places):
            places[:] = np.argsort(tile, axis=1, kind="stable")
        rank_ties(tile, places, TIE_METHODS[method], as_fraction, ranks)
        scatter(ranks, first, out)
    return out


def top_rows(values: Array, n: int, *, largest: bool) -> Array:
    """Mark the `n` largest or smallest values of each date; NaN never, equal ones from the left.

    Parameters
    ----------
    values : ndarray [symbol x date], float64
    n : int
    largest : bool

    Returns
    -------
    ndarray [symbol x date], bool
    """
    symbols, dates = values.shape
    out = np.zeros((symbols, dates), dtype=np.bool_)
    part = np.empty((TILE, symbols))
    for first in range(0, dates, TILE):
        tile = part[: min(TILE, dates - first)]
        gather(values, first, 1.0 if largest else -1.0, tile)
        top_kernel(tile, min(n, max(1, symbols)), first, out)
    return out


def sorted_rows(values: Array) -> Array:
    """Sort each date's values.

    Parameters
    ----------
    values : ndarray [symbol x date], float64

    Returns
    -------
    ndarray [date x symbol], float64
        NaN last.
    """
    symbols, dates = values.shape
    out = np.empty((dates, symbols))
    for first in range(0, dates, TILE):
        tile = out[first : first + TILE]
        gather(values, first, 1.0, tile)
        tile.sort(axis=1)
    return out
