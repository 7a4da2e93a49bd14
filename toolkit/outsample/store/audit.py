"""Who did what, and who may: bookkeeping in rows that are only ever added.

Roles come from a setting: without authentication whoever sets the environment chooses them, so they prevent
mistakes and not attacks.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from outsample.errors import StoreError
from outsample.settings import load_settings
from outsample.store.users import current_user

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["ROLES", "current_role", "may_change", "read_audit", "require_runner", "write_audit"]

ROLES = ("viewer", "runner", "admin")


def current_role() -> str:
    """Return the role of this user: the setting ``store.role`` (OUTSAMPLE_ROLE); "admin" where it is not set.

    Raises
    ------
    ConfigError
        The setting is no role.
    """
    return load_settings().store_settings.role


def may_change(owner: str) -> bool:
    """Whether this user may cancel, retry or remove what belongs to `owner`: its owner or an admin may."""
    role = current_role()
    return role == "admin" or (role == "runner" and owner == current_user())


def require_runner(what: str) -> None:
    """Raise StoreError for a viewer.

    Parameters
    ----------
    what : str
        What is to be done, for the message.
    """
    if current_role() == "viewer":
        raise StoreError(f"The role 'viewer' may not {what}.", hint="Ask an admin, or set OUTSAMPLE_ROLE=runner.")


def write_audit(
    database: Database, action: str, subject: str, *, reason: str = "", details: Mapping[str, object] | None = None
) -> None:
    """Add a row that says who did what, when and why."""
    import sqlalchemy as sa

    from outsample.store.schema import audit

    row = {
        "id": str(uuid.uuid4()),
        "created_at": datetime.datetime.now(datetime.UTC),
        "created_by": current_user(),
        "action": action,
        "subject": subject[:400],
        "reason": reason,
        "details": dict(details or {}),
    }
    with database.begin() as connection:
        connection.execute(sa.insert(audit).values(**row))


def read_audit(database: Database, *, limit: int | None = None) -> pd.DataFrame:
    """Return the rows, the newest first."""
    import sqlalchemy as sa

    from outsample.store.schema import audit

    query = sa.select(audit).order_by(audit.c.created_at.desc(), audit.c.id)
    with database.connect() as connection:
        rows = connection.execute(query.limit(limit) if limit is not None else query).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=[column.name for column in audit.c])
