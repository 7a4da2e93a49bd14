"""The states of a job: every transition is one fenced statement on the job table, and nothing else changes it.

::

    pending --claim--> running --finish--> completed | failed | cancelled
       ^                 |  |
       |<-- give back ---'  |             (a worker that is asked to stop; the same attempt)
       |<-- retry later ----'             (a transient fault; the next attempt, after a wait)
       |<-- enqueue again ------------- failed | cancelled, or forced
    pending --cancel--> cancelled         running --lease over, reap--> failed

A claim holds a lease that its worker renews. Whoever writes the end of a run names worker and attempt: a
worker that lost its lease writes nothing. Moments are those of the database, so clocks of workers do not count.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from outsample.errors import JobError
from outsample.jobs.claims import ACTIVE, FINAL, LEASE, PRIORITIES, STATUSES, Claim, Ending, now

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store import Database

__all__ = [
    "ACTIVE",
    "FINAL",
    "LEASE",
    "PRIORITIES",
    "STATUSES",
    "Claim",
    "Ending",
    "claim",
    "enqueue",
    "finish",
    "give_back",
    "heartbeat",
    "note_peak",
    "now",
    "reap",
    "report_progress",
    "request_cancel",
    "retry_later",
    "unqueued",
]

_LOST = "The worker of this job has ended or lost its machine: nothing was heard of it for {seconds:.0f} s."


def enqueue(database: Database, values: Mapping[str, Any], *, force: bool = False) -> str:
    """Add a job, or one more attempt of it.

    Parameters
    ----------
    database : Database
    values : mapping
        Columns of the request.
    force : bool
        A completed job is run again, too.

    Returns
    -------
    {"new", "again", "known"}
        "known": it is pending, running or completed already, and was left as it is.
    """
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.begin() as connection:
        insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        moment = now(connection)
        fresh = _fresh(moment) | {"forced": force}
        row = {**values, **fresh, "id": str(uuid.uuid4()), "attempt": 1, "created_at": moment}
        added = insert(jobs).values(**row).on_conflict_do_nothing(index_elements=["job_id"]).returning(jobs.c.id)
        if connection.execute(added).first() is not None:
            return "new"
        ended = ("failed", "cancelled", "completed") if force else ("failed", "cancelled")
        kept = {name: values[name] for name in ("backend", "priority", "job_timeout", "memory_limit_mb", "config")}
        again = (
            sa.update(jobs)
            .where(jobs.c.job_id == values["job_id"], sa.or_(jobs.c.status.in_(ended), jobs.c.purging_at.is_not(None)))
            .values(**kept, **fresh, attempt=jobs.c.attempt + 1)
            .returning(jobs.c.id)
        )
        return "known" if connection.execute(again).first() is None else "again"


def _fresh(moment: datetime.datetime) -> dict[str, object]:
    """A row as it is before anybody has run it."""
    empty = ("not_before", "started_at", "completed_at", "worker_id", "lease_until", "result_key", "result_path")
    ended = ("error_category", "error_message", "peak_memory_mb", "cpu_seconds", "wall_seconds", "purging_at")
    return {
        **dict.fromkeys((*empty, *ended)),
        "status": "pending",
        "queued_at": moment,
        "cancel_requested": False,
        "retry_count": 0,
        "progress_pct": 0.0,
        "progress_message": "",
    }


def claim(
    database: Database,
    worker: str,
    *,
    backend: str,
    job_id: str | None = None,
    priorities: Sequence[str] = PRIORITIES,
    lease: float = LEASE,
) -> Claim | None:
    """Take the next pending job: the most urgent, of those the oldest.

    Parameters
    ----------
    database : Database
    worker : str
        Name of the worker; the claim adds what makes it its own.
    backend : {"local", "rq"}
    job_id : str, optional
        Only this one.
    priorities : sequence of str
        Only these, in this order.
    lease : float
        Seconds until the claim is void unless it is renewed.

    Returns
    -------
    Claim or None
        None: there is nothing to do, or somebody else was faster.
    """
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.begin() as connection:
        moment = now(connection)
        for priority in priorities:
            # As text, not as a parameter: only then does a prepared statement use the partial index.
            waiting = [
                jobs.c.status == sa.literal_column("'pending'"),
                jobs.c.priority == priority,
                jobs.c.backend == backend,
            ]
            waiting.append(sa.or_(jobs.c.not_before.is_(None), jobs.c.not_before <= moment))
            if job_id is not None:
                waiting.append(jobs.c.job_id == job_id)
            chosen = sa.select(jobs.c.id).where(*waiting).order_by(jobs.c.created_at).limit(1)
            # Locked rows are somebody else's by now. SQLite has one writer and leaves the clause out.
            found = connection.execute(chosen.with_for_update(skip_locked=True)).scalar()
            if found is None:
                continue
            taken = {
                "status": "running",
                "worker_id": f"{worker[:80]}/{uuid.uuid4().hex[:12]}",
                "lease_until": moment + datetime.timedelta(seconds=lease),
                "started_at": moment,
                "progress_message": "starting",
            }
            update = sa.update(jobs).where(jobs.c.id == found, jobs.c.status == "pending").values(**taken)
            row = connection.execute(update.returning(jobs)).mappings().first()
            if row is not None:
                _note_start(connection, row)
                return _claim_of(row)
    return None


def _claim_of(row: Mapping[Any, Any]) -> Claim:
    names = (
        "job_id",
        "attempt",
        "worker_id",
        "kind",
        "config",
        "memory_limit_mb",
        "retry_count",
        "forced",
        "created_by",
    )
    return Claim(**{name: row[name] for name in names}, timeout=row["job_timeout"])


def _note_start(connection: sa.Connection, row: Mapping[Any, Any]) -> None:
    """Begin the record of an attempt; an attempt that was given back begins anew."""
    from sqlalchemy.dialects import postgresql, sqlite

    from outsample.store.job_tables import job_attempts

    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {name: row[name] for name in ("worker_id", "started_at")} | {"outcome": "running", "ended_at": None}
    statement = insert(job_attempts).values(job_id=row["job_id"], attempt=row["attempt"], **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["job_id", "attempt"], set_=values))


def _note_end(connection: sa.Connection, job_id: str, attempt: int, values: Mapping[str, object]) -> None:
    import sqlalchemy as sa

    from outsample.store.job_tables import job_attempts as attempts

    mine = sa.and_(attempts.c.job_id == job_id, attempts.c.attempt == attempt)
    connection.execute(sa.update(attempts).where(mine).values(ended_at=now(connection), **values))


def _fenced(database: Database, held: Claim, values: Mapping[str, object], noted: Mapping[str, object]) -> bool:
    """Change the row of a claim if it is still this claim's, and its attempt with it."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.begin() as connection:
        mine = sa.and_(
            jobs.c.job_id == held.job_id,
            jobs.c.worker_id == held.worker_id,
            jobs.c.attempt == held.attempt,
            jobs.c.status == "running",
        )
        changed = sa.update(jobs).where(mine).values(**_moments(values, connection)).returning(jobs.c.id)
        if connection.execute(changed).first() is None:
            return False
        if noted:
            _note_end(connection, held.job_id, held.attempt, noted)
    return True


