"""Tables of background jobs, on the MetaData of `outsample.store.schema`.

`backtest_jobs` has one row per job: who asked, the request, the lease of the worker that runs it, how it
ended. `job_attempts` keeps every attempt. The rules of the states are constraints here, and transitions in
`outsample.jobs.states`.
"""

from __future__ import annotations

import sqlalchemy as sa

from outsample.store.schema import UtcDateTime, json_type, metadata

__all__ = ["backtest_jobs", "job_attempts"]

backtest_jobs = sa.Table(
    "backtest_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("job_id", sa.String(64), nullable=False),  # sha256 of kind, key and parameters
    # -- what was asked
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("backend", sa.String(20), nullable=False),
    sa.Column("priority", sa.String(10), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("start_date", sa.String(40)),
    sa.Column("end_date", sa.String(40)),
    sa.Column("weight_method", sa.String(40)),
    sa.Column("config", json_type(), nullable=False),
    sa.Column("seed", sa.BigInteger),
    sa.Column("source_hash", sa.String(64)),
    sa.Column("snapshot_id", sa.String(64)),
    sa.Column("dataset_version_ids", json_type()),
    sa.Column("engine_version", sa.String(80)),
    sa.Column("job_timeout", sa.Integer, nullable=False),
    sa.Column("memory_limit_mb", sa.Integer, nullable=False),
    # -- who and when
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("not_before", UtcDateTime),  # a retry waits until then
    sa.Column("started_at", UtcDateTime),
    sa.Column("completed_at", UtcDateTime),
    # -- the lease
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("retry_count", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.String(120)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("cancel_requested", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("forced", sa.Boolean(create_constraint=False), nullable=False),
    sa.Column("progress_pct", sa.Float, nullable=False),
    sa.Column("progress_message", sa.String(200), nullable=False),
    # -- how it ended
    sa.Column("result_key", sa.String(64)),
    sa.Column("result_path", sa.String(400)),
    sa.Column("error_category", sa.String(20)),
    sa.Column("error_message", sa.Text),
    sa.Column("peak_memory_mb", sa.Float),
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("wall_seconds", sa.Float),
    sa.Column("purging_at", UtcDateTime),
    sa.UniqueConstraint("job_id"),
    sa.CheckConstraint("kind in ('backtest', 'sweep', 'walk_forward', 'bootstrap', 'notebook')", name="kind"),
    sa.CheckConstraint("status in ('pending', 'running', 'completed', 'failed', 'cancelled')", name="status"),
    sa.CheckConstraint("priority in ('high', 'normal', 'low')", name="priority"),
    sa.CheckConstraint("progress_pct >= 0 and progress_pct <= 100", name="progress"),
    sa.CheckConstraint("job_timeout >= 1 and job_timeout <= 86400", name="timeout"),
    sa.CheckConstraint("attempt >= 1", name="attempt"),
    sa.CheckConstraint(
        "kind = 'notebook' or status <> 'completed' or (snapshot_id is not null and dataset_version_ids is not null)",
        name="completed_has_data",
    ),
    sa.CheckConstraint(
        "kind = 'notebook' or (start_date is not null and end_date is not null and weight_method is not null)",
        name="has_span",
    ),
    sa.CheckConstraint(
        "status <> 'running' or (worker_id is not null and lease_until is not null)", name="running_has_lease"
    ),
    sa.Index(None, "created_at"),
    sa.Index(None, "name", "created_at"),
    sa.Index(None, "created_by", "status", "created_at"),
    sa.Index(None, "status", "created_at"),
    sa.Index(None, "snapshot_id"),
    sa.Index(None, "result_key"),
    sa.Index(
        "ix_backtest_jobs_purging",
        "purging_at",
        sqlite_where=sa.text("purging_at is not null"),
        postgresql_where=sa.text("purging_at is not null"),
    ),
    sa.Index(
        "ix_backtest_jobs_pending",
        "priority",
        "created_at",
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    ),
)

job_attempts = sa.Table(
    "job_attempts",
    metadata,
    sa.Column("job_id", sa.String(64), sa.ForeignKey("backtest_jobs.job_id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("worker_id", sa.String(120), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("error_category", sa.String(20)),
    sa.Column("error_message", sa.Text),
    sa.Column("peak_memory_mb", sa.Float),
    sa.Column("cpu_seconds", sa.Float),
    sa.Column("wall_seconds", sa.Float),
    sa.CheckConstraint(
        "outcome in ('running', 'completed', 'failed', 'cancelled', 'lost', 'retried', 'returned')", name="outcome"
    ),
)
