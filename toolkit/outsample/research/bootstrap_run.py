"""The paths of a bootstrap: what is resampled, and the chunks that threads work through."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from outsample.stats.kernel import (
    BlockLaw,
    block_law,
    equity_paths,
    longest_under_water,
    path_statistics,
    range_table,
)

__all__ = ["NAMES", "UNDER_WATER", "Paths", "run_paths"]

NAMES = ("sharpe", "cagr", "volatility", "max_drawdown", "final_wealth")
UNDER_WATER = "longest_under_water"
# Chunks are many enough for all threads to end together, and short enough for Ctrl-C to be heard.
_CHUNKS, _CHUNK_BARS = 20, 50_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Paths:
    """What every path draws from.

    Parameters
    ----------
    returns : ndarray [observation]
        Simple returns; at or below -1 is ruin.
    excess : ndarray [observation]
        The same less the risk-free rate.
    kind, block
        As in `outsample.stats.kernel.block_law`.
    seed : int
        Path i draws from stream i of this seed.
    year : float
        Observations per year.
    """

    returns: np.ndarray
    excess: np.ndarray
    kind: str
    block: float
    seed: int
    year: float

    @cached_property
    def law(self) -> BlockLaw:
        """The law of the blocks."""
        return block_law(len(self.returns), kind=self.kind, block=self.block)

    @cached_property
    def factors(self) -> np.ndarray:
        """Growth per observation; 0 is ruin."""
        found: np.ndarray = np.maximum(1.0 + self.returns, 0.0)
        return found

    @cached_property
    def sums(self) -> np.ndarray:
        """Running sums [n + 1, 4] of the excess less its mean, its square, the ruins, and log growth without them."""
        centred, alive = self.excess - self.excess.mean(), self.factors > 0.0
        logs = np.log(self.factors, out=np.zeros(len(alive)), where=alive)
        found = np.zeros((len(centred) + 1, 4))
        for column, values in enumerate((centred, centred**2, ~alive, logs)):
            np.cumsum(values, out=found[1:, column])
        return found

    @cached_property
    def prices(self) -> np.ndarray:
        """Log of wealth before each observation."""
        return np.ascontiguousarray(self.sums[:, 3])

    @cached_property
    def table(self) -> np.ndarray:
        """The table of ranges of `prices`."""
        return range_table(self.prices, block=self.block)

    @cached_property
    def bits(self) -> np.ndarray:
        """The highest bit that is set in 0 (where it is 0 too), 1, 2, ...; the turns of a loop cannot be guessed."""
        count = 1 << len(self.returns).bit_length()
        return np.frexp(np.maximum(np.arange(count), 1))[1].astype(np.uint8) - np.uint8(1)

    @cached_property
    def scales(self) -> tuple[float, float, float]:
        """Mean excess return, the variance that is only rounding, observations per year."""
        noise = (1e-12 * float(np.abs(self.excess).max())) ** 2
        return float(self.excess.mean()), noise, float(self.year)

    def statistics(self, first: int, out: np.ndarray) -> None:
        """Fill out [5, path] from path `first` on."""
        path_statistics(
            self.sums,
            self.prices,
            self.table,
            self.bits,
            self.law,
            out,
            seed=self.seed,
            first=first,
            scales=self.scales,
        )

    def under_water(self, first: int, out: np.ndarray) -> None:
        """Fill out [path] with the longest time under water, in observations."""
        longest_under_water(self.factors, self.law, out, seed=self.seed, first=first)

    def equity(self, places: np.ndarray, n_paths: int) -> np.ndarray:
        """Return equity [path x place] of the first paths."""
        return equity_paths(self.sums, places, self.law, seed=self.seed, n_paths=n_paths)


def run_paths(
    paths: Paths,
    n_paths: int,
    *,
    n_jobs: int | None,
    time_under_water: bool,
    on_done: Callable[[int, int], None] | None,
) -> dict[str, np.ndarray]:
    """Return statistic -> array [path]; memory is that of the result, whatever the number of threads.

    The calling thread works too. Ctrl-C ends the whole after the chunks that are being worked on.
    """
    out = np.empty((len(NAMES), n_paths))
    longest = np.empty(n_paths if time_under_water else 0)

    def work(begin: int, end: int) -> None:
        paths.statistics(begin, out[:, begin:end])
        if time_under_water:
            paths.under_water(begin, longest[begin:end])

    work(0, 0)  # prepares the tables and compiles, before there are threads
    count = max(_CHUNKS, n_paths * len(paths.returns) // _CHUNK_BARS)
    edges = np.unique(np.linspace(0, n_paths, count + 1).astype(np.int64)).tolist()
    _share(work, list(itertools.pairwise(edges)), max(1, n_jobs or os.cpu_count() or 1), on_done)
    found = dict(zip(NAMES, out, strict=True))
    return {**found, UNDER_WATER: longest} if time_under_water else found


def _share(
    work: Callable[[int, int], None],
    chunks: list[tuple[int, int]],
    threads: int,
    on_done: Callable[[int, int], None] | None,
) -> None:
    """Work through the chunks on this thread and its helpers; `on_done` is called on this thread."""
    lock, queue, stop = threading.Lock(), iter(chunks), threading.Event()
    total, done = chunks[-1][1], [0]

    def take() -> Iterator[tuple[int, int]]:
        while not stop.is_set():
            with lock:
                chunk = next(queue, None)
            if chunk is None:
                return
            yield chunk

    def help_out() -> None:
        for begin, end in take():
            work(begin, end)
            with lock:
                done[0] += end - begin

    def report() -> None:
        if on_done is not None:
            on_done(done[0], total)

    with ThreadPoolExecutor(max(threads - 1, 1)) as pool:
        helpers = [pool.submit(help_out) for _ in range(min(threads, len(chunks)) - 1)]
        try:
            for begin, end in take():
                work(begin, end)
                with lock:
                    done[0] += end - begin
                if done[0] < total:
                    report()
            for helper in helpers:
                helper.result()
            report()
        finally:
            stop.set()
