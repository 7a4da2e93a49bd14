"""A batch through the job queue: each strategy is a background job, its row is made of what the job left.

``run_many(..., components=Components(run=through_queue(), error=category_of))``, or ``outsample run --queue``.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

from outsample.archive import Store
from outsample.classify import classify_error
from outsample.errors import ConfigError, JobError, SandboxCancelled
from outsample.jobs import Job, submit
from outsample.model import ErrorCategory
from outsample.request import Request
from outsample.results import Result
from outsample.settings import load_settings

__all__ = ["JobFailed", "category_of", "through_queue"]

# Long enough for a wait to notice that a worker is gone, short enough for Ctrl-C.
_LOOK_SECONDS = 2.5


class JobFailed(JobError):
    """A job that a batch waited for has failed.

    Parameters
    ----------
    message, hint : str
        As in `OutsampleError`.
    category : ErrorCategory
        What its worker made of it.
    """

    code = "job-failed"

    def __init__(self, message: str, *, hint: str = "", category: ErrorCategory = ErrorCategory.OTHER) -> None:
        super().__init__(message, hint=hint)
        self.category = category


def category_of(error: BaseException) -> ErrorCategory:
    """Return the category of an error: that of the worker where a job failed."""
    return error.category if isinstance(error, JobFailed) else classify_error(error)


def through_queue(
    *,
    priority: str = "normal",
    timeout: float | None = None,
    backend: str | None = None,
) -> Callable[..., Result]:
    """Return what runs a request as a background job and waits for it.

    Parameters
    ----------
    priority : {"high", "normal", "low"}
    timeout : float, optional
        Seconds a job may take; default: the setting ``jobs.timeout``.
    backend : {"local", "rq"}, optional
        Default: the setting ``jobs.backend``.

    Returns
    -------
    callable
        With the keywords of `outsample.api.run_request`; when it is cancelled, it cancels its job.

    Examples
    --------
    >>> from outsample.batch import Components
    >>> parts = Components(run=through_queue(priority="low"), error=category_of)
    """

    def run(
        request: Request,
        *,
        lookahead: bool | str = "auto",
        store: Store | bool | None = None,
        use_cache: bool = True,
        cancel: threading.Event | None = None,
        **_: object,
    ) -> Result:
        if store is False:
            raise ConfigError("A batch through the queue needs a store: its jobs are kept there.", hint="store=None")
        job = submit(
            request.strategy,
            request.data,
            backend=backend,
            priority=priority,
            timeout=timeout,
            force=not use_cache,
            store=store if isinstance(store, Store) else _store_at(load_settings().store),
            lookahead=lookahead,
            **_arguments(request),
        )
        known = job.status == "completed"
        result = _waited(job, cancel)
        if known:
            return result
        return dataclasses.replace(result, usage={**result.usage, "attempts": max(len(job.attempts), 1)})

    return run


@functools.cache
def _store_at(url: str | None) -> Store:
    """One store for all jobs of this process."""
    if url == "none":
        raise ConfigError("A batch through the queue needs a store, and the configured store is 'none'.")
    return Store.open(url)


def _arguments(request: Request) -> dict[str, Any]:
    """What `submit` takes besides strategy and data, for the same request."""
    named = {
        "sandbox": request.policy,
        "engine": request.engine,
        "benchmark": request.benchmark,
        "conventions": request.conventions,
        "seed": request.seed,
        "alpha": request.alpha,
    }
    return {**request.options, **named}


def _waited(job: Job, cancel: threading.Event | None) -> Result:
    while True:
        try:
            job.wait(_LOOK_SECONDS)
        except JobError:
            if cancel is not None and cancel.is_set():
                job.cancel()
                raise SandboxCancelled(f"The job {job.id[:12]} was cancelled.") from None
            continue
        break
    row = job.row
    if row["status"] == "completed":
        result = job.result()
        assert isinstance(result, Result)
        return result
    if row["status"] == "cancelled":
        raise SandboxCancelled(f"The job {job.id[:12]} was cancelled.")
    name = row["error_category"]
    category = ErrorCategory.OTHER if name is None else ErrorCategory(name)
    raise JobFailed(str(row["error_message"]), hint=f"outsample jobs show {job.id[:12]}", category=category)