def _moments(values: Mapping[str, object], connection: sa.Connection) -> dict[str, object]:
    """Spans count from the database's present."""
    moment = now(connection)
    spans = {name: moment + value for name, value in values.items() if isinstance(value, datetime.timedelta)}
    return {**values, **spans}


def heartbeat(database: Database, held: Claim, *, lease: float = LEASE) -> bool:
    """Renew the lease of a claim; False: it is lost, and what it does is in vain."""
    return _fenced(database, held, {"lease_until": datetime.timedelta(seconds=lease)}, {})


def report_progress(database: Database, held: Claim, percent: float, message: str) -> bool:
    """Say how far a job is, 0..100, and what it does."""
    bounded = min(max(float(percent), 0.0), 100.0)
    return _fenced(database, held, {"progress_pct": bounded, "progress_message": message[:200]}, {})


def finish(database: Database, held: Claim, ending: Ending) -> bool:
    """Write the end of an attempt; False: the claim was lost, and nothing was written.

    Raises
    ------
    JobError
        The ending is none, or a constraint forbids it (completed without data).
    """
    import sqlalchemy as sa

    if ending.status not in FINAL:
        raise JobError(f"A job ends as one of {', '.join(FINAL)}. Got {ending.status!r}.")
    told: dict[str, object] = {"error_category": ending.error_category, "error_message": ending.error_message}
    used = ("peak_memory_mb", "cpu_seconds", "wall_seconds")
    told |= {name: ending.usage[name] for name in used if name in ending.usage}
    done: dict[str, object] = {"progress_pct": 100.0} if ending.status == "completed" else {}
    values = {**told, **done, "status": ending.status, "lease_until": None, "completed_at": datetime.timedelta(0)}
    values |= {"result_key": ending.result_key, "result_path": ending.result_path, "progress_message": ending.status}
    try:
        return _fenced(database, held, values, {**told, "outcome": ending.status})
    except sa.exc.IntegrityError as error:
        raise JobError(f"The job {held.job_id[:12]} may not end as {ending.status}: {error.orig}.") from error


