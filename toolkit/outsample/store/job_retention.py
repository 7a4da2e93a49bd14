"""Removing old jobs: their rows, their attempts, and the tables and notebooks that they wrote.

As with runs a row is marked first, and whatever moment a crash comes at, the next purge finishes the work.
The result of a backtest is a run's, and goes with the run.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.store.files import check_folder, discard, size_of
from outsample.store.steps import step

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store.database import Database

__all__ = ["broken_jobs", "job_bytes", "mark_jobs", "needed_by_no_job", "old_jobs", "old_jobs_statements", "remove_job"]

_ENDED = ("completed", "failed", "cancelled")


def old_jobs(database: Database, limit: datetime.datetime, kept: frozenset[str]) -> list[dict[str, Any]]:
    """Return rows of jobs that ended before `limit`, and those that an interrupted purge marked.

    Parameters
    ----------
    database : Database
    limit : datetime
    kept : frozenset of str
        Result keys whose jobs stay.
    """

    with database.connect() as connection:
        rows = [row for query in old_jobs_statements(limit) for row in connection.execute(query).mappings().all()]
    return [dict(row) for row in rows if row["result_key"] not in kept]


def old_jobs_statements(limit: datetime.datetime) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the queries behind `old_jobs`: those that were marked, then those that are old; each has its index."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    columns = (jobs.c.job_id, jobs.c.kind, jobs.c.created_by, jobs.c.result_key, jobs.c.result_path)
    query = sa.select(*columns)
    # Nothing ends before it was made: the index of creation finds what is old.
    old = (jobs.c.status.in_(_ENDED), jobs.c.created_at < limit, jobs.c.completed_at < limit)
    marked = query.where(jobs.c.purging_at.is_not(None)).order_by(jobs.c.purging_at)
    return marked, query.where(*old, jobs.c.purging_at.is_(None)).order_by(jobs.c.created_at)


def needed_by_no_job(limit: datetime.datetime) -> list[sa.ColumnElement[bool]]:
    """Return the conditions of runs that no job needs: none that is active, none that ended after `limit`."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs
    from outsample.store.schema import backtest_runs as runs

    active = sa.and_(jobs.c.job_id == runs.c.job_id, jobs.c.status.in_(["pending", "running"]))
    recent = sa.and_(jobs.c.result_key == runs.c.result_key, jobs.c.completed_at >= limit)
    return [~sa.exists().where(condition) for condition in (active, recent)]


def job_bytes(database: Database, row: Mapping[str, Any]) -> int:
    """Return the bytes that go with a job: none for a backtest."""
    folder = _folder(database, row)
    return 0 if folder is None else size_of(folder)


def mark_jobs(database: Database, ids: tuple[str, ...]) -> None:
    """Mark jobs, so that nobody counts on their files any more."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    step("mark jobs")
    now = datetime.datetime.now(datetime.UTC)
    with database.begin() as connection:
        for place in range(0, len(ids), 500):
            chosen = sa.and_(jobs.c.job_id.in_(ids[place : place + 500]), jobs.c.status.in_(_ENDED))
            connection.execute(sa.update(jobs).where(chosen, jobs.c.purging_at.is_(None)).values(purging_at=now))


def remove_job(database: Database, row: Mapping[str, Any]) -> None:
    """Move the files of a marked job away and remove its rows, in one transaction that keeps workers out."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs
    from outsample.store.job_tables import job_attempts as attempts

    chosen = row["job_id"]
    with database.begin() as connection:
        query = sa.select(jobs.c.purging_at).where(jobs.c.job_id == chosen, jobs.c.status.in_(_ENDED))
        if connection.execute(query.with_for_update()).scalar() is None:
            return  # somebody submitted it again
        step("move job")
        folder = _folder(database, row)
        if folder is not None:
            discard(database.folder, folder)
        step("delete job")
        connection.execute(sa.delete(attempts).where(attempts.c.job_id == chosen))
        connection.execute(sa.delete(jobs).where(jobs.c.job_id == chosen))
        step("commit job")
    step("job deleted")


def broken_jobs(database: Database) -> list[str]:
    """Return what is wrong with the files of completed jobs, in words; those of backtests are looked at as runs."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(jobs.c.job_id, jobs.c.name, jobs.c.result_path).where(
        jobs.c.status == "completed",
        jobs.c.kind != "backtest",
        jobs.c.result_path.is_not(None),
        jobs.c.purging_at.is_(None),
    )
    with database.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [
        f"job {row['name']} ({row['job_id'][:12]}): {text}"
        for row in rows
        for text in check_folder(Path(database.folder, row["result_path"]))
    ]


def _folder(database: Database, row: Mapping[str, Any]) -> Path | None:
    """Where a job wrote, in all its attempts."""
    return None if row["kind"] == "backtest" else database.folder / "results" / row["job_id"]
