"""The kernels of the bootstrap: one pass over the bars of a path, nothing kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from outsample.stats.kernel import draw_blocks

__all__ = ["METHODS", "equity_paths", "path_statistics"]

# Kinds of blocks that `outsample.stats.kernel` draws; iid is geometric with mean 1.
METHODS = {"stationary": 0, "circular": 1, "moving": 2, "iid": 0}


@functools.cache
def _kernels() -> tuple[Callable[..., Any], Callable[..., Any]]:
    from numba import njit

    draw = njit(nogil=True)(draw_blocks.plain)  # type: ignore[attr-defined]

    @njit(nogil=True)
    def statistics(logs, sums, first, settings, year, out):  # type: ignore[no-untyped-def]
        seed, mean_block, kind = settings
        n = len(logs) // 2
        starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
        for row in range(len(out)):
            count = draw(seed, first + row, n, mean_block, kind, starts, lengths)
            total = squares = level = peak = drop = 0.0
            for block in range(count):
                begin = starts[block]
                end = begin + lengths[block]
                total += sums[0, end] - sums[0, begin]
                squares += sums[1, end] - sums[1, begin]
                for bar in range(begin, end):
                    level += logs[bar]
                    peak = max(peak, level)
                    drop = min(drop, level - peak)
            mean = total / n
            variance = max((squares - total * mean) / (n - 1), 0.0)
            spread = np.sqrt(variance)
            flat = variance <= 1e-14 * squares / n
            out[row, 0] = np.nan if flat else mean / spread * np.sqrt(year)
            out[row, 1] = np.expm1(level * year / n)
            out[row, 2] = 0.0 if flat else spread * np.sqrt(year)
            out[row, 3] = np.expm1(drop)
            out[row, 4] = np.exp(level)

    @njit(nogil=True)
    def paths(logs, places, settings, out):  # type: ignore[no-untyped-def]
        seed, mean_block, kind = settings
        n = len(logs) // 2
        starts, lengths = np.empty(n, np.int64), np.empty(n, np.int64)
        for row in range(len(out)):
            count = draw(seed, row, n, mean_block, kind, starts, lengths)
            level, filled, wanted = 0.0, 0, 0
            for block in range(count):
                for bar in range(starts[block], starts[block] + lengths[block]):
                    level += logs[bar]
                    if wanted < len(places) and filled == places[wanted]:
                        out[row, wanted] = np.exp(level)
                        wanted += 1
                    filled += 1

    return statistics, paths


def _logs(x: np.ndarray) -> np.ndarray:
    """Logs of growth, twice in a row for circular blocks; minus infinity is ruin."""
    factors = np.maximum(1.0 + x, 0.0)
    logs = np.log(factors, out=np.full(len(x), -np.inf), where=factors > 0.0)
    return np.concatenate([logs, logs])


def path_statistics(
    x: np.ndarray, out: np.ndarray, *, first: int, settings: tuple[int, float, int], year: float
) -> None:
    """Fill out [path x 5] (Sharpe, CAGR, volatility, maximum drawdown, final wealth) from path `first` on."""
    sums = np.zeros((2, 2 * len(x) + 1))
    np.cumsum(np.tile(x, 2), out=sums[0, 1:])
    np.cumsum(np.tile(x**2, 2), out=sums[1, 1:])
    _kernels()[0](_logs(x), sums, first, settings, float(year), out)


def equity_paths(x: np.ndarray, places: np.ndarray, *, n_paths: int, settings: tuple[int, float, int]) -> np.ndarray:
    """Return equity [path x place] after the bars at `places`, of the same streams as `path_statistics`."""
    out = np.empty((n_paths, len(places)))
    _kernels()[1](_logs(x), places, settings, out)
    return out
