"""Kernels of the frame operators.

Arrays are [symbol x date], float64, int64 or bool, in C order: that is how pandas holds a frame inside,
so nothing is copied. NaN means "no value". A kernel reads, for bar t, bars up to t and nothing later.
Each public name is the compiled form of the function with an underscore; ``name.plain`` is that function
itself, and ``tests/data/test_frame_operators.py`` holds slow twins of all.

Windows are summed in blocks, not by adding and removing: the bars are cut into blocks of the window's
length, and the sum over a window is the sum of the tail of one block and the head of the next. Nothing is
ever subtracted, so nothing drifts, and an infinity or a huge value is gone when it has left the window.
(M. van Herk, "A fast algorithm for local minimum and maximum filters", Pattern Recognition Letters 13,
1992, uses the same cut for minima.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from outsample.jit import jit

__all__ = ["count_true", "group_mean", "portfolio_volatility", "rolling_mean", "rolling_std"]

Array = np.ndarray[Any, Any]


def _rolling_mean(values: Array, window: int, least: int) -> Array:  # noqa: C901, PLR0912, PLR0915 - a kernel
    # Symbols without a gap go four at a time, so that four sums are under way at once; the others, and
    # symbols whose price stands still, one by one. Both ways add the same numbers in the same order.
    columns, rows = values.shape
    out = np.empty((columns, rows))
    slow = np.ones(columns, dtype=np.bool_)
    tails = np.zeros((4, window + 1))  # [k]: sum of the previous block from its k-th bar on
    t0, t1, t2, t3 = tails[0], tails[1], tails[2], tails[3]
    for j in range(0, columns - 3, 4):
        tails[:] = 0.0
        total = 0.0
        for first in range(0, rows, window):
            stop = min(first + window, rows)
            x0, x1 = values[j, first:stop], values[j + 1, first:stop]
            x2, x3 = values[j + 2, first:stop], values[j + 3, first:stop]
            y0, y1 = out[j, first:stop], out[j + 1, first:stop]
            y2, y3 = out[j + 2, first:stop], out[j + 3, first:stop]
            h0, h1, h2, h3 = 0.0, 0.0, 0.0, 0.0
            for k in range(stop - first):
                n = float(window) if first > 0 else k + 1.0
                h0 += x0[k]
                h1 += x1[k]
                h2 += x2[k]
                h3 += x3[k]
                y0[k] = (h0 + t0[k + 1]) / n
                y1[k] = (h1 + t1[k + 1]) / n
                y2[k] = (h2 + t2[k + 1]) / n
                y3[k] = (h3 + t3[k + 1]) / n
            h0, h1, h2, h3 = 0.0, 0.0, 0.0, 0.0
            for m in range(stop - first):
                k = stop - first - 1 - m
                h0 += x0[k]
                h1 += x1[k]
                h2 += x2[k]
                h3 += x3[k]
                t0[k] = h0
                t1[k] = h1
                t2[k] = h2
                t3[k] = h3
            total += h0 + h1 + h2 + h3
        if np.isfinite(total):
            for c in range(j, j + 4):
                row = values[c]
                still = 0
                for i in range(1, rows):
                    still += row[i] == row[i - 1]
                slow[c] = still >= max(1, window - 1) or (rows > 1 and row[0] == row[1])
                if not slow[c]:
                    out[c, : least - 1] = np.nan
    tail = np.zeros(window + 1)
    known = np.zeros(window + 1, dtype=np.int64)  # how many of a tail are finite
    for j in range(columns):
        if not slow[j]:
            continue
        tail[:] = 0.0
        known[:] = 0
        last = np.nan
        equal = 0  # how many of the latest finite values are equal
        for first in range(0, rows, window):
            stop = min(first + window, rows)
            head = 0.0
            count = 0
            for i in range(first, stop):
                x = values[j, i]
                if np.isfinite(x):
                    head += x
                    count += 1
                    equal = equal + 1 if x == last else 1
                    last = x
                n = count + known[i - first + 1]
                if n < least:
                    out[j, i] = np.nan
                elif equal >= n:
                    out[j, i] = last  # exact, so that a flat price is never above its own mean
                else:
                    out[j, i] = (head + tail[i - first + 1]) / n
            head = 0.0
            count = 0
            for i in range(stop - 1, first - 1, -1):
                x = values[j, i]
                if np.isfinite(x):
                    head += x
                    count += 1
                tail[i - first] = head
                known[i - first] = count
    return out


def _rolling_std(values: Array, window: int, least: int) -> Array:
    # Head and tail carry (count, mean, sum of squared deviations) and are merged by the rule of T. F. Chan,
    # G. H. Golub and R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    # variances", COMPSTAT 1982. The divisor is n - 1.
    columns, rows = values.shape
    out = np.full((columns, rows), np.nan)
    counts = np.zeros(window + 1)
    means = np.zeros(window + 1)
    squares = np.zeros(window + 1)
    least = max(least, 2)
    for j in range(columns):
        counts[:] = 0.0
        means[:] = 0.0
        squares[:] = 0.0
        for first in range(0, rows, window):
            stop = min(first + window, rows)
            count, mean, square = 0.0, 0.0, 0.0
            for i in range(first, stop):
                x = values[j, i]
                if np.isfinite(x):
                    count += 1.0
                    step = x - mean
                    mean += step / count
                    square += step * (x - mean)
                other = counts[i - first + 1]
                n = count + other
                if n >= least:
                    gap = means[i - first + 1] - mean
                    total = square + squares[i - first + 1] + gap * gap * count * other / n
                    out[j, i] = np.sqrt(total / (n - 1.0))
            count, mean, square = 0.0, 0.0, 0.0
            for i in range(stop - 1, first - 1, -1):
                x = values[j, i]
                if np.isfinite(x):
                    count += 1.0
                    step = x - mean
                    mean += step / count
                    square += step * (x - mean)
                counts[i - first] = count
                means[i - first] = mean
                squares[i - first] = square
    return out


def _count_true(values: Array, window: int) -> Array:
    columns, rows = values.shape
    out = np.empty((columns, rows), dtype=np.int64)
    for j in range(columns):
        running = 0
        for i in range(rows):
            running += values[j, i]
            if i >= window:
                running -= values[j, i - window]
            out[j, i] = running
    return out


def _group_mean(values: Array, codes: Array, groups: int) -> Array:
    # Mean by group over the symbols of each date; codes [symbol x date] or [symbol x 1]; -1 is no group.
    symbols, dates = values.shape
    fixed = codes.shape[1] == 1
    out = np.full((symbols, dates), np.nan)
    total = np.zeros((groups, dates))
    count = np.zeros((groups, dates))
    for j in range(symbols):
        for i in range(dates):
            code = codes[j, 0 if fixed else i]
            if code >= 0 and not np.isnan(values[j, i]):
                total[code, i] += values[j, i]
                count[code, i] += 1.0
    for j in range(symbols):
        for i in range(dates):
            code = codes[j, 0 if fixed else i]
            if code >= 0 and count[code, i] > 0:
                out[j, i] = total[code, i] / count[code, i]
    return out


def _portfolio_volatility(weights: Array, returns: Array, window: int, least: int) -> Array:
    # Standard deviation (n - 1) of what date i's weights would have earned over the last `window` bars.
    symbols, dates = weights.shape
    out = np.full(dates, np.nan)
    earned = np.empty(window)
    for i in range(dates):
        first = max(1, i - window + 1)  # the first bar has no return
        count = i - first + 1
        if count < max(least, 2):
            continue
        names = 0
        earned[:] = 0.0
        for j in range(symbols):
            w = weights[j, i]
            if w == 0.0 or np.isnan(w):
                continue
            names += 1
            for k in range(count):
                r = returns[j, first + k]
                if np.isfinite(r):
                    earned[k] += w * r
        if names == 0:
            continue
        mean = 0.0
        for k in range(count):
            mean += earned[k] / count
        square = 0.0
        for k in range(count):
            square += (earned[k] - mean) ** 2
        out[i] = np.sqrt(square / (count - 1))
    return out


# Inputs are declared read-only, because pandas hands out read-only views; writable arrays fit too.
_F = "Array(float64, 2, 'C', True)"
_I = "Array(int64, 2, 'C', True)"
_B = "Array(boolean, 2, 'C', True)"

rolling_mean = jit(_rolling_mean, f"float64[:,::1]({_F}, int64, int64)", error_model="numpy")
rolling_std = jit(_rolling_std, f"float64[:,::1]({_F}, int64, int64)")
count_true = jit(_count_true, f"int64[:,::1]({_B}, int64)")
group_mean = jit(_group_mean, f"float64[:,::1]({_F}, {_I}, int64)")
portfolio_volatility = jit(_portfolio_volatility, f"float64[::1]({_F}, {_F}, int64, int64)")
