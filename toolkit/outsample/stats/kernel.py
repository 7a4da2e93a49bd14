"""The kernels of resampling: a counter-based stream per path, O(1) work per block, no path kept.

All compiled functions of the bootstrap live here, because the cache on disk knows only the file of the
function that it compiled. Arrays and numbers in, arrays out; the rest is in `outsample.research.bootstrap`.

Letters: n observations, L the length of a block, P the log of wealth before each observation (0 at first).
A block that runs past the last observation is handed out in two parts, so that nothing has to be held twice.
"""

# Kernels take many arrays and numbers; they compare with ifs, because numba compiles those best.
# ruff: noqa: PLR0913, PLR0917
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from outsample.jit import jit

__all__ = [
    "BlockLaw",
    "block_law",
    "block_means",
    "draw_blocks",
    "equity_paths",
    "longest_under_water",
    "path_statistics",
    "range_table",
]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_STREAM = np.uint64(0xD1342543DE82EF95)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_ONE = np.uint64(1)
_UNIT = 1.0 / 9007199254740992.0  # 2^-53
_SLOTS = 1024


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockLaw:
    """The distribution of blocks.

    Parameters
    ----------
    span : int
        Number of places where a block may begin; 0: the observations in a random order.
    distribution : ndarray [longest block + 1]
        P(length <= k); above 1 at the end, where the search must stop.
    guide : ndarray of int [1024]
        Where to begin the search for a uniform number in each of 1,024 equal slots.
    """

    span: int
    distribution: np.ndarray
    guide: np.ndarray


def block_law(n: int, *, kind: str, block: float) -> BlockLaw:
    """Return the law of blocks of n observations.

    Parameters
    ----------
    n : int
    kind : {"stationary", "circular", "moving", "iid", "order"}
        Geometric lengths, circular (Politis and Romano, 1994); fixed lengths, circular (the same, 1992); fixed
        lengths inside the series (Kuensch, 1989); single observations (Efron, 1979); a permutation.
    block : float
        Mean length; a fixed length is the next whole number, at most n.
    """
    if kind == "stationary" and block > 1.0:
        distribution = -np.expm1(np.arange(n + 1) * np.log1p(-1.0 / block))
        fixed = n
    else:
        fixed = min(max(int(np.ceil(block)), 1), n) if kind in {"circular", "moving"} else 1
        distribution = np.zeros(fixed + 1)
    distribution[-1] = 2.0
    guide = np.searchsorted(distribution, np.arange(_SLOTS) / _SLOTS, side="right").astype(np.int64)
    span = {"moving": n - fixed + 1, "order": 0}.get(kind, n)
    return BlockLaw(span=span, distribution=distribution, guide=np.maximum(guide, 1))


def _mix(state):
    """The output function of splitmix64 (Steele, Lea and Flood, 2014)."""
    z = state
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


def _draw(seed, path, n, span, distribution, guide, starts, lengths):
    """Fill the starts and lengths of the blocks of one path; the stream depends on seed and path alone."""
    state = np.uint64(seed) ^ ((np.uint64(path) + _ONE) * _STREAM)
    if span == 0:
        for place in range(n):
            starts[place], lengths[place] = place, 1
        for place in range(n - 1, 0, -1):
            state = state + _GAMMA
            other = int(float(_mix(state) >> _S11) * _UNIT * (place + 1))
            starts[place], starts[other] = starts[other], starts[place]
        return n
    filled = count = 0
    while filled < n:
        state = state + _GAMMA
        starts[count] = int(float(_mix(state) >> _S11) * _UNIT * span)
        state = state + _GAMMA
        u = float(_mix(state) >> _S11) * _UNIT
        length = guide[int(u * 1024)]
        while distribution[length] <= u:
            length += 1
        length = min(length, n - filled)
        filled += length
        room = n - starts[count]
        if length > room:
            lengths[count] = room
            count += 1
            starts[count], length = 0, length - room
        lengths[count] = length
        count += 1
    return count


def _draw_all(seed, first, n, span, distribution, guide, starts, lengths, counts):
    for row in range(len(counts)):
        counts[row] = _draw(seed, first + row, n, span, distribution, guide, starts[row], lengths[row])


def _means(prefix, seed, span, distribution, guide, out):
    n, columns = len(prefix) - 1, prefix.shape[1]
    starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
    for row in range(len(out)):
        count = _draw(seed, row, n, span, distribution, guide, starts, lengths)
        out[row, :] = 0.0
        for block in range(count):
            begin = starts[block]
            end = begin + lengths[block]
            for column in range(columns):
                out[row, column] += prefix[end, column] - prefix[begin, column]
        for column in range(columns):
            out[row, column] /= n


