"""Reading the job table: one job, pages of jobs, counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from outsample.errors import ConfigError, JobError
from outsample.jobs.states import ACTIVE, STATUSES

if TYPE_CHECKING:
    from outsample.store import Database

__all__ = ["active_jobs", "asked_to_cancel", "attempts_of", "count_by_status", "find_job", "list_jobs"]

# What a list shows; the request itself is long, and read for one job only.
COLUMNS = (
    *("job_id", "kind", "name", "status", "backend", "priority", "progress_pct", "progress_message", "attempt"),
    *("created_by", "created_at", "started_at", "completed_at", "error_category", "error_message", "result_key"),
)
_SHORTEST = 6


def asked_to_cancel(database: Database, job_ids: Collection[str]) -> set[str]:
    """Return which of these jobs somebody wants cancelled."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.connect() as connection:
        query = sa.select(jobs.c.job_id).where(jobs.c.job_id.in_(job_ids), jobs.c.cancel_requested.is_(True))
        return set(connection.execute(query).scalars())


def find_job(database: Database, job_id: str) -> dict[str, Any]:
    """Return the row of a job by its id, or the first characters of it.

    Raises
    ------
    JobError
        There is none, or there are several.
    """
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    text = str(job_id).lower()
    match = jobs.c.job_id == text
    if _SHORTEST <= len(text) < 64:
        match = sa.and_(jobs.c.job_id >= text, jobs.c.job_id < text + "g")
    with database.connect() as connection:
        found = connection.execute(sa.select(jobs).where(match).limit(2)).mappings().all()
    if len(found) > 1:
        raise JobError(f"{job_id!r} is the start of several ids.", hint="Write more of it.")
    if not found:
        raise JobError(f"There is no job {job_id!r}.", hint="List them with: outsample jobs list")
    return dict(found[0])


def list_jobs(
    database: Database,
    *,
    status: str | None = None,
    created_by: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> pd.DataFrame:
    """Return jobs, the newest first, one page at a time.

    Parameters
    ----------
    database : Database
    status : str, optional
        Only these.
    created_by : str, optional
        Only this user's.
    limit, offset : int
        Rows of the page, and rows before it.

    Raises
    ------
    ConfigError
        There is no such status.
    """
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    if status is not None and status not in STATUSES:
        raise ConfigError(f"status must be one of {', '.join(map(repr, STATUSES))}. Got {status!r}.")
    if limit < 0 or offset < 0:
        raise ConfigError(f"limit and offset must be >= 0. Got {limit} and {offset}.")
    query = sa.select(*(jobs.c[name] for name in COLUMNS)).order_by(jobs.c.created_at.desc())
    for column, value in ((jobs.c.status, status), (jobs.c.created_by, created_by)):
        query = query if value is None else query.where(column == value)
    with database.connect() as connection:
        rows = connection.execute(query.limit(limit).offset(offset)).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=list(COLUMNS))


def attempts_of(database: Database, job_id: str) -> list[dict[str, Any]]:
    """Return the attempts of a job, the first one first."""
    import sqlalchemy as sa

    from outsample.store.job_tables import job_attempts as attempts

    query = sa.select(attempts).where(attempts.c.job_id == job_id).order_by(attempts.c.attempt)
    with database.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def active_jobs(database: Database, created_by: str | None = None, backend: str | None = None) -> int:
    """Return how many jobs are pending or running."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.status.in_(ACTIVE))
    for column, value in ((jobs.c.created_by, created_by), (jobs.c.backend, backend)):
        query = query if value is None else query.where(column == value)
    with database.connect() as connection:
        return int(connection.execute(query).scalar_one())


def count_by_status(database: Database) -> Mapping[str, int]:
    """Return how many jobs have each status."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)
    with database.connect() as connection:
        found = {str(row[0]): int(row[1]) for row in connection.execute(query)}
    return {status: found.get(status, 0) for status in STATUSES}
