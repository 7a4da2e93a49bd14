"""`run_many`: every strategy its answer, whatever happens to the others."""

from __future__ import annotations

import dataclasses
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from outsample import api, errors
from outsample.batch.capacity import Capacity, capacity_of, cores
from outsample.batch.entries import Entry, gather
from outsample.batch.helpers import SharedEvaluation
from outsample.batch.pool import Pool
from outsample.batch.report import BatchReport
from outsample.batch.retry import Retry, is_transient
from outsample.batch.rows import Finished, Row, row_of_error, row_of_result
from outsample.classify import classify_error, classify_success
from outsample.config import SandboxPolicy
from outsample.data import Dataset, load
from outsample.ledger.trials import ledger_of
from outsample.logs import span
from outsample.metrics import Metrics
from outsample.model import ErrorCategory, ExecutionResult, Status, Verdict
from outsample.pipeline import Executor, execute
from outsample.request import Request, request_key
from outsample.results import Result
from outsample.settings import load_settings
from outsample.store import Store
from outsample.strategy import Strategy

__all__ = ["Components", "run_many"]

# So many faults of the machine one after the other, and the rest would meet the same.
FAULTS_IN_A_ROW = 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Components:
    """The parts of a batch, each usable alone and replaceable.

    Parameters
    ----------
    executor : callable
        (request, cancel) -> ExecutionResult.
    run : callable
        Request -> Result, with the keywords of `outsample.api.run_request`; another one may run it elsewhere
        (`outsample.jobs.batches.through_queue`), and then nothing calls `executor`.
    extract : callable
        Result -> Metrics.
    success : callable
        Metrics -> Verdict; takes ``thresholds``.
    error : callable
        Exception -> ErrorCategory.
    reporter : callable
        The fields of a `BatchReport`, as keywords -> the report.
    retry : Retry
    """

    executor: Executor = execute
    run: Callable[..., Result] = api.run_request
    extract: Callable[[Result], Metrics] = lambda result: result.metrics
    success: Callable[..., Verdict] = classify_success
    error: Callable[[BaseException], ErrorCategory] = classify_error
    reporter: Callable[..., BatchReport] = BatchReport
    retry: Retry = field(default_factory=Retry)


def run_many(  # noqa: PLR0913 - pinned by the public interface
    strategies: Iterable[Strategy | Entry | str | Path],
    data: Dataset | str,
    *,
    parallel: int | None = None,
    policy: SandboxPolicy | None = None,
    on_result: Callable[[Finished], None] | None = None,
    lookahead: bool | str = "auto",
    store: Store | bool | None = None,
    use_cache: bool = True,
    meta: Mapping[str, str] | None = None,
    recursive: bool = False,
    components: Components | None = None,
    **options: object,
) -> BatchReport:
    """Run many strategies on one dataset, each in a sandbox of its own.

    Parameters
    ----------
    strategies : iterable
        Strategies, sources (str), or `pathlib.Path` values of files, notebooks and folders.
    data : Dataset or str
    parallel : int, optional
        Sandboxes at once; default: the setting, else one per core. Lowered where memory is short, and the
        report says so. Never changes a number.
    policy : SandboxPolicy, optional
        Limits of each run; default: 420 s and 2048 MiB, or the settings'.
    on_result : callable, optional
        Called in this thread with a `Finished` as each strategy ends, in the order of finishing.
    lookahead, store, use_cache
        As in `outsample.backtest`.
    meta : mapping of str to str, optional
        For every row, over the ``# meta:`` comments of the sources.
    recursive : bool
        Folders in folders too.
    components : Components, optional
    **options
        params (a strategy that lacks one fails), engine, benchmark, alpha, conventions, seed, and options of
        ``sim`` for every strategy.

    Returns
    -------
    BatchReport
        In the order of the input. A strategy that cannot be read or fails is a row with level FAILED and a
        category. After Ctrl-C, or five faults of the machine in a row, the report holds what is done and says so.

    Raises
    ------
    ConfigError, DataError
        The options or the data: nothing could run.

    Examples
    --------
    >>> report = run_many(["position = data.get('close') > 0", "position = 1 / 0"], "synthetic:2x60", store=False)
    >>> [row.executed for row in report.rows], report.rows[1].category.value
    ([True, False], 'CALCULATION')
    """
    began = time.perf_counter()
    settings = load_settings()
    entries = gather(strategies, recursive=recursive, meta=meta)
    limits = policy or settings.batch_policy()
    capacity = capacity_of(parallel if parallel is not None else settings.parallel.workers, limits)
    parts = components or Components(retry=Retry(**dataclasses.asdict(settings.retry)))
    dataset, _ = parts.retry.call(lambda: load(data, store=ledger_of(store)[0]) if isinstance(data, str) else data)
    job = _Job(
        data=dataset,
        make=_maker(dataset, limits, options),
        run={"lookahead": lookahead, "store": store, "use_cache": use_cache, **_shared(parts, capacity, len(entries))},
        parts=parts,
    )
    # Options that are not allowed are an error of the call, not of each strategy; parameters are each one's own.
    _maker(dataset, limits, {**options, "params": None})(Strategy("position = 0"))
    batch = _Batch(job=job, on_result=on_result, total=len(entries))
    _log.info("batch of %d strategies on %s, %d at once", len(entries), dataset.name, capacity.parallel)
    with span("outsample.batch", strategies=len(entries), parallel=capacity.parallel):
        ended = batch.work(entries, threads=capacity.parallel)
    _log.info("batch ended%s after %.1f s", f" early ({ended})" if ended else "", time.perf_counter() - began)
    return parts.reporter(
        rows=batch.ordered(),
        total=len(entries),
        dataset=dataset.name,
        snapshot_id=dataset.id,
        parallel=capacity.parallel,
        seconds=time.perf_counter() - began,
        ended=ended,
        notes=(capacity.note,) if capacity.note else (),
        thresholds=settings.thresholds,
    )


