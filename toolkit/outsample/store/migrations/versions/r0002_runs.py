"""Runs, reports, snapshots and names of datasets, golden results, audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def _asked() -> list[sa.Column[object]]:
    """What was asked, by whom and when."""
    return [
        sa.Column("result_key", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(400), nullable=False),
        sa.Column("snapshot_id", sa.String(64)),
        sa.Column("dataset_version_ids", JSON),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("weight_method", sa.String(40)),
        sa.Column("start_date", sa.String(40)),
        sa.Column("end_date", sa.String(40)),
        sa.Column("seed", sa.BigInteger),
        sa.Column("engine", sa.String(80)),
        sa.Column("engine_version", sa.String(80)),
        sa.Column("source_hash", sa.String(64)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("completed_at", MOMENT),
        sa.Column("created_by", sa.String(200), nullable=False),
    ]


def _found() -> list[sa.Column[object]]:
    """What came of it, and where its files are."""
    return [
        sa.Column("mean_ic", sa.Float),
        sa.Column("icir", sa.Float),
        sa.Column("hit_rate", sa.Float),
        sa.Column("coverage", sa.Float),
        sa.Column("long_short_spread", sa.Float),
        sa.Column("average_turnover", sa.Float),
        sa.Column("decay_half_life", sa.Float),
        sa.Column("sharpe", sa.Float),
        sa.Column("total_return", sa.Float),
        sa.Column("max_drawdown", sa.Float),
        sa.Column("success_level", sa.Integer, nullable=False),
        sa.Column("error_category", sa.String(20)),
        sa.Column("error_message", sa.Text),
        sa.Column("peak_memory_mb", sa.Float),
        sa.Column("cpu_seconds", sa.Float),
        sa.Column("wall_seconds", sa.Float),
        sa.Column("result_path", sa.String(400)),
        sa.Column("canonical_sha", sa.String(64)),
        sa.Column("artefact_bytes", sa.BigInteger),
        sa.Column("purging_at", MOMENT),
    ]


def _backtest_runs() -> None:
    op.create_table(
        "backtest_runs",
        *_asked(),
        *_found(),
        sa.PrimaryKeyConstraint("result_key", name="pk_backtest_runs"),
        sa.CheckConstraint(
            "kind = 'notebook' or status <> 'completed' "
            "or (snapshot_id is not null and dataset_version_ids is not null)",
            name="ck_backtest_runs_completed_has_data",
        ),
        sa.CheckConstraint(
            "kind in ('backtest', 'alpha', 'sweep', 'walk_forward', 'bootstrap', 'notebook')",
            name="ck_backtest_runs_kind",
        ),
        sa.CheckConstraint(
            "kind = 'notebook' or result_path is null or (start_date is not null and end_date is not null "
            "and weight_method is not null)",
            name="ck_backtest_runs_published_has_span",
        ),
        sa.CheckConstraint("status in ('completed', 'failed')", name="ck_backtest_runs_status"),
    )
    op.create_index("ix_backtest_runs_created_at", "backtest_runs", ["created_at"])
    op.create_index(
        "ix_backtest_runs_created_by_status_created_at", "backtest_runs", ["created_by", "status", "created_at"]
    )
    op.create_index("ix_backtest_runs_icir", "backtest_runs", ["icir"])
    op.create_index("ix_backtest_runs_job_id", "backtest_runs", ["job_id"])
    op.create_index("ix_backtest_runs_max_drawdown", "backtest_runs", ["max_drawdown"])
    op.create_index("ix_backtest_runs_mean_ic", "backtest_runs", ["mean_ic"])
    op.create_index("ix_backtest_runs_name_created_at", "backtest_runs", ["name", "created_at"])
    op.create_index("ix_backtest_runs_sharpe", "backtest_runs", ["sharpe"])
    op.create_index("ix_backtest_runs_snapshot_id", "backtest_runs", ["snapshot_id"])
    op.create_index("ix_backtest_runs_status_created_at", "backtest_runs", ["status", "created_at"])
    op.create_index("ix_backtest_runs_total_return", "backtest_runs", ["total_return"])


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("result_key", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("settings", sa.String(200), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("result_key", "kind", "settings", name="pk_reports"),
    )


def _snapshots() -> None:
    op.create_table(
        "snapshots",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("frame_ids", JSON, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
    )
    op.create_index("ix_snapshots_created_at", "snapshots", ["created_at"])


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column(
            "snapshot_id",
            sa.String(64),
            sa.ForeignKey("snapshots.id", name="fk_datasets_snapshot_id_snapshots"),
            nullable=False,
        ),
        sa.Column("market", sa.String(40), nullable=False),
        sa.Column("periods_per_year", sa.Float),
        sa.Column("benchmark", JSON),
        sa.Column("details", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
    )
    op.create_index("ix_datasets_name_created_at", "datasets", ["name", "created_at"])
    op.create_index("ix_datasets_snapshot_id", "datasets", ["snapshot_id"])


def _golden() -> None:
    op.create_table(
        "golden",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("result_key", sa.String(64), nullable=False),
        sa.Column("snapshot_id", sa.String(64), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("approved_by", sa.String(200), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_golden"),
    )
    op.create_index("ix_golden_name_created_at", "golden", ["name", "created_at"])
    op.create_index("ix_golden_result_key", "golden", ["result_key"])
    op.create_index("ix_golden_snapshot_id", "golden", ["snapshot_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(400), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_created_at", "audit", ["created_at"])
    op.create_index("ix_audit_subject_created_at", "audit", ["subject", "created_at"])


def upgrade() -> None:
    """Go from the revision before to this one."""
    _backtest_runs()
    _reports()
    _snapshots()
    _datasets()
    _golden()
    _audit()


def downgrade() -> None:
    """Go back."""
    op.drop_table("audit")
    op.drop_table("golden")
    op.drop_table("datasets")
    op.drop_table("snapshots")
    op.drop_table("reports")
    op.drop_table("backtest_runs")
