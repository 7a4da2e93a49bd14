"""Jobs that are being removed say so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Go from the revision before to this one."""
    op.add_column("backtest_jobs", sa.Column("purging_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Go back."""
    op.drop_column("backtest_jobs", "purging_at")
