"""Migrations of a store's tables, by Alembic, from the scripts inside the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["upgrade"]


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the tables to a revision."""
    raise NotImplementedError