def _fill_ranges(prices, table):
    """A disjoint sparse table: highest, lowest, deepest fall from each place to the middle of its segment.

    Two look-ups then answer for any range: at the level of the highest bit in which its ends differ, they
    lie on either side of a middle.
    """
    points = len(prices)
    for level in range(len(table)):
        half = 1 << level
        for middle in range(half, points, 2 * half):
            top, low, drop = -np.inf, np.inf, 0.0
            for place in range(middle - 1, middle - half - 1, -1):
                price = prices[place]
                drop = min(drop, low - price)
                top, low = max(top, price), min(low, price)
                table[level, place, 0], table[level, place, 1], table[level, place, 2] = top, low, drop
            top, low, drop = -np.inf, np.inf, 0.0
            for place in range(middle, min(middle + half, points)):
                price = prices[place]
                drop = min(drop, price - top)
                top, low = max(top, price), min(low, price)
                table[level, place, 0], table[level, place, 1], table[level, place, 2] = top, low, drop


def _walk(table, prices, bits, first, last, shift, peak, drop):
    """Peak and deepest fall after the places first to last; shift moves the block to the path's level."""
    level = bits[first ^ last]
    if level >= len(table):
        for place in range(first, last + 1):
            price = prices[place] + shift
            peak = max(peak, price)
            drop = min(drop, price - peak)
        return peak, drop
    left, right = table[level, first], table[level, last]
    low = min(left[1], right[1]) + shift
    inside = min(left[2], right[2], right[1] - left[0])
    return max(peak, max(left[0], right[0]) + shift), min(drop, inside, low - peak)


def _statistics(sums, prices, table, bits, seed, first, span, distribution, guide, mean, noise, year, out):
    """Fill out [5, path]: Sharpe ratio, CAGR, volatility, maximum drawdown, final wealth.

    sums [n + 1, 4]: of the excess returns less their mean, of its square, of the bars of ruin, of log growth:
    all that a block needs of an end is on one line of the cache. prices is the last of these alone.
    """
    n = len(sums) - 1
    starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
    for row in range(out.shape[1]):
        count = _draw(seed, first + row, n, span, distribution, guide, starts, lengths)
        total = squares = ruined = level = peak = drop = 0.0
        for block in range(count):
            begin = starts[block]
            end = begin + lengths[block]
            total += sums[end, 0] - sums[begin, 0]
            squares += sums[end, 1] - sums[begin, 1]
            ruined += sums[end, 2] - sums[begin, 2]
            shift = level - sums[begin, 3]
            peak, drop = _walk(table, prices, bits, begin + 1, end, shift, peak, drop)
            level = sums[end, 3] + shift
        variance = max((squares - total * total / n) / (n - 1), 0.0)
        flat = variance <= max(1e-12 * squares / n, noise)
        spread = 0.0 if flat else np.sqrt(variance)
        out[0, row] = np.nan if flat else (mean + total / n) / spread * np.sqrt(year)
        out[1, row] = np.expm1(level * year / n) if ruined == 0.0 else -1.0
        out[2, row] = spread * np.sqrt(year)
        out[3, row] = np.expm1(drop) if ruined == 0.0 else -1.0
        out[4, row] = np.exp(level) if ruined == 0.0 else 0.0


def _longest(factors, seed, first, span, distribution, guide, out):
    """Fill out [path]: bars from a peak to its recovery, or to the end, of the longest time under water."""
    n = len(factors)
    starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
    for row in range(len(out)):
        count = _draw(seed, first + row, n, span, distribution, guide, starts, lengths)
        wealth = peak = 1.0
        bar = since = longest = 0
        under = False
        for block in range(count):
            for place in range(starts[block], starts[block] + lengths[block]):
                wealth *= factors[place]
                bar += 1
                if wealth >= peak:
                    if under:
                        longest = max(longest, bar - since)
                    peak, since, under = wealth, bar, False
                else:
                    under = True
        if under:
            longest = max(longest, bar - since)
        out[row] = longest


def _paths(sums, places, seed, span, distribution, guide, out):
    n = len(sums) - 1
    starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
    for row in range(len(out)):
        count = _draw(seed, row, n, span, distribution, guide, starts, lengths)
        level = ruined = 0.0
        filled = wanted = 0
        for block in range(count):
            begin = starts[block]
            end = begin + lengths[block]
            shift = level - sums[begin, 3]
            while wanted < len(places) and places[wanted] < filled + end - begin:
                place = begin + places[wanted] - filled + 1
                alive = ruined + sums[place, 2] - sums[begin, 2] == 0.0
                out[row, wanted] = np.exp(sums[place, 3] + shift) if alive else 0.0
                wanted += 1
            ruined += sums[end, 2] - sums[begin, 2]
            level = sums[end, 3] + shift
            filled += end - begin


