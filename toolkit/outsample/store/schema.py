"""Tables of the store: one MetaData for every database.

`backtest_runs` has one row per result key: inputs and numbers, interactive runs included. The job table
(`job_tables`) says who asked for a run and how that went; the view `backtest_results` joins the two.
`trials` is the append-only ledger. `snapshots` and `datasets` name data, `golden` expected results,
`audit` who did what.
"""

from __future__ import annotations

import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

__all__ = [
    "SCHEMA_VERSION",
    "UtcDateTime",
    "audit",
    "backtest_runs",
    "datasets",
    "golden",
    "json_type",
    "metadata",
    "reports",
    "snapshots",
    "trials",
]

# The newest revision in `migrations/versions`; a test holds the two together.
SCHEMA_VERSION = "0004"

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(sa.types.TypeDecorator[datetime.datetime]):
    """A moment with a zone; SQLite keeps none, so it is stored as UTC and read back as UTC."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """Refuse a moment without a zone and convert to UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a moment needs a time zone, got {value!r}")
        return value.astimezone(datetime.UTC).replace(tzinfo=None if dialect.name == "sqlite" else datetime.UTC)

    def process_result_value(self, value: datetime.datetime | None, dialect: sa.Dialect) -> datetime.datetime | None:
        """Give SQLite's naive moments their zone back, and say every moment in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=datetime.UTC) if dialect.name == "sqlite" else value.astimezone(datetime.UTC)


def json_type() -> sa.JSON:
    """Return the type of a JSON column: JSONB on PostgreSQL; None is SQL's NULL."""
    return sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("result_key", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("dataset", sa.String(400), nullable=False),
    sa.Column("snapshot_id", sa.String(64), nullable=False),
    sa.Column("family", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("parameters", json_type(), nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("start_date", sa.String(40)),
    sa.Column("end_date", sa.String(40)),
    sa.Column("n_returns", sa.Integer),
    sa.Column("sharpe", sa.Float),
    sa.Column("sharpe_per_period", sa.Float),
    sa.Column("total_return", sa.Float),
    sa.Column("max_drawdown", sa.Float),
    sa.Column("success_level", sa.Integer, nullable=False),
    sa.Column("error_category", sa.String(20)),
    sa.Column("error_message", sa.Text),
    sa.Column("returns_hash", sa.String(64)),
    sa.Column("wall_seconds", sa.Float),
    sa.CheckConstraint("status in ('completed', 'failed')", name="status"),
    sa.Index(None, "dataset", "result_key"),
    sa.Index(None, "family", "result_key"),
    sa.Index(None, "created_at"),
)

backtest_runs = sa.Table(
    "backtest_runs",
    metadata,
    sa.Column("result_key", sa.String(64), primary_key=True),
    sa.Column("job_id", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    # -- what was asked
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("dataset", sa.String(400), nullable=False),
    sa.Column("snapshot_id", sa.String(64)),
    sa.Column("dataset_version_ids", json_type()),
    sa.Column("family", sa.String(64), nullable=False),
    sa.Column("parameters", json_type(), nullable=False),
    sa.Column("config", json_type(), nullable=False),
    sa.Column("weight_method", sa.String(40)),
    sa.Column("start_date", sa.String(40)),
    sa.Column("end_date", sa.String(40)),
    sa.Column("seed", sa.BigInteger),
    sa.Column("engine", sa.String(80)),
    sa.Column("engine_version", sa.String(80)),
    sa.Column("source_hash", sa.String(64)),
    # -- who and when
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("completed_at", UtcDateTime),
    sa.Column("created_by", sa.String(200), nullable=False),
    # -- what came of it
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
    # -- where its files are
    sa.Column("result_path", sa.String(400)),
    sa.Column("canonical_sha", sa.String(64)),
    sa.Column("artefact_bytes", sa.BigInteger),
    sa.Column("purging_at", UtcDateTime),
    sa.CheckConstraint("status in ('completed', 'failed')", name="status"),
    sa.CheckConstraint("kind in ('backtest', 'alpha', 'sweep', 'walk_forward', 'bootstrap', 'notebook')", name="kind"),
    sa.CheckConstraint(
        "kind = 'notebook' or status <> 'completed' or (snapshot_id is not null and dataset_version_ids is not null)",
        name="completed_has_data",
    ),
    sa.CheckConstraint(
        "kind = 'notebook' or result_path is null or (start_date is not null and end_date is not null "
        "and weight_method is not null)",
        name="published_has_span",
    ),
    sa.Index(None, "created_at"),
    sa.Index(None, "job_id"),
    sa.Index(None, "name", "created_at"),
    sa.Index(None, "created_by", "status", "created_at"),
    sa.Index(None, "status", "created_at"),
    sa.Index(None, "snapshot_id"),
    sa.Index(None, "sharpe"),
    sa.Index(None, "total_return"),
    sa.Index(None, "max_drawdown"),
    sa.Index(None, "mean_ic"),
    sa.Index(None, "icir"),
    sa.Index(
        "ix_backtest_runs_purging",
        "purging_at",
        sqlite_where=sa.text("purging_at is not null"),
        postgresql_where=sa.text("purging_at is not null"),
    ),
)

# What is found about a result after it, under its key and the settings of the finding.
reports = sa.Table(
    "reports",
    metadata,
    sa.Column("result_key", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("settings", sa.String(200), primary_key=True),
    sa.Column("document", json_type(), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
)

snapshots = sa.Table(
    "snapshots",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("frame_ids", json_type(), nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Index(None, "created_at"),
)

# A name may have several rows: the newest is what the name means, the others are reached by name@snapshot.
datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("snapshot_id", sa.String(64), sa.ForeignKey("snapshots.id"), nullable=False),
    sa.Column("market", sa.String(40), nullable=False),
    sa.Column("periods_per_year", sa.Float),
    sa.Column("benchmark", json_type()),
    sa.Column("details", json_type(), nullable=False),  # origin, licence, dates, symbols, warnings
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Index(None, "name", "created_at"),
    sa.Index(None, "snapshot_id"),
)

golden = sa.Table(
    "golden",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("result_key", sa.String(64), nullable=False),
    sa.Column("snapshot_id", sa.String(64), nullable=False),
    sa.Column("document", json_type(), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("approved_by", sa.String(200), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "name", "created_at"),
    sa.Index(None, "result_key"),
    sa.Index(None, "snapshot_id"),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("created_by", sa.String(200), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(400), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("details", json_type(), nullable=False),
    sa.Index(None, "created_at"),
    sa.Index(None, "subject", "created_at"),
)
