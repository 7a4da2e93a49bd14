"""Which version the tables of a store have, and which tables this version knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["VERSION_TABLE", "current_version", "full_metadata"]

VERSION_TABLE = "alembic_version"
_FIRST = "0001"


def full_metadata() -> sa.MetaData:
    """Return the MetaData with every table of the store on it."""
    from outsample.store import job_tables, views  # noqa: F401 - importing them adds their tables
    from outsample.store.schema import metadata

    return metadata


def current_version(connection: sa.Connection) -> str | None:
    """Return the revision of the tables; None: there are none.

    A store of before revisions were recorded has the ledger alone: the first.
    """
    import sqlalchemy as sa

    tables = set(sa.inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        found = connection.execute(sa.text(f"select version_num from {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant
        if found is not None:
            return str(found)
    return _FIRST if "trials" in tables else None
