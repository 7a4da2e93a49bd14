"""What a stretch of prices did, in the same time for a long one as for a short one.

Of any bars a to b: the sum of the returns and of their squares (prefix sums), the highest and the lowest price
and the largest relative drop from a price to a later one. The three last are put together from two neighbouring
stretches: high = max, low = min, drop = min(drop, later drop, later low / earlier high). They are kept for the
beginnings and the ends of blocks of `BLOCK` bars, and for blocks as a disjoint sparse table: memory stays in
proportion to the bars.

Prices are taken as they are, without logarithms: what comes out is rounded as the walk over the bars is.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outsample.jit import jit

__all__ = ["BLOCK", "RangeTable", "range_table", "stretch"]

# Bars of a block, a power of 2: inside of one the bars are walked over.
BLOCK = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class RangeTable:
    """Prefix sums and range table of one course of prices.

    Parameters
    ----------
    close : ndarray of float64 [bar]
    sums : ndarray of float64 [bar + 1, 3]
        Before each bar: the sum of the returns, of their squares, and the number of odd bars. The return of an
        odd bar, and of a bar without one before it, counts as 0.
    begun, left : ndarray of float64 [bar, 3]
        High, low and drop from the beginning of the block to the bar, and from the bar to the end of the block.
    blocks : ndarray of float64 [level, block, 3]
    """

    close: np.ndarray
    sums: np.ndarray
    begun: np.ndarray
    left: np.ndarray
    blocks: np.ndarray


def range_table(close: np.ndarray, odd: np.ndarray) -> RangeTable:
    """Return the tables of a course of prices.

    Parameters
    ----------
    close : ndarray of float64 [bar]
        NaN where there is no price; such a bar is odd.
    odd : ndarray of bool [bar]
        Bars that no stretch that is asked for contains.
    """
    n = len(close)
    n_blocks = -(-n // BLOCK)
    table = RangeTable(
        close=np.ascontiguousarray(close, dtype=np.float64),
        sums=np.zeros((n + 1, 3)),
        begun=np.empty((n, 3)),
        left=np.empty((n, 3)),
        blocks=np.empty((max(int(n_blocks - 1).bit_length(), 1), n_blocks, 3)),
    )
    _sum(table.close, np.ascontiguousarray(odd), table.sums)
    _range(table.close, table.begun, table.left, table.blocks)
    return table


def _fill_sums(close, odd, sums):
    n = len(close)
    low = np.zeros(2)  # what rounding left out of the sums
    exact = np.zeros(2)
    for t in range(n):
        change = close[t] / close[t - 1] - 1.0 if t > 0 and not odd[t] and not odd[t - 1] else 0.0
        for j in range(2):
            term = change if j == 0 else change * change
            total = exact[j] + term
            big = abs(exact[j]) >= abs(term)
            low[j] += (exact[j] - total) + term if big else (term - total) + exact[j]
            exact[j] = total
            sums[t + 1, j] = total + low[j]
        sums[t + 1, 2] = sums[t, 2] + (1.0 if odd[t] else 0.0)


def _fill_ranges(close, begun, left, blocks):
    n, n_blocks, block = len(close), blocks.shape[1], 32
    for k in range(n_blocks):
        first, end = k * block, min((k + 1) * block, n)
        high, least, drop = close[first], close[first], 1.0
        for t in range(first, end):
            high, least, drop = max(high, close[t]), min(least, close[t]), min(drop, close[t] / max(high, close[t]))
            begun[t, 0], begun[t, 1], begun[t, 2] = high, least, drop
        high, least, drop = close[end - 1], close[end - 1], 1.0
        for t in range(end - 1, first - 1, -1):
            high, least = max(high, close[t]), min(least, close[t])
            drop = min(drop, least / close[t])
            left[t, 0], left[t, 1], left[t, 2] = high, least, drop
    # Level h: of each pair of runs of 2^h blocks, from each block to (from) the middle of the pair.
    for h in range(blocks.shape[0]):
        half = 1 << h
        for middle in range(half, n_blocks + half, 2 * half):
            top = min(middle, n_blocks)
            for k in range(top - 1, middle - half - 1, -1):
                end = min((k + 1) * block, n) - 1
                high, least, drop = begun[end, 0], begun[end, 1], begun[end, 2]
                if k < top - 1:
                    after = blocks[h, k + 1]
                    drop = min(drop, after[2], after[1] / high)
                    high, least = max(high, after[0]), min(least, after[1])
                blocks[h, k, 0], blocks[h, k, 1], blocks[h, k, 2] = high, least, drop
            for k in range(middle, min(middle + half, n_blocks)):
                end = min((k + 1) * block, n) - 1
                high, least, drop = begun[end, 0], begun[end, 1], begun[end, 2]
                if k > middle:
                    before = blocks[h, k - 1]
                    drop = min(drop, before[2], least / before[0])
                    high, least = max(high, before[0]), min(least, before[1])
                blocks[h, k, 0], blocks[h, k, 1], blocks[h, k, 2] = high, least, drop


_CLOSE = "Array(float64, 1, 'C', readonly=True)"
_sum = jit(_fill_sums, f"void({_CLOSE}, boolean[::1], float64[:, ::1])")
_range = jit(_fill_ranges, f"void({_CLOSE}, float64[:, ::1], float64[:, ::1], float64[:, :, ::1])")


def stretch(close, begun, left, blocks, a, b):
    """Return the highest and the lowest price of the bars a to b, and the least ratio of a price to one before.

    A plain function for kernels; both bars count, and none between them is odd.
    """
    first, last = a >> 5, b >> 5
    if first == last:
        high, least, drop = close[a], close[a], 1.0
        for t in range(a + 1, b + 1):
            price = close[t]
            if price > high:
                high = price
            else:
                least = min(least, price)
                drop = min(drop, price / high)
        return high, least, drop
    high, least, drop = left[a, 0], left[a, 1], left[a, 2]
    first, last = first + 1, last - 1
    if first <= last:
        level = 0
        while (first ^ last) >> (level + 1):
            level += 1
        drop = min(drop, blocks[level, first, 2], blocks[level, first, 1] / high)
        high, least = max(high, blocks[level, first, 0]), min(least, blocks[level, first, 1])
        if first < last:
            drop = min(drop, blocks[level, last, 2], blocks[level, last, 1] / high)
            high, least = max(high, blocks[level, last, 0]), min(least, blocks[level, last, 1])
    drop = min(drop, begun[b, 2], begun[b, 1] / high)
    return max(high, begun[b, 0]), min(least, begun[b, 1]), drop
