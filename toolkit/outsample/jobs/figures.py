"""Figures of the jobs as Prometheus text, without a client library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from outsample.jobs.states import PRIORITIES, STATUSES, now

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store import Database

__all__ = ["prometheus"]

Sample = tuple[Mapping[str, str], float]


def prometheus(database: Database) -> str:
    """Return counts, queue depths and ages, durations, failures and artefact bytes, in Prometheus' text format.

    Everything is read from the store; ``outsample_queue_depth`` counts pending rows, not ids in Redis.
    """
    with database.connect() as connection:
        families = [
            ("outsample_jobs", "Jobs by status and queue.", _jobs(connection)),
            ("outsample_queue_depth", "Jobs that wait, by queue.", _depth(connection)),
            ("outsample_queue_oldest_seconds", "How long the oldest job has waited.", _oldest(connection)),
            ("outsample_job_failures", "Failed jobs by category.", _failures(connection)),
            ("outsample_job_seconds_sum", "Seconds of all completed jobs, by kind.", _seconds(connection, "sum")),
            ("outsample_job_seconds_count", "Completed jobs, by kind.", _seconds(connection, "count")),
            ("outsample_job_seconds_max", "Longest completed job, by kind.", _seconds(connection, "max")),
            ("outsample_artefact_bytes", "Bytes of stored results.", _bytes(connection)),
        ]
    return "".join(_family(*family) for family in families)


def _family(name: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(str(item))}"' for key, item in labels.items())
        lines.append(f"{name}{{{inside}}} {value:g}" if inside else f"{name} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(query)]


def _jobs(connection: sa.Connection) -> list[Sample]:
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(jobs.c.status, jobs.c.priority, sa.func.count()).group_by(jobs.c.status, jobs.c.priority)
    found = {(row[0], row[1]): row[2] for row in _rows(connection, query)}
    pairs = [(status, queue) for status in STATUSES for queue in PRIORITIES]
    return [({"status": status, "queue": queue}, found.get((status, queue), 0)) for status, queue in pairs]


def _depth(connection: sa.Connection) -> list[Sample]:
    waiting = {labels["queue"]: value for labels, value in _jobs(connection) if labels["status"] == "pending"}
    return [({"queue": queue}, value) for queue, value in waiting.items()]


def _oldest(connection: sa.Connection) -> list[Sample]:
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(jobs.c.priority, sa.func.min(jobs.c.queued_at)).where(jobs.c.status == "pending")
    moment = now(connection)
    found = {row[0]: (moment - row[1]).total_seconds() for row in _rows(connection, query.group_by(jobs.c.priority))}
    return [({"queue": queue}, max(found.get(queue, 0.0), 0.0)) for queue in PRIORITIES]


def _failures(connection: sa.Connection) -> list[Sample]:
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    query = sa.select(jobs.c.error_category, sa.func.count()).where(jobs.c.status == "failed")
    rows = _rows(connection, query.group_by(jobs.c.error_category).order_by(jobs.c.error_category))
    return [({"category": row[0] or "other"}, row[1]) for row in rows]


def _seconds(connection: sa.Connection, what: str) -> list[Sample]:
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs

    function = getattr(sa.func, what)
    query = sa.select(jobs.c.kind, function(jobs.c.wall_seconds)).where(jobs.c.status == "completed")
    return [({"kind": row[0]}, row[1] or 0.0) for row in _rows(connection, query.group_by(jobs.c.kind))]


def _bytes(connection: sa.Connection) -> list[Sample]:
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    total = connection.execute(sa.select(sa.func.sum(runs.c.artefact_bytes))).scalar()
    return [({}, float(total or 0))]
