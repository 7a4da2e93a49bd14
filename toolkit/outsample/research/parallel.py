"""`pmap`: the one seam for parallel work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TypeVar

__all__ = ["pmap"]

T = TypeVar("T")
R = TypeVar("R")


def pmap(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> list[R]:
    """Apply a function to items in parallel, results in the order of the items.

    Threads, because the work happens elsewhere: strategies run in sandbox children, and kernels release
    the lock. An error of one item ends the whole and is raised.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int, optional
        Threads; None: one per core.
    on_done : callable, optional
        Called with (done, total) after each item.

    Examples
    --------
    >>> pmap(abs, [-1, 2, -3], n_jobs=2)
    [1, 2, 3]
    """
    work = list(items)
    threads = max(1, min(n_jobs or os.cpu_count() or 1, len(work)))
    if threads == 1:
        results = []
        for done, item in enumerate(work, start=1):
            results.append(function(item))
            if on_done is not None:
                on_done(done, len(work))
        return results
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=threads, backend="threading", return_as="generator")
    results = []
    for result in parallel(delayed(function)(item) for item in work):
        results.append(result)
        if on_done is not None:
            on_done(len(results), len(work))
    return results
