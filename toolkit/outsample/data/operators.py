"""Kernels of the frame operators: one pass over the rows, state per column or per row.

Arrays are [date x symbol], float64 or bool, C order. NaN means "no value". A kernel at row t reads
rows up to t and nothing later. The compiled names have no underscore; ``name.plain`` is the same
function uncompiled, and ``tests/data/test_frame_operators.py`` holds slow twins of all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from outsample.jit import jit

__all__ = ["count_true", "group_mean", "portfolio_volatility", "rank_ties", "rolling_mean", "rolling_std", "top_rows"]

Array = np.ndarray[Any, Any]

# How equal values share their ranks, as `rank_ties` counts them.
TIE_METHODS = {"average": 0, "min": 1, "max": 2, "first": 3, "dense": 4}


def _rolling_mean(values: Array, window: int, least: int) -> Array:
    rows, columns = values.shape
    out = np.empty((rows, columns))
    total = np.zeros(columns)
    added = np.zeros(columns)  # Kahan's compensation of additions, and of removals
    removed = np.zeros(columns)
    count = np.zeros(columns, dtype=np.int64)
    last = np.full(columns, np.nan)
    same = np.zeros(columns, dtype=np.int64)  # how many of the latest values are equal
    for i in range(rows):
        for j in range(columns):
            x = values[i, j]
            if np.isfinite(x):
                count[j] += 1
                y = x - added[j]
                t = total[j] + y
                added[j] = t - total[j] - y
                total[j] = t
                if x == last[j]:
                    same[j] += 1
                else:
                    same[j] = 1
                    last[j] = x
            if i >= window:
                x = values[i - window, j]
                if np.isfinite(x):
                    count[j] -= 1
                    y = -x - removed[j]
                    t = total[j] + y
                    removed[j] = t - total[j] - y
                    total[j] = t
            if count[j] < least:
                out[i, j] = np.nan
            elif same[j] >= count[j]:
                out[i, j] = last[j]  # exact, so that a flat price is never above its own mean
            else:
                out[i, j] = total[j] / count[j]
    return out


def _rolling_std(values: Array, window: int, least: int) -> Array:
    # Two passes over each window: windows are short and the result does not depend on earlier rows.
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for i in range(rows):
        first = max(0, i - window + 1)
        for j in range(columns):
            total = 0.0
            count = 0
            for k in range(first, i + 1):
                if np.isfinite(values[k, j]):
                    total += values[k, j]
                    count += 1
            if count < least or count < 2:
                continue
            mean = total / count
            square = 0.0
            for k in range(first, i + 1):
                if np.isfinite(values[k, j]):
                    square += (values[k, j] - mean) ** 2
            out[i, j] = np.sqrt(square / (count - 1))
    return out


def _count_true(values: Array, window: int) -> Array:
    rows, columns = values.shape
    out = np.zeros((rows, columns), dtype=np.int64)
    running = np.zeros(columns, dtype=np.int64)
    for i in range(rows):
        for j in range(columns):
            running[j] += values[i, j]
            if i >= window:
                running[j] -= values[i - window, j]
            out[i, j] = running[j]
    return out


def _top_rows(values: Array, n: int, sign: float) -> Array:  # noqa: C901, PLR0912 - a heap, written out
    # A heap of the n best so far gives the n-th best value; the second pass takes all above it, then
    # equal ones from the left.
    rows, columns = values.shape
    out = np.zeros((rows, columns), dtype=np.bool_)
    heap = np.empty(n)
    for i in range(rows):
        size = 0
        for j in range(columns):
            x = sign * values[i, j]
            if np.isnan(x):
                continue
            if size < n:
                k = size
                size += 1
                while k > 0 and heap[(k - 1) // 2] > x:
                    heap[k] = heap[(k - 1) // 2]
                    k = (k - 1) // 2
                heap[k] = x
            elif x > heap[0]:
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
        if size == 0:
            continue
        least = heap[0] if size == n else -np.inf
        left = n
        for j in range(columns):
            if sign * values[i, j] > least:
                out[i, j] = True
                left -= 1
        for j in range(columns):
            if left == 0:
                break
            if sign * values[i, j] == least:
                out[i, j] = True
                left -= 1
    return out


def _rank_ties(values: Array, order: Array, method: int, as_fraction: bool) -> Array:
    # order is the stable or unstable argsort of each row, NaN last.
    rows, columns = values.shape
    out = np.full((rows, columns), np.nan)
    for i in range(rows):
        valid = columns
        while valid > 0 and np.isnan(values[i, order[i, valid - 1]]):
            valid -= 1
        start = 0
        group = 0
        while start < valid:
            x = values[i, order[i, start]]
            stop = start + 1
            while stop < valid and values[i, order[i, stop]] == x:
                stop += 1
            group += 1
            for k in range(start, stop):
                rank = 0.5 * (start + 1 + stop)
                if method == 1:
                    rank = start + 1.0
                elif method == 2:
                    rank = float(stop)
                elif method == 3:
                    rank = k + 1.0
                elif method == 4:
                    rank = float(group)
                out[i, order[i, k]] = rank
            start = stop
        if as_fraction and valid > 0:
            whole = group if method == 4 else valid
            for k in range(valid):
                out[i, order[i, k]] /= whole
    return out


def _group_mean(values: Array, codes: Array, groups: int) -> Array:
    # Mean of each row's values by group; codes [date x symbol] or one row of codes, -1 = no group.
    rows, columns = values.shape
    fixed = codes.shape[0] == 1
    out = np.full((rows, columns), np.nan)
    total = np.empty(groups)
    count = np.empty(groups)
    for i in range(rows):
        total[:] = 0.0
        count[:] = 0.0
        row = 0 if fixed else i
        for j in range(columns):
            code = codes[row, j]
            if code >= 0 and not np.isnan(values[i, j]):
                total[code] += values[i, j]
                count[code] += 1.0
        for j in range(columns):
            code = codes[row, j]
            if code >= 0 and count[code] > 0:
                out[i, j] = total[code] / count[code]
    return out


def _portfolio_volatility(weights: Array, returns: Array, window: int, least: int) -> Array:
    # Standard deviation (n - 1) of what row t's weights would have earned over the last `window` bars.
    rows, columns = weights.shape
    out = np.full(rows, np.nan)
    held = np.empty(columns, dtype=np.int64)
    earned = np.empty(window)
    for i in range(rows):
        names = 0
        for j in range(columns):
            if weights[i, j] != 0.0 and not np.isnan(weights[i, j]):
                held[names] = j
                names += 1
        first = max(1, i - window + 1)  # row 0 has no return
        count = i - first + 1
        if names == 0 or count < max(least, 2):
            continue
        total = 0.0
        for k in range(count):
            value = 0.0
            for m in range(names):
                r = returns[first + k, held[m]]
                if np.isfinite(r):
                    value += weights[i, held[m]] * r
            earned[k] = value
            total += value
        mean = total / count
        square = 0.0
        for k in range(count):
            square += (earned[k] - mean) ** 2
        out[i] = np.sqrt(square / (count - 1))
    return out


# Inputs are declared read-only, because pandas hands out read-only views; writable arrays fit too.
_F = "Array(float64, 2, 'C', True)"
_I = "Array(int64, 2, 'C', True)"
_B = "Array(boolean, 2, 'C', True)"

rolling_mean = jit(_rolling_mean, f"float64[:,::1]({_F}, int64, int64)")
rolling_std = jit(_rolling_std, f"float64[:,::1]({_F}, int64, int64)")
count_true = jit(_count_true, f"int64[:,::1]({_B}, int64)")
top_rows = jit(_top_rows, f"boolean[:,::1]({_F}, int64, float64)")
rank_ties = jit(_rank_ties, f"float64[:,::1]({_F}, {_I}, int64, boolean)")
group_mean = jit(_group_mean, f"float64[:,::1]({_F}, {_I}, int64)")
portfolio_volatility = jit(_portfolio_volatility, f"float64[::1]({_F}, {_F}, int64, int64)")
