"""Kernels of the bootstrap: a counter-based stream per path, and means of resampled columns."""

from __future__ import annotations

import numpy as np

from outsample.jit import jit

__all__ = ["block_means", "draw_blocks"]


def _draw_blocks(  # type: ignore[no-untyped-def]  # noqa: PLR0913, PLR0917 - a kernel
    seed, path, n, mean_block, kind, starts, lengths
):
    """Fill starts and lengths of the blocks of one path and return their number.

    The stream depends on seed and path alone (splitmix64, Steele et al., 2014). Kind 0: geometric lengths,
    circular; 1: fixed lengths, circular; 2: fixed lengths inside the series.
    """
    state = np.uint64(seed) ^ ((np.uint64(path) + np.uint64(1)) * np.uint64(0xD1342543DE82EF95))
    scale = 1.0 / 9007199254740992.0
    fixed = min(max(int(np.ceil(mean_block)), 1), n)
    tail = np.log(1.0 - 1.0 / mean_block) if mean_block > 1.0 else 0.0
    filled = 0
    count = 0
    while filled < n:
        state = state + np.uint64(0x9E3779B97F4A7C15)
        z = state
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        u = float(z >> np.uint64(11)) * scale
        starts[count] = int(u * (n - fixed + 1 if kind == 2 else n))
        length = fixed
        if kind == 0:
            length = 1
            if mean_block > 1.0:
                state = state + np.uint64(0x9E3779B97F4A7C15)
                z = state
                z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                z = z ^ (z >> np.uint64(31))
                u = 1.0 - float(z >> np.uint64(11)) * scale
                length = 1 + int(min(np.log(u) / tail, float(n)))
        length = min(length, n - filled)
        lengths[count] = length
        filled += length
        count += 1
    return count


draw_blocks = jit(_draw_blocks)


def _make_block_means():  # type: ignore[no-untyped-def]
    from numba import njit

    draw = njit(nogil=True)(_draw_blocks)

    def means(prefix, seed, first, mean_block, kind, out):  # type: ignore[no-untyped-def]
        n = (prefix.shape[0] - 1) // 2
        columns = prefix.shape[1]
        starts = np.empty(n, np.int64)
        lengths = np.empty(n, np.int64)
        for row in range(out.shape[0]):
            count = draw(seed, first + row, n, mean_block, kind, starts, lengths)
            for column in range(columns):
                out[row, column] = 0.0
            for block in range(count):
                begin = starts[block]
                end = begin + lengths[block]
                for column in range(columns):
                    out[row, column] += prefix[end, column] - prefix[begin, column]
            for column in range(columns):
                out[row, column] /= n

    return njit(nogil=True)(means)


_COMPILED: list[object] = []


def block_means(x: np.ndarray, *, n_bootstrap: int, mean_block: float, seed: int, kind: int = 0) -> np.ndarray:
    """Return the means [replicate x column] of resampled columns; a block costs O(1) by prefix sums."""
    if not _COMPILED:
        _COMPILED.append(_make_block_means())  # type: ignore[no-untyped-call]
    prefix = np.zeros((2 * len(x) + 1, x.shape[1]))
    np.cumsum(np.concatenate([x, x]), axis=0, out=prefix[1:])
    out = np.empty((n_bootstrap, x.shape[1]))
    _COMPILED[0](prefix, seed, 0, float(mean_block), kind, out)  # type: ignore[operator]
    return out
