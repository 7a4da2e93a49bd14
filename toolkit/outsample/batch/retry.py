"""Trying again: after faults of the machine, never after those of a strategy."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from outsample.checks import set_number, set_whole
from outsample.errors import OutsampleError

__all__ = ["Retry", "is_transient", "retry_after"]

T = TypeVar("T")
# The classes of libraries that need not be installed, by name: redis, requests, urllib3, psycopg, SQLAlchemy.
_TRANSIENT_NAMES = frozenset(
    {
        "BusyLoadingError",
        "ConnectTimeout",
        "ConnectionError",
        "IncompleteRead",
        "MaxRetryError",
        "NewConnectionError",
        "OperationalError",
        "ProtocolError",
        "ReadTimeout",
        "ReadTimeoutError",
        "RemoteDisconnected",
        "URLError",
    }
)
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def is_transient(error: BaseException) -> bool:
    """Whether trying again may help: network, a locked database, a server that is away or asks to wait.

    The causes of an error of ours count too.

    Examples
    --------
    >>> is_transient(ConnectionResetError()), is_transient(ZeroDivisionError())
    (True, False)
    """
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if _is_transient(current):
            return True
        current = current.__cause__ if isinstance(current, OutsampleError) else None
    return False


def _is_transient(error: BaseException) -> bool:
    status = _status(error)
    if status is not None:
        return status in _TRANSIENT_STATUS
    if isinstance(error, sqlite3.OperationalError):
        return "locked" in str(error) or "busy" in str(error)
    return isinstance(error, ConnectionError | TimeoutError) or type(error).__name__ in _TRANSIENT_NAMES


def _status(error: BaseException) -> int | None:
    """HTTP status of an error of urllib (`code`) or requests (`response.status_code`)."""
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None) or getattr(error, "code", None)
    return status if isinstance(status, int) else None


def retry_after(error: BaseException) -> float | None:
    """Return the seconds that a server asked to wait, or None."""
    response = getattr(error, "response", error)
    headers = getattr(response, "headers", None)
    value = headers.get("Retry-After") if headers is not None else None
    try:
        return max(float(value), 0.0) if value is not None else None
    except (TypeError, ValueError):  # the form with a date is rare
        return None


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How often and after how long something is tried again.

    Parameters
    ----------
    attempts : int
        At most so many in all; 1 means never again.
    delay : float
        Seconds before the second attempt.
    factor : float
        Each further wait is so many times longer.
    max_delay : float
        Longest wait in seconds.
    """

    attempts: int = 3
    delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 60.0

    def __post_init__(self) -> None:
        set_whole(self, "attempts", low=1)
        set_number(self, "delay", low=0.0, high=3600.0)
        set_number(self, "factor", low=1.0, high=100.0)
        set_number(self, "max_delay", low=0.0, high=86_400.0)

    def wait(self, attempt: int, *, asked: float | None = None) -> float:
        """Return the seconds to wait after a failed attempt (1 is the first), before jitter.

        Examples
        --------
        >>> [Retry().wait(attempt) for attempt in (1, 2, 3, 9)]
        [1.0, 2.0, 4.0, 60.0]
        """
        return min(max(self.delay * self.factor ** (attempt - 1), asked or 0.0), self.max_delay)

    def call(
        self,
        function: Callable[[], T],
        *,
        transient: Callable[[BaseException], bool] = is_transient,
        sleep: Callable[[float], object] = time.sleep,
    ) -> tuple[T, int]:
        """Call a function until it succeeds and return its value and the number of attempts.

        Parameters
        ----------
        function : callable
        transient : callable
            Whether an error is worth another attempt; others are raised at once.
        sleep : callable
            Waits; half to all of the time of `wait`, so that many callers do not come back together.
        """
        attempt = 1
        while True:
            try:
                return function(), attempt
            except Exception as error:
                if attempt >= self.attempts or not transient(error):
                    raise
                asked = retry_after(error)
                seconds = self.wait(attempt, asked=asked)
                # A server that named a time is not asked before it.
                sleep(seconds if asked else seconds * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                attempt += 1
