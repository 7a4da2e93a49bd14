"""The kernels over holdings: where a table changes its mind, and what the stretches between came to.

For one symbol that is held whole or not at all. `outsample.engine.segments` says when that is so, and calls them.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# ruff: noqa: PLR0913, PLR0917

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from outsample.engine.range_table import stretch
from outsample.jit import jit

__all__ = ["NUMBERS", "measure_kernel", "window_kernel"]

# Columns of what `measure_kernel` fills.
NUMBERS = ("end", "depth", "mean", "spread", "sound")
# Half the distance of 1.0 from the next number, and the error of mean and spread that is let pass.
_EPS, _ALLOWED = 1.1102230246251565e-16, 2e-11
# A wealth that fell so far may have been ruin.
_RUIN = 1e-9

_stretch: Any = stretch


def _edges(row, rows, fills, last, flags, words, edges, at):  # noqa: C901, PLR0912 - a kernel
    """Write the bars on which holding begins and ends, in turn; return how many, -1: not only 0, 1 and NaN.

    flags[8 + k] is whether decision k wants to hold; `words` are the same bytes, eight at a time.
    """
    n = len(rows)
    if n == 0:
        return 0
    first, odd = rows[0], 0
    if rows[n - 1] - first == n - 1:  # ascending: one after another
        part, wants = row[first : first + n], flags[8 : 8 + n]
        for k in range(n):
            wants[k] = part[k] == 1
        for k in range(n):
            odd += (part[k] != 1) & (part[k] != 0) & (part[k] == part[k])
    else:
        for k in range(n):
            x = row[rows[k]]
            flags[8 + k] = x == 1
            odd += (x != 1) & (x != 0) & (x == x)  # noqa: PLR0124 - not NaN
    if odd:
        return -1
    held = flags[8 + n - 1]
    for k in range(8 + n, len(flags)):  # what is left of the last word changes nothing
        flags[k] = held
    count, now, same = 0, np.uint8(0), np.uint64(0)
    for w in range(1, len(words)):
        if words[w] == same:
            continue
        for k in range(8 * w, 8 * w + 8):
            if flags[k] == now:
                continue
            now = flags[k]
            bar = fills[k - 8]
            if bar > last:
                return count
            if count and edges[at + count - 1] == bar:
                count -= 1  # taken back before it was filled
            else:
                edges[at + count] = bar
                count += 1
        same = np.uint64(0x0101010101010101) if now else np.uint64(0)
    return count


def _sums_between(close, trade, sums, edges, a, b, buy, sell, begin, end):
    """Sum and sum of squares of the net returns of the bars begin..end, of holdings with these edges."""
    total, squares = 0.0, 0.0
    for k in range(a, b, 2):
        entry = edges[k]
        leaves = k + 1 < b
        through = edges[k + 1] - 1 if leaves else end
        if entry > end:
            break
        if through + 1 < begin:
            continue
        if entry >= begin:
            change = close[entry] / trade[entry] / (1.0 + buy) - 1.0
            total += change
            squares += change * change
        low, high = max(entry + 1, begin), min(through, end)
        if low <= high:
            total += sums[high + 1, 0] - sums[low, 0]
            squares += sums[high + 1, 1] - sums[low, 1]
        if leaves and begin <= through + 1 <= end:
            change = trade[through + 1] / close[through] * (1.0 - sell) - 1.0
            total += change
            squares += change * change
    return total, squares


def _moments(total, squares, n, pieces, size, largest):
    """Mean, standard deviation, and whether rounding of the sums is far below what is said of them."""
    if n < 2:
        return total, np.nan, False
    mean = total / n
    left = squares - total * mean
    if squares == 0.0:  # nothing was held: no rounding either
        return 0.0, 0.0, True
    error = 8.0 * _EPS * ((pieces + 2) * (size + abs(mean) * largest) + squares)
    spread = np.sqrt(max(left, 0.0) / (n - 1))
    off = 8.0 * _EPS * (pieces + 2) * largest
    return mean, spread, error <= _ALLOWED * left and off <= _ALLOWED * n * spread


def _worth(close, trade, sums, begun, left, blocks, stuck, edges, a, b, buy, sell, last):
    """End and deepest fall of the wealth of holdings with these edges, and whether all of it could be traded."""
    worth, peak, ratio, sound = 1.0, 1.0, 1.0, True
    for k in range(a, b, 2):
        entry, leaves = edges[k], k + 1 < b
        through = edges[k + 1] - 1 if leaves else last
        if stuck[entry] or sums[through + 1, 2] != sums[entry, 2] or (leaves and stuck[through + 1]):
            sound = False
            break
        unit = worth / (1.0 + buy) / trade[entry]
        high, least, drop = _stretch(close, begun, left, blocks, entry, through)
        ratio = min(ratio, drop, unit * least / peak)
        peak = max(peak, unit * high)
        if leaves:
            worth = unit * trade[through + 1] * (1.0 - sell)
            ratio = min(ratio, worth / peak)
            peak = max(peak, worth)
        else:
            worth = unit * close[last]
    return worth, ratio - 1.0, sound and ratio > _RUIN


_edges_of: Any = _edges
_between: Any = _sums_between
_moments_of: Any = _moments
_worth_of: Any = _worth


def _measure(
    values, rows, fills, close, trade, sums, begun, left, blocks, stuck, largest, buy, sell, first, last, begins, edges,
    found,
):  # fmt: skip
    n = len(rows)
    flags = np.zeros(8 * ((n + 7) // 8 + 1), np.uint8)
    words = flags.view(np.uint64)
    size = sums[len(close), 1]
    for s in range(values.shape[0]):
        at = begins[s]
        if at + n > len(edges):
            return s  # the caller makes room, and goes on from here
        count = _edges_of(values[s], rows, fills, last, flags, words, edges, at)
        begins[s + 1] = at + max(count, 0)
        if count < 0:
            found[s, 4] = 0.0
            continue
        b = at + count
        end, depth, sound = _worth_of(
            close, trade, sums, begun, left, blocks, stuck, edges, at, b, buy, sell, last
        )  # fmt: skip
        found[s, 4] = 0.0
        if sound:
            total, squares = _between(close, trade, sums, edges, at, b, buy, sell, first + 1, last)
            mean, spread, good = _moments_of(total, squares, last - first, count, size, largest)
            found[s, 0], found[s, 1], found[s, 2], found[s, 3] = end, depth, mean, spread
            found[s, 4] = 1.0 if good else 0.0
    return values.shape[0]


def _windows(close, trade, sums, largest, buy, sell, begins, edges, runs, firsts, lasts, found):
    size = sums[len(close), 1]
    for w in range(len(firsts)):
        begin, end = firsts[w], lasts[w]
        if end <= begin:
            continue
        for s in range(len(runs)):
            a, b = begins[runs[s]], begins[runs[s] + 1]
            total, squares = _between(close, trade, sums, edges, a, b, buy, sell, begin, end)
            mean, spread, good = _moments_of(total, squares, end - begin + 1, b - a, size, largest)
            found[w, s, 0], found[w, s, 1] = mean, spread if good else -1.0


_READ = "Array(float64, 1, 'C', readonly=True), Array(float64, 1, 'C', readonly=True), float64[:, ::1]"
_MEASURE = [
    f"int64(Array({kind}, 2, 'C', readonly=True), int64[::1], int64[::1], {_READ}, float64[:, ::1], float64[:, ::1], "
    "float64[:, :, ::1], boolean[::1], float64, float64, float64, int64, int64, int64[::1], int64[::1], "
    "float64[:, ::1])"
    for kind in ("uint8", "float64")
]
_WINDOWS = (
    f"void({_READ}, float64, float64, float64, int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], "
    "float64[:, :, ::1])"
)


@functools.cache
def measure_kernel() -> Callable[..., int]:
    """Return the kernel that fills, for tables of positions, where they hold and what it came to."""
    _register()
    return cast(Callable[..., int], jit(_measure, _MEASURE))


@functools.cache
def window_kernel() -> Callable[..., None]:
    """Return the kernel for mean and standard deviation of some bars of many runs; -1: rounding may show."""
    _register()
    return cast(Callable[..., None], jit(_windows, _WINDOWS))


@functools.cache
def _register() -> None:
    from numba.extending import register_jitable

    names, compiled = globals(), cast(Any, register_jitable)
    parts = {"_stretch": stretch, "_edges_of": _edges, "_between": _sums_between}
    parts |= {"_moments_of": _moments, "_worth_of": _worth}
    for name, plain in parts.items():
        names[name] = compiled(plain)
