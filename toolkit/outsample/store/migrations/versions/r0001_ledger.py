"""The ledger of trials."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.create_table(
        "trials",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("result_key", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("dataset", sa.String(400), nullable=False),
        sa.Column("snapshot_id", sa.String(64), nullable=False),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("parameters", JSON, nullable=False),
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
        sa.PrimaryKeyConstraint("id", name="pk_trials"),
        sa.CheckConstraint("status in ('completed', 'failed')", name="ck_trials_status"),
    )
    op.create_index("ix_trials_created_at", "trials", ["created_at"])
    op.create_index("ix_trials_dataset_result_key", "trials", ["dataset", "result_key"])
    op.create_index("ix_trials_family_result_key", "trials", ["family", "result_key"])


def downgrade() -> None:
    """Go back."""
    op.drop_table("trials")
