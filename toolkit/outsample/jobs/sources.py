"""Where a supervisor gets claims from: the table itself, or ids on the queues of Redis."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Protocol

from outsample.errors import JobError
from outsample.jobs.queues import Queues, is_job_id
from outsample.jobs.states import PRIORITIES, Claim, claim, unqueued
from outsample.store import Store

__all__ = ["LocalSource", "RedisSource", "Source"]

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Gives claims to a supervisor."""

    backend: str

    def next(self) -> Claim | None:
        """Take the next job, without waiting; None: there is none."""

    def keep(self) -> None:
        """Do what is to be done every few seconds."""


class LocalSource:
    """Jobs of this store, straight from the table."""

    backend = "local"

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker

    def next(self) -> Claim | None:
        """Take the next job."""
        return claim(self._store, self._worker, backend=self.backend)

    def keep(self) -> None:
        """Nothing: the table is all there is."""


class RedisSource:
    """Ids from the queues, most urgent first; what is not pending under an id is dropped.

    An id says nothing but which row to look at: whatever else somebody writes into Redis is ignored.
    """

    backend = "rq"

    def __init__(self, store: Store, worker: str, queues: Queues, priorities: Sequence[str] = PRIORITIES) -> None:
        self._store = store
        self._worker = worker
        self._queues = queues
        self._priorities = [priority for priority in PRIORITIES if priority in priorities]
        self._away = 0.0

    def next(self) -> Claim | None:
        """Take the next id whose job is pending."""
        if time.monotonic() < self._away:
            return None
        try:
            while (found := self._queues.pop(self._priorities)) is not None:
                if is_job_id(found):
                    held = claim(self._store, self._worker, backend=self.backend, job_id=found)
                    if held is not None:
                        return held
        except JobError as error:
            _log.warning("%s", error)
            self._away = time.monotonic() + 1.0
        return None

    def keep(self) -> None:
        """Put jobs that have been waiting and are on no queue back on theirs."""
        waiting = unqueued(self._store, backend=self.backend)
        if not waiting:
            return
        try:
            self._queues.restore(waiting)
        except JobError as error:
            _log.warning("%s", error)
