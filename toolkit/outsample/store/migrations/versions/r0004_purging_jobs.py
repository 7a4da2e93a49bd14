"""Jobs that are being removed say so, and what is being removed is found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
TABLES = ("backtest_runs", "backtest_jobs")


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("backtest_jobs", sa.Column("purging_at", sa.DateTime(timezone=True)))
    marked = sa.text("purging_at is not null")
    for table in TABLES:
        op.create_index(f"ix_{table}_purging", table, ["purging_at"], sqlite_where=marked, postgresql_where=marked)


def downgrade() -> None:
    """Go back."""
    for table in TABLES:
        op.drop_index(f"ix_{table}_purging", table)
    op.drop_column("backtest_jobs", "purging_at")
