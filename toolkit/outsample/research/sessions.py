"""The runs of a sweep: parameter sets handed out to sandbox sessions, and what each came to.

Threads take shares of the sets from one list: large ones while much is left, small ones at the end, so that
none waits for another for long. While a session's child goes on, the batch before is simulated.
Which thread took a set never changes a number.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from outsample import errors
from outsample.model import ExecutionResult
from outsample.pipeline import execute
from outsample.request import Request
from outsample.research.bulk import simulated
from outsample.research.parallel import distributing, pmap_cancellable
from outsample.research.runs import Runs
from outsample.sandbox import SandboxSession
from outsample.sandbox.decode import Batch, BatchPositions
from outsample.strategy import Literal

__all__ = ["Done", "in_children", "in_sessions"]

Params = Mapping[str, Literal]
Progress = Callable[[int, int], None]

# Decisions are kept while they take at most so many bytes together; later ones are made again when asked for.
KEPT_BYTES = 256 << 20
# A share is meant to take so long: progress is told, and a cancelled sweep noticed, between shares too.
SHARE_SECONDS = 0.25
# The last shares are no smaller than this: each costs a message each way.
LEAST_SECONDS = 0.01
# Another session starts when the first has been at work for so long, and so much is left: by then it is known how
# fast the strategy is, and results of operators that the first session knows are new to another.
START_SECONDS = 0.06
LEFT_SECONDS = 0.1
FIRST_SHARE = 8


@dataclass(frozen=True, kw_only=True)
class Done:
    """What the parameter sets of one batch came to.

    Parameters
    ----------
    executions : Batch of ExecutionResult, or None
        None where their decisions were too large to keep.
    first : Timestamp or None
        Date of the first row of their decisions; None: they have none.
    runs : Runs
    """

    executions: Batch[ExecutionResult] | None
    first: pd.Timestamp | None
    runs: Runs


def in_sessions(
    request: Request,
    sets: Sequence[Params],
    n_jobs: int | None,
    on_done: Progress | None,
    check: Callable[[], None] = lambda: None,
) -> list[Done]:
    """Run parameter sets in sessions, one per thread, batches of results in the order of the sets.

    `check` is called before anything of the strategy runs, while the first session starts; its error ends it all.
    """
    threads = max(1, min(n_jobs or os.cpu_count() or 1, len(sets)))
    if distributing():
        check()
        # A cluster gets neither a shared list nor the caller's function: progress is not told from there.
        size = -(-len(sets) // threads)
        parts = [sets[first : first + size] for first in range(0, len(sets), size)]
        shares = pmap_cancellable(functools.partial(_share, request), parts, n_jobs=threads)
        return [done for share in shares for done in share]
    with _session(request) as first:
        first.start()
        check()
        work = _Work(request, sets, first, on_done)
        pmap_cancellable(work.worker, range(threads), n_jobs=threads)
    return work.results()


def in_children(request: Request, sets: Sequence[Params], n_jobs: int | None, on_done: Progress | None) -> list[Done]:
    """Run each parameter set in a fresh child of its own, each a batch by itself."""
    executions = pmap_cancellable(functools.partial(_alone, request), sets, n_jobs=n_jobs, on_done=on_done)
    return [_done(request, Batch.of(one)) for one in executions]


def _alone(request: Request, params: Params, cancel: threading.Event | None) -> ExecutionResult:
    strategy = request.strategy.with_params(**params)
    return execute(dataclasses.replace(request, strategy=strategy, validate=False), cancel)


def _share(request: Request, sets: Sequence[Params], cancel: threading.Event | None) -> list[Done]:
    found: list[Done] = []
    with _session(request) as session:
        session.batches([sets], lambda batch: found.append(_done(request, batch)), cancel=cancel)
    return found


def _session(request: Request) -> SandboxSession:
    return SandboxSession(request.strategy, request.data, policy=request.policy, seed=request.seed)


def _done(request: Request, batch: Batch[ExecutionResult]) -> Done:
    dates = _dates(batch)
    first = None if dates is None or not len(dates) else dates[0]
    return Done(executions=batch, first=first, runs=simulated(request, batch))


def _dates(batch: Batch[ExecutionResult]) -> pd.Index | None:
    if isinstance(batch.positions, BatchPositions):
        return batch.positions.dates
    first = batch.positions[0]
    return None if first is None else first.frame.index


def _bytes(batch: Batch[ExecutionResult]) -> int:
    """Memory of what was decided."""
    if isinstance(batch.positions, BatchPositions):
        return int(batch.positions.tables.nbytes)
    return sum(0 if one is None else int(one.frame.to_numpy().nbytes) for one in batch.positions)


class _Work:
    """The list of sets that threads take shares of."""

    def __init__(
        self,
        request: Request,
        sets: Sequence[Params],
        first: SandboxSession,
        on_done: Progress | None,
    ) -> None:
        self._request, self._sets, self._first, self._on_done = request, sets, first, on_done
        self._lock = threading.Lock()
        self._all_taken = threading.Event()
        self._working, self._next, self._finished, self._kept = 0, 0, 0, 0
        self._seconds = 0.0  # of one set, as last seen
        self._done: dict[int, Done] = {}

    def worker(self, place: int, cancel: threading.Event | None) -> None:
        """Take shares until none is left."""
        if place and (self._all_taken.wait(START_SECONDS) or not self._worth_it()):
            return
        try:
            with self._lock:
                self._working += 1
            with (
                _session(self._request) if place else self._first as session,
                concurrent.futures.ThreadPoolExecutor(1) as pool,
            ):
                beside = _Beside(pool, self._add)
                session.batches(self._shares(beside, cancel), beside.add, pace=self._note, cancel=cancel)
                beside.wait()
        finally:
            self._all_taken.set()

    def results(self) -> list[Done]:
        """Everything, in the order of the sets."""
        return [self._done[first] for first in sorted(self._done)]

    def _worth_it(self) -> bool:
        """Whether one more session is worth its start."""
        with self._lock:
            return not self._seconds or (len(self._sets) - self._next) * self._seconds > LEFT_SECONDS

    def _shares(self, beside: _Beside, cancel: threading.Event | None) -> Iterator[Sequence[Params]]:
        while (taken := self._take()) is not None:
            if cancel is not None and cancel.is_set():
                raise errors.SandboxCancelled("The sweep was cancelled.")
            beside.begin(taken)
            yield self._sets[taken]

    def _take(self) -> slice | None:
        with self._lock:
            left = len(self._sets) - self._next
            if not left:
                self._all_taken.set()
                return None
            size = FIRST_SHARE if not self._seconds else max(1, int(SHARE_SECONDS / self._seconds))
            if not self._seconds and self._next:
                size = 1  # slow so far: another thread is still at its first share
            least = int(LEAST_SECONDS / self._seconds) if self._seconds else 1
            alone = self._working == 1 and self._seconds and left * self._seconds <= LEFT_SECONDS
            part = left if alone else left // (self._working + 1)
            taken = slice(self._next, self._next + min(size, max(part, least, 1), left))
            self._next = taken.stop
            return taken

    def _note(self, seconds: float) -> None:
        """Remember how long a set of the last batch took."""
        with self._lock:
            self._seconds = max(seconds, 1e-6)

    def _add(self, first: int, batch: Batch[ExecutionResult]) -> None:
        done = _done(self._request, batch)
        size = _bytes(batch)
        with self._lock:
            self._kept += size
            drop = size and self._kept > KEPT_BYTES
            self._done[first] = dataclasses.replace(done, executions=None) if drop else done
            for _ in range(len(batch)):
                self._finished += 1
                if self._on_done is not None:
                    self._on_done(self._finished, len(self._sets))


class _Beside:
    """Has batches simulated in a thread of their own while the next one comes."""

    def __init__(
        self,
        pool: concurrent.futures.Executor,
        add: Callable[[int, Batch[ExecutionResult]], None],
    ) -> None:
        self._pool, self._add = pool, add
        self._before: concurrent.futures.Future[None] | None = None
        self._shares: list[slice] = []
        self._inside = 0  # place within the first share
        # A thread is started when it has something to do: before the first batch comes, and not with it.
        pool.submit(lambda: None)

    def begin(self, share: slice) -> None:
        """Say which sets come after those that are on their way."""
        self._shares.append(share)

    def add(self, batch: Batch[ExecutionResult]) -> None:
        """Take one batch; no more than one waits."""
        self.wait()
        first = self._shares[0].start + self._inside
        self._before = self._pool.submit(self._add, first, batch)
        self._inside += len(batch)
        if first + len(batch) == self._shares[0].stop:
            del self._shares[0]
            self._inside = 0

    def wait(self) -> None:
        """Wait for the batch before; its error ends the work."""
        if self._before is not None:
            self._before.result()
