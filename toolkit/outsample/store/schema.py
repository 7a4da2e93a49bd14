"""Tables of the store: one MetaData for every database."""

from __future__ import annotations

import datetime

import sqlalchemy as sa

__all__ = ["UtcDateTime", "metadata", "trials"]

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
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
        """Give SQLite's naive moments their zone back."""
        if value is not None and dialect.name == "sqlite":
            return value.replace(tzinfo=datetime.UTC)
        return value


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
    sa.Column("parameters", sa.JSON, nullable=False),
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