def _shared(parts: Components, capacity: Capacity, total: int) -> dict[str, SharedEvaluation]:
    """Helpers for what follows the sandbox, where several strategies are at work and it happens here."""
    if capacity.parallel == 1 or parts.run is not api.run_request:
        return {}
    return {"evaluator": SharedEvaluation(total=total, count=min(capacity.parallel, cores()) - 1 or 1)}


_REQUEST_NAMES = ("alpha", "benchmark", "conventions", "engine", "params", "seed")


class _Make(Protocol):
    def __call__(self, strategy: Strategy, own: Mapping[str, object] | None = None) -> Request:
        """Return the request of a strategy; `own` are options of it alone."""


def _maker(data: Dataset, policy: SandboxPolicy, options: Mapping[str, object]) -> _Make:
    def make(strategy: Strategy, own: Mapping[str, object] | None = None) -> Request:
        given: dict[str, Any] = {**options, **(own or {})}
        limits = given.pop("policy", policy)
        named = {name: given.pop(name) for name in _REQUEST_NAMES if name in given}
        return api.make_request(strategy, data, options=given, sandbox=limits, **named)

    return make


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What is the same for every strategy of a batch, and what is done with one."""

    data: Dataset
    make: _Make
    run: Mapping[str, Any]
    parts: Components

    def one(self, place: int, entry: Entry, stop: threading.Event) -> Finished:
        """Run one strategy; never raises for what a strategy, a file or a machine does."""
        executions: list[ExecutionResult] = []
        began = time.perf_counter()
        try:
            if entry.strategy is None:
                assert entry.error is not None
                raise entry.error
            # A copy: what it remembers of its parameters goes when its run is over.
            request = self.make(dataclasses.replace(entry.strategy), entry.options)
            seconds = time.perf_counter() - began
            executor = functools.partial(self._execute, entry, executions)
            try:
                result = self.parts.run(request, execute=executor, cancel=stop, **self.run)
            finally:
                # Also of one that failed: it is a trial like the others.
                notes = _keep_meta(self.run["store"], request, entry)
            return self._done(place, dataclasses.replace(entry, notes=entry.notes + notes), result, executions, seconds)
        except errors.OutsampleError as error:
            return self._failed(place, entry, error, executions)
        except Exception as error:  # noqa: BLE001 - named INTERNAL and logged with its traceback
            # A fault of ours must not take the other strategies with it.
            _log.exception("%s: a fault of outsample, not of the strategy", entry.place)
            row = row_of_error(place, entry, error, category=ErrorCategory.INTERNAL, execution=_last(executions))
            return Finished(row=row, error=errors.OutsampleError(row.message))

    def _execute(
        self, entry: Entry, executions: list[ExecutionResult], request: Request, cancel: threading.Event | None
    ) -> ExecutionResult:
        """Run the strategy, again after faults of the machine; remembers what was seen of it."""

        def attempt() -> ExecutionResult:
            execution = self.parts.executor(request, cancel)
            if _is_fault(execution):
                raise errors.SandboxCrashed(execution.error, hint=execution.hint)
            return execution

        stopped = cancel.wait if cancel is not None else time.sleep
        try:
            execution, attempts = self.parts.retry.call(attempt, transient=_worth_another, sleep=stopped)
        except errors.SandboxCrashed as error:
            execution = ExecutionResult(status=Status.CRASHED, error=error.message, hint=error.hint)
            attempts = self.parts.retry.attempts
        strategy = request.strategy
        shape = None if execution.positions is None else execution.positions.frame.shape
        context = {"file": entry.file, "cell": entry.cell, "parameters": dict(strategy.values), "shape": shape}
        execution = dataclasses.replace(execution, attempts=attempts, context={**context, "meta": dict(entry.meta)})
        executions.append(execution)
        return execution

    def _done(
        self, place: int, entry: Entry, result: Result, executions: list[ExecutionResult], loading: float
    ) -> Finished:
        began = time.perf_counter()
        thresholds = result.outcome.request.thresholds
        verdict = self.parts.success(self.parts.extract(result), thresholds=thresholds)
        execution = _last(executions)
        if execution is None and "attempts" in result.usage:  # it ran elsewhere, and not long ago
            execution = dataclasses.replace(result.outcome.execution, attempts=result.usage["attempts"])
        passed = dict(result.usage["stages"])
        if execution is None:  # known: the seconds of those stages were spent another time
            passed = {name: passed[name] for name in ("look-ahead", "store") if name in passed}
        stages = {"load": loading, **passed, "report": time.perf_counter() - began}
        return Finished(row=row_of_result(place, entry, result, verdict, execution, stages), result=result)

    def _failed(
        self, place: int, entry: Entry, error: errors.OutsampleError, executions: list[ExecutionResult]
    ) -> Finished:
        execution = _last(executions)
        stages = (
            {"validate": execution.validate_seconds, "sandbox": execution.wall_seconds} if execution is not None else {}
        )
        category = self.parts.error(error)
        row = row_of_error(place, entry, error, category=category, execution=execution, stages=stages)
        return Finished(row=row, error=error)


def _is_fault(execution: ExecutionResult) -> bool:
    """Whether the machine failed, not the strategy: the strategy never began."""
    return execution.status is Status.CRASHED and execution.wall_seconds == 0.0


def _worth_another(error: BaseException) -> bool:
    return isinstance(error, errors.SandboxCrashed) or is_transient(error)


def _keep_meta(store: Store | bool | None, request: Request, entry: Entry) -> tuple[str, ...]:
    """Keep what ``# meta:`` says with the run in the store; return what went wrong with that."""
    ledger = ledger_of(store)[0] if entry.meta else None
    if ledger is None:
        return ()
    try:
        ledger.keep_meta(request_key(request), entry.meta)
    except errors.StoreError as error:
        return (f"The meta values of this run are not kept: {error}",)
    return ()