def note_peak(database: Database, held: Claim, peak_mb: float) -> None:
    """Note the memory that the processes of an attempt used, if that is more than is known."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs, job_attempts

    with database.begin() as connection:
        for table in (backtest_jobs, job_attempts):
            peak = table.c.peak_memory_mb
            mine = sa.and_(table.c.job_id == held.job_id, table.c.attempt == held.attempt, peak < peak_mb)
            connection.execute(sa.update(table).where(mine).values(peak_memory_mb=peak_mb))


def retry_later(database: Database, held: Claim, seconds: float, ending: Ending) -> bool:
    """Make a job pending again after a transient fault, not before `seconds` have passed."""
    wait = datetime.timedelta(seconds=seconds)
    values: dict[str, object] = {
        "status": "pending",
        "lease_until": None,
        "worker_id": None,
        "not_before": wait,
        "queued_at": wait,
    }
    values |= {"attempt": held.attempt + 1, "retry_count": held.retry_count + 1, "progress_pct": 0.0}
    values |= {"progress_message": "waits for another attempt"}
    told = {"error_category": ending.error_category, "error_message": ending.error_message}
    return _fenced(database, held, {**values, **told}, {**told, "outcome": "retried"})


def give_back(database: Database, held: Claim) -> bool:
    """Make a job pending again because its worker is asked to stop; the attempt does not count."""
    values: dict[str, object] = {
        "status": "pending",
        "lease_until": None,
        "worker_id": None,
        "queued_at": datetime.timedelta(0),
    }
    values |= {"progress_pct": 0.0, "progress_message": "given back by its worker", "started_at": None}
    return _fenced(database, held, values, {"outcome": "returned"})


def request_cancel(database: Database, job_id: str) -> str | None:
    """Cancel a job: a pending one at once, a running one through its worker.

    Returns
    -------
    str or None
        The status after it ("running": its worker has been asked); None: there is no such job.
    """
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.begin() as connection:
        this = jobs.c.job_id == job_id
        waiting = sa.update(jobs).where(this, jobs.c.status == "pending")
        ended = {"status": "cancelled", "completed_at": now(connection), "progress_message": "cancelled"}
        connection.execute(waiting.values(**ended, error_category="cancelled", cancel_requested=True))
        connection.execute(sa.update(jobs).where(this, jobs.c.status == "running").values(cancel_requested=True))
        found: str | None = connection.execute(sa.select(jobs.c.status).where(this)).scalar()
        return found


def reap(database: Database, *, lease: float = LEASE) -> list[str]:
    """End the jobs whose lease is over, and return their ids; any process may do it, at any time.

    A job that was to be cancelled is cancelled, any other failed and may be submitted again.
    """
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.connect() as connection:  # usually there is none, and nothing is locked for that
        over = sa.and_(jobs.c.status == "running", jobs.c.lease_until < now(connection))
        if connection.execute(sa.select(jobs.c.id).where(over).limit(1)).first() is None:
            return []
    with database.begin() as connection:
        moment = now(connection)
        over = sa.and_(jobs.c.status == "running", jobs.c.lease_until < moment)
        wanted = jobs.c.cancel_requested
        message = _LOST.format(seconds=lease)
        values = {
            "status": sa.case((wanted, "cancelled"), else_="failed"),
            "error_category": sa.case((wanted, "cancelled"), else_="killed"),
            "error_message": message,
            "completed_at": moment,
            "lease_until": None,
            "progress_message": "lost",
        }
        rows = connection.execute(sa.update(jobs).where(over).values(**values).returning(jobs.c.job_id, jobs.c.attempt))
        lost = [(str(row[0]), int(row[1])) for row in rows]
        for job, attempt in lost:
            told = {"outcome": "lost", "error_category": "killed", "error_message": message}
            _note_end(connection, job, attempt, told)
    return [job for job, _ in lost]


def unqueued(database: Database, *, backend: str, older_than: float = 10.0) -> list[tuple[str, str]]:
    """Return id and priority of jobs that have been waiting so long: a queue may have lost them."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    with database.connect() as connection:
        limit = now(connection) - datetime.timedelta(seconds=older_than)
        waiting = sa.and_(jobs.c.status == "pending", jobs.c.backend == backend, jobs.c.queued_at < limit)
        query = sa.select(jobs.c.job_id, jobs.c.priority).where(waiting).order_by(jobs.c.created_at)
        return [(str(row[0]), str(row[1])) for row in connection.execute(query)]
