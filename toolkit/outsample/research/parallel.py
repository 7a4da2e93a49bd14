"""`pmap`: the one seam for parallel work.

Threads by default, because the work happens elsewhere: strategies run in sandbox children, and kernels
release the lock. Inside ``joblib.parallel_config(backend="dask")``, or `cluster`, the items go to the
workers of a dask cluster instead, whose machines need outsample and a sandbox of their own. Results come in
the order of the items wherever they were computed, so that no number depends on the workers.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar, cast

from outsample.errors import ConfigError, MissingExtra, OutsampleError, SandboxCrashed

__all__ = ["cluster", "distributing", "pmap", "pmap_cancellable"]

T = TypeVar("T")
R = TypeVar("R")


def pmap(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
    here: bool = False,
) -> list[R]:
    """Apply a function to items in parallel, results in the order of the items.

    An error of one item ends the whole and is raised; so does Ctrl-C, after which no other item begins.

    Parameters
    ----------
    function : callable
    items : iterable
    n_jobs : int, optional
        Threads; None: one per core.
    on_done : callable, optional
        Called with (done, total) after each item.
    here : bool
        In this process, also where a cluster would do the work.

    Examples
    --------
    >>> pmap(abs, [-1, 2, -3], n_jobs=2)
    [1, 2, 3]
    """
    if n_jobs is not None and (isinstance(n_jobs, bool) or not isinstance(n_jobs, int) or n_jobs < 1):
        raise ConfigError(f"n_jobs must be a whole number >= 1, or None. Got {n_jobs!r}.")
    work = list(items)
    if work and distributing() and not here:
        return _on_cluster(function, work, on_done)
    threads = max(1, min(n_jobs or os.cpu_count() or 1, len(work)))
    if threads == 1:
        results = []
        for done, item in enumerate(work, start=1):
            results.append(function(item))
            if on_done is not None:
                on_done(done, len(work))
        return results
    return _in_threads(function, work, threads, on_done)


def pmap_cancellable(
    function: Callable[[T, threading.Event | None], R],
    items: Iterable[T],
    *,
    n_jobs: int | None = None,
    on_done: Callable[[int, int], None] | None = None,
) -> list[R]:
    """As `pmap`, for functions that take an event: it is set when an error or Ctrl-C ends the whole.

    On a cluster there is none: the tasks are cancelled instead.
    """
    if distributing():
        return pmap(cast(Any, _Uncancelled(function)), items, n_jobs=n_jobs, on_done=on_done)
    stop = threading.Event()
    try:
        return pmap(lambda item: function(item, stop), items, n_jobs=n_jobs, on_done=on_done)
    except BaseException:
        stop.set()
        raise


def _in_threads(
    function: Callable[[T], R], work: list[T], threads: int, on_done: Callable[[int, int], None] | None
) -> list[R]:
    pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="outsample")
    try:
        futures = [pool.submit(function, item) for item in work]
        for done, future in enumerate(concurrent.futures.as_completed(futures), start=1):
            future.result()  # an error is raised as soon as it happened, not in its turn
            if on_done is not None:
                on_done(done, len(work))
        return [future.result() for future in futures]
    except BaseException:
        # What runs ends by itself, or by the event of `pmap_cancellable`.
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=False)


# Seconds between two looks at the workers of a cluster, and without any before it is given up.
_POLL = 2.0
_PATIENCE = 20.0


@contextlib.contextmanager
def cluster(address: str) -> Iterator[None]:
    """Send what `pmap` does inside to a dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``"tcp://127.0.0.1:8786"``.

    Raises
    ------
    MissingExtra
        dask is not installed.
    ConfigError
        Nothing answers there.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingExtra("distributed", "dask") from error
    from joblib import parallel_config

    try:
        client = cast(Any, distributed).Client(address, timeout="10s", set_as_default=True)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConfigError(f"No dask scheduler answers at {address!r}: {error}", hint="tcp://host:port") from error
    with client, parallel_config(backend="dask"):
        yield


def distributing() -> bool:
    """Return whether the caller chose joblib's dask backend."""
    if "distributed" not in sys.modules:
        return False  # it cannot have been chosen without being imported
    from joblib.parallel import get_active_backend

    return type(get_active_backend()[0]).__name__ == "DaskDistributedBackend"


def _on_cluster(function: Callable[[T], R], work: list[T], on_done: Callable[[int, int], None] | None) -> list[R]:
    import distributed

    library: Any = distributed
    client = library.get_client()
    futures = client.map(_Task(function), range(len(work)), [_packed(item) for item in work], pure=False, retries=0)
    pending = {future: place for place, future in enumerate(futures)}
    watch = _Workers(client)
    try:
        while pending:
            try:
                ended = library.wait(list(pending), timeout=_POLL, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                watch.check(min(pending.values()))
                continue
            for future in sorted(ended, key=lambda one: pending[one]):
                place = pending.pop(future)
                if future.status != "finished":
                    raise _failed(future.exception(), place)
                if on_done is not None:
                    on_done(len(work) - len(pending), len(work))
        results: list[R] = [future.result() for future in futures]
        return results
    except BaseException:
        client.cancel(futures, force=True)
        raise


class _Workers:
    """Notices that a cluster has lost all of its workers: dask would wait for new ones for ever."""

    def __init__(self, client: object) -> None:
        self._client: Any = client
        self._seen = 0.0

    def check(self, place: int) -> None:
        """Raise if there were workers and have been none for a while."""
        now = time.monotonic()
        if self._client.scheduler_info()["workers"]:
            self._seen = now
        elif self._seen and now - self._seen > _PATIENCE:
            raise SandboxCrashed(
                f"Item {place} was lost: no worker is left on the cluster.", hint="Start workers, and run it again."
            )


class _Uncancelled:
    def __init__(self, function: Callable[[T, threading.Event | None], R]) -> None:
        self.function = function

    def __call__(self, item: object) -> object:
        return self.function(item, None)  # type: ignore[arg-type]


class _Task:
    """A function of an item, and of its place: a message about it can say which.

    Both travel as bytes: what a worker cannot read (a module that it does not have) is then the error of a task.
    dask's own messages would end the worker instead, and the next one, without end.
    """

    def __init__(self, function: Callable[[T], R]) -> None:
        self.function = _packed(function)

    def __call__(self, _place: int, item: bytes) -> object:
        return _unpacked(self.function)(pickle.loads(item))  # noqa: S301 - the caller's own


def _packed(value: object) -> bytes:
    """Return a value as a worker of a cluster can read it; functions of a notebook travel with their code."""
    import cloudpickle

    return bytes(cloudpickle.dumps(value))


@functools.lru_cache(maxsize=1)
def _unpacked(function: bytes) -> Callable[[object], object]:
    return cast(Callable[[object], object], pickle.loads(function))  # noqa: S301 - the caller's own


def _failed(error: BaseException | None, place: int) -> BaseException:
    if error is None or isinstance(error, OutsampleError):
        return error or SandboxCrashed(f"Item {place} was cancelled on the cluster.")
    if type(error).__name__ == "KilledWorker":
        return SandboxCrashed(f"Item {place} was lost: the worker that ran it was killed. {error}")
    return error
