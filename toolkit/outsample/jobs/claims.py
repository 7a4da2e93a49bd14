"""The values of the state machine: a claim, how an attempt ended, and the moment that counts."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["ACTIVE", "FINAL", "LEASE", "PRIORITIES", "STATUSES", "Claim", "Ending", "now"]

ACTIVE = ("pending", "running")
FINAL = ("completed", "failed", "cancelled")
STATUSES = (*ACTIVE, *FINAL)
PRIORITIES = ("high", "normal", "low")
LEASE = 20.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to run one attempt of a job, as long as its lease is renewed.

    Parameters
    ----------
    job_id : str
    attempt : int
    worker_id : str
        Of this claim alone: no two claims share one.
    kind : str
    config : mapping
    timeout : int
        Seconds.
    memory_limit_mb : int
    retry_count : int
        Attempts that were made after transient faults.
    forced : bool
        Computed again although the result is known.
    created_by : str
        Who submitted it: what it stores is theirs.
    """

    job_id: str
    attempt: int
    worker_id: str
    kind: str
    config: Mapping[str, Any]
    timeout: int
    memory_limit_mb: int
    retry_count: int
    forced: bool
    created_by: str


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt ended.

    Parameters
    ----------
    status : {"completed", "failed", "cancelled"}
    error_category, error_message : str or None
    usage : mapping
        peak_memory_mb, cpu_seconds, wall_seconds, as far as they are known.
    result_key, result_path : str or None
    """

    status: str
    error_category: str | None = None
    error_message: str | None = None
    usage: Mapping[str, float | None] = field(default_factory=dict)
    result_key: str | None = None
    result_path: str | None = None


def now(connection: sa.Connection) -> datetime.datetime:
    """Return the moment by the clock of the database; SQLite's is this machine's."""
    import sqlalchemy as sa

    if connection.dialect.name == "sqlite":
        return datetime.datetime.now(datetime.UTC)
    moment: datetime.datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment.astimezone(datetime.UTC)