def _last(executions: list[ExecutionResult]) -> ExecutionResult | None:
    return executions[-1] if executions else None


@dataclass(kw_only=True)
class _Batch:
    """A batch at work: the rows so far, and the faults in a row."""

    job: _Job
    on_result: Callable[[Finished], None] | None
    total: int
    rows: dict[int, Row] = field(default_factory=dict)
    faults: int = 0
    cause: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self, entries: list[Entry], *, threads: int) -> str:
        """Run the entries and return why it ended early, or an empty string."""
        pool: Pool[Entry, Finished] = Pool(self._one, threads=threads)

        def done(place: int, finished: Finished) -> None:
            if pool.stop.is_set() and finished.row.category is ErrorCategory.CANCELLED:
                return  # it was ended by us: that says nothing about the strategy
            self.rows[place] = finished.row
            if self.on_result is not None:
                self.on_result(dataclasses.replace(finished, done=len(self.rows), total=self.total))

        try:
            pool.run(entries, done)
        except KeyboardInterrupt:
            return "interrupted"
        return self.cause

    def _one(self, place: int, entry: Entry, stop: threading.Event) -> Finished:
        with span("outsample.strategy", place=place, strategy=entry.name):
            finished = self.job.one(place, entry, stop)
        row = finished.row
        _log.info("%s: %s %s", entry.place, row.level.name, row.category or "")
        with self.lock:
            self._count(finished)
            if self.faults >= FAULTS_IN_A_ROW and not self.cause:
                self.cause = f"{self.faults} faults of the machine in a row: {finished.row.message}"
                stop.set()
        return finished

    def _count(self, finished: Finished) -> None:
        error = finished.error
        faulty = isinstance(error, errors.SandboxRefused | errors.StoreError) or (
            isinstance(error, errors.SandboxCrashed) and finished.row.wall_seconds == 0.0
        )
        self.faults = self.faults + 1 if faulty else 0

    def ordered(self) -> tuple[Row, ...]:
        """Return the rows in the order of the input."""
        return tuple(self.rows[place] for place in sorted(self.rows))
