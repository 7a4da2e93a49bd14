"""The queues in Redis: RQ's lists, with ids of jobs on them and nothing else.

Nothing is pickled, and nothing from Redis is run: a worker reads ids and looks them up in the job table.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from outsample.errors import JobError, MissingExtra
from outsample.jobs.states import PRIORITIES
from outsample.settings import load_settings

if TYPE_CHECKING:
    import redis

__all__ = ["Queues", "is_job_id", "redis_url"]

_ID = re.compile(r"[0-9a-f]{64}")


def is_job_id(text: str) -> bool:
    """Whether a text has the form of the id of a job."""
    return _ID.fullmatch(text) is not None


def redis_url() -> str:
    """Return the address of Redis: OUTSAMPLE_REDIS_URL, else the setting ``jobs.redis``, else this machine's."""
    return os.environ.get("OUTSAMPLE_REDIS_URL") or load_settings().jobs.redis or "redis://127.0.0.1:6379/0"


class Queues:
    """The three queues of a Redis.

    Parameters
    ----------
    url : str, optional
        None: as `redis_url` says.

    Raises
    ------
    MissingExtra
        RQ is not installed.
    JobError
        The address is none.
    """

    def __init__(self, url: str | None = None) -> None:
        self._rq, library = _libraries()
        self._library = library
        self.url = url or redis_url()
        try:
            self._connection: redis.Redis = library.Redis.from_url(
                self.url, socket_timeout=5.0, socket_connect_timeout=2.0, health_check_interval=15
            )
        except ValueError as error:
            raise JobError(f"The address of Redis is not one: {error}.") from error
        self._queues = {name: self._rq.Queue(f"backtest_{name}", connection=self._connection) for name in PRIORITIES}

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (self._library.exceptions.RedisError, OSError) as error:
            place = self.url.rpartition("@")[2]  # without a password
            raise JobError(
                f"Redis ({place}) does not answer: {error}.",
                hint="Start it, set OUTSAMPLE_REDIS_URL, or submit with fallback='local' (--fallback local).",
            ) from error

    def ping(self) -> None:
        """Raise JobError if Redis does not answer."""
        with self._errors():
            self._connection.ping()

    def push(self, job_id: str, priority: str) -> None:
        """Put an id on the queue of a priority."""
        with self._errors():
            self._queues[priority].push_job_id(job_id)

    def pop(self, priorities: Sequence[str]) -> str | None:
        """Take an id from the first of the queues that has one."""
        with self._errors():
            for priority in priorities:
                found = self._connection.lpop(self._queues[priority].key)
                if found is not None:
                    return bytes(found).decode("ascii", "replace")  # type: ignore[arg-type]
        return None

    def remove(self, job_id: str) -> None:
        """Take an id from all queues."""
        with self._errors():
            for queue in self._queues.values():
                self._connection.lrem(queue.key, 0, job_id)

    def restore(self, waiting: Sequence[tuple[str, str]]) -> int:
        """Put ids that are on no queue on theirs, and return how many there were."""
        with self._errors():
            known = {job for queue in self._queues.values() for job in queue.get_job_ids()}
            missing = [(job, priority) for job, priority in waiting if job not in known]
            for job, priority in missing:
                self._queues[priority].push_job_id(job)
        return len(missing)

    def depths(self) -> dict[str, int]:
        """Return the number of ids on each queue."""
        with self._errors():
            return {name: int(queue.count) for name, queue in self._queues.items()}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _libraries() -> tuple[ModuleType, ModuleType]:
    try:
        import redis
        import rq
    except ModuleNotFoundError as error:
        raise MissingExtra("rq", "queue") from error
    return rq, redis