_LAW = "int64, float64[::1], int64[::1]"
_compiled_draw = jit(_draw_all, f"void(int64, int64, int64, {_LAW}, int64[:, ::1], int64[:, ::1], int64[::1])")
_compiled_means = jit(_means, f"void(float64[:, ::1], int64, {_LAW}, float64[:, ::1])")
_compiled_ranges = jit(_fill_ranges, "void(float64[::1], float64[:, :, ::1])")
_compiled_statistics = jit(
    _statistics,
    "void(float64[:, ::1], float64[::1], float64[:, :, ::1], uint8[::1], "
    f"int64, int64, {_LAW}, float64, float64, float64, float64[:, :])",
)
_compiled_longest = jit(_longest, f"void(float64[::1], int64, int64, {_LAW}, float64[::1])")
_compiled_paths = jit(_paths, f"void(float64[:, ::1], int64[::1], int64, {_LAW}, float64[:, ::1])")


@functools.cache
def _register_helpers() -> None:
    """Let compiled kernels call the plain helpers of this module."""
    from numba.extending import register_jitable

    register_jitable(_draw)
    for helper in (_mix, _walk):
        register_jitable(inline="always")(helper)


def _run(kernel, *args):
    """Run a kernel; the stream's arithmetic wraps around on purpose, which plain numpy would warn of."""
    _register_helpers()
    with np.errstate(over="ignore"):
        kernel(*args)


def _parts(law: BlockLaw) -> tuple[int, np.ndarray, np.ndarray]:
    return law.span, law.distribution, law.guide


def draw_blocks(
    seed: int, n: int, law: BlockLaw, *, first: int = 0, n_paths: int = 1
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (starts, lengths) of the blocks of each of the paths from `first` on."""
    starts, lengths = np.empty((n_paths, n), np.int64), np.empty((n_paths, n), np.int64)
    counts = np.empty(n_paths, np.int64)
    _run(_compiled_draw, seed, first, n, *_parts(law), starts, lengths, counts)
    return [(starts[row, :count], lengths[row, :count]) for row, count in enumerate(counts)]


def block_means(x: np.ndarray, *, n_bootstrap: int, mean_block: float, seed: int) -> np.ndarray:
    """Return the means [replicate x column] of columns resampled by the stationary bootstrap.

    A block costs O(1) per column, by prefix sums.
    """
    prefix = np.zeros((len(x) + 1, x.shape[1]))
    np.cumsum(x, axis=0, out=prefix[1:])
    out = np.empty((n_bootstrap, x.shape[1]))
    law = block_law(len(x), kind="stationary", block=float(mean_block))
    _run(_compiled_means, prefix, seed, *_parts(law), out)
    return out


def range_table(prices: np.ndarray, *, block: float) -> np.ndarray:
    """Return highest, lowest and deepest fall [level, place, 3] for `path_statistics`.

    Levels reach a few blocks far and 64 MiB at most; a block that crosses more walks its observations.
    """
    points = len(prices)
    highest = min(int(points - 1).bit_length(), int(8.0 * block).bit_length())
    table = np.zeros((max(min(highest, 2**26 // (24 * points)), 1), points, 3))
    table[0, :, :2] = prices[:, None]  # also of a last place without a middle after it
    _run(_compiled_ranges, prices, table)
    return table


def path_statistics(
    sums: np.ndarray,
    prices: np.ndarray,
    table: np.ndarray,
    bits: np.ndarray,
    law: BlockLaw,
    out: np.ndarray,
    *,
    seed: int,
    first: int,
    scales: tuple[float, float, float],
) -> None:
    """Fill out [5, path] from path `first` on; scales: mean excess return, variance that is noise, bars a year."""
    _run(_compiled_statistics, sums, prices, table, bits, seed, first, *_parts(law), *scales, out)


def longest_under_water(factors: np.ndarray, law: BlockLaw, out: np.ndarray, *, seed: int, first: int) -> None:
    """Fill out [path] with the longest time under water, in bars; it needs every bar."""
    _run(_compiled_longest, factors, seed, first, *_parts(law), out)


def equity_paths(sums: np.ndarray, places: np.ndarray, law: BlockLaw, *, seed: int, n_paths: int) -> np.ndarray:
    """Return equity [path x place] after the observations at `places`, of the streams of `path_statistics`."""
    out = np.empty((n_paths, len(places)))
    _run(_compiled_paths, sums, places, seed, *_parts(law), out)
    return out
