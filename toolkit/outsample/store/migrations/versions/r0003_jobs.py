"""Background jobs, their attempts, and the view that joins them with runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
VIEW = (
    "create view backtest_results as select j.id, j.job_id, j.kind, j.status, j.priority, j.name, "
    "j.start_date, j.end_date, j.weight_method, j.config, j.created_at, j.started_at, j.completed_at, "
    "j.created_by, j.worker_id, j.attempt, j.lease_until, j.cancel_requested, j.progress_pct, "
    "j.progress_message, j.job_timeout, j.retry_count, j.error_category, j.error_message, j.peak_memory_mb, "
    "j.cpu_seconds, j.wall_seconds, j.snapshot_id, j.dataset_version_ids, j.engine_version, j.seed, "
    "j.source_hash, j.result_key, coalesce(r.result_path, j.result_path) as result_path, r.mean_ic, r.icir, "
    "r.hit_rate, r.coverage, r.long_short_spread, r.average_turnover, r.decay_half_life, r.sharpe, "
    "r.total_return, r.max_drawdown, r.success_level from backtest_jobs j left join backtest_runs r on "
    "r.result_key = j.result_key union all select r.result_key as id, r.job_id as job_id, r.kind as kind, "
    "r.status as status, 'normal' as priority, r.name as name, r.start_date as start_date, r.end_date as "
    "end_date, r.weight_method as weight_method, r.config as config, r.created_at as created_at, r.created_at "
    "as started_at, r.completed_at as completed_at, r.created_by as created_by, null as worker_id, 1 as "
    "attempt, null as lease_until, false as cancel_requested, 100 as progress_pct, '' as progress_message, "
    "null as job_timeout, 0 as retry_count, r.error_category as error_category, r.error_message as "
    "error_message, r.peak_memory_mb as peak_memory_mb, r.cpu_seconds as cpu_seconds, r.wall_seconds as "
    "wall_seconds, r.snapshot_id as snapshot_id, r.dataset_version_ids as dataset_version_ids, "
    "r.engine_version as engine_version, r.seed as seed, r.source_hash as source_hash, r.result_key as "
    "result_key, r.result_path, r.mean_ic, r.icir, r.hit_rate, r.coverage, r.long_short_spread, "
    "r.average_turnover, r.decay_half_life, r.sharpe, r.total_return, r.max_drawdown, r.success_level from "
    "backtest_runs r where not exists (select 1 from backtest_jobs j where j.result_key = r.result_key)"
)


def _asked() -> list[sa.Column[object]]:
    """What was asked, by whom and when."""
    return [
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("backend", sa.String(20), nullable=False),
        sa.Column("priority", sa.String(10), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("start_date", sa.String(40)),
        sa.Column("end_date", sa.String(40)),
        sa.Column("weight_method", sa.String(40)),
        sa.Column("config", JSON, nullable=False),
        sa.Column("seed", sa.BigInteger),
        sa.Column("source_hash", sa.String(64)),
        sa.Column("snapshot_id", sa.String(64)),
        sa.Column("dataset_version_ids", JSON),
        sa.Column("engine_version", sa.String(80)),
        sa.Column("job_timeout", sa.Integer, nullable=False),
        sa.Column("memory_limit_mb", sa.Integer, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT),
        sa.Column("started_at", MOMENT),
        sa.Column("completed_at", MOMENT),
    ]


def _ran() -> list[sa.Column[object]]:
    """The lease, and how it ended."""
    return [
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("retry_count", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.String(120)),
        sa.Column("lease_until", MOMENT),
        sa.Column("cancel_requested", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("forced", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("progress_pct", sa.Float, nullable=False),
        sa.Column("progress_message", sa.String(200), nullable=False),
        sa.Column("result_key", sa.String(64)),
        sa.Column("result_path", sa.String(400)),
        sa.Column("error_category", sa.String(20)),
        sa.Column("error_message", sa.Text),
        sa.Column("peak_memory_mb", sa.Float),
        sa.Column("cpu_seconds", sa.Float),
        sa.Column("wall_seconds", sa.Float),
    ]


def _backtest_jobs() -> None:
    op.create_table(
        "backtest_jobs",
        *_asked(),
        *_ran(),
        sa.PrimaryKeyConstraint("id", name="pk_backtest_jobs"),
        sa.UniqueConstraint("job_id", name="uq_backtest_jobs_job_id"),
        sa.CheckConstraint("attempt >= 1", name="ck_backtest_jobs_attempt"),
        sa.CheckConstraint(
            "kind = 'notebook' or status <> 'completed' or (snapshot_id is not null and "
            "dataset_version_ids is not null)",
            name="ck_backtest_jobs_completed_has_data",
        ),
        sa.CheckConstraint(
            "kind = 'notebook' or (start_date is not null and end_date is not null and weight_method is not null)",
            name="ck_backtest_jobs_has_span",
        ),
        sa.CheckConstraint(
            "kind in ('backtest', 'sweep', 'walk_forward', 'bootstrap', 'notebook')", name="ck_backtest_jobs_kind"
        ),
        sa.CheckConstraint("priority in ('high', 'normal', 'low')", name="ck_backtest_jobs_priority"),
        sa.CheckConstraint("progress_pct >= 0 and progress_pct <= 100", name="ck_backtest_jobs_progress"),
        sa.CheckConstraint(
            "status <> 'running' or (worker_id is not null and lease_until is not null)",
            name="ck_backtest_jobs_running_has_lease",
        ),
        sa.CheckConstraint(
            "status in ('pending', 'running', 'completed', 'failed', 'cancelled')", name="ck_backtest_jobs_status"
        ),
        sa.CheckConstraint("job_timeout >= 1 and job_timeout <= 86400", name="ck_backtest_jobs_timeout"),
    )


def _job_indexes() -> None:
    op.create_index("ix_backtest_jobs_created_at", "backtest_jobs", ["created_at"])
    op.create_index(
        "ix_backtest_jobs_created_by_status_created_at", "backtest_jobs", ["created_by", "status", "created_at"]
    )
    op.create_index("ix_backtest_jobs_name_created_at", "backtest_jobs", ["name", "created_at"])
    op.create_index(
        "ix_backtest_jobs_pending",
        "backtest_jobs",
        ["priority", "created_at"],
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index("ix_backtest_jobs_result_key", "backtest_jobs", ["result_key"])
    op.create_index("ix_backtest_jobs_snapshot_id", "backtest_jobs", ["snapshot_id"])
    op.create_index("ix_backtest_jobs_status_created_at", "backtest_jobs", ["status", "created_at"])


def _job_attempts() -> None:
    op.create_table(
        "job_attempts",
        sa.Column(
            "job_id",
            sa.String(64),
            sa.ForeignKey("backtest_jobs.job_id", name="fk_job_attempts_job_id_backtest_jobs"),
            nullable=False,
        ),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.String(120), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("error_category", sa.String(20)),
        sa.Column("error_message", sa.Text),
        sa.Column("peak_memory_mb", sa.Float),
        sa.Column("cpu_seconds", sa.Float),
        sa.Column("wall_seconds", sa.Float),
        sa.PrimaryKeyConstraint("job_id", "attempt", name="pk_job_attempts"),
        sa.CheckConstraint(
            "outcome in ('running', 'completed', 'failed', 'cancelled', 'lost', 'retried', 'returned')",
            name="ck_job_attempts_outcome",
        ),
    )


def upgrade() -> None:
    """Go from the revision before to this one."""
    _backtest_jobs()
    _job_indexes()
    _job_attempts()
    op.execute(VIEW)


def downgrade() -> None:
    """Go back."""
    op.execute("drop view backtest_results")
    op.drop_table("job_attempts")
    op.drop_table("backtest_jobs")
