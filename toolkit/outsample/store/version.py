"""Which version the tables of a store have, and what opening it does about that.

A new store gets today's tables. An older SQLite store is copied and upgraded; an older PostgreSQL
store belongs to several people and is refused, with the command that upgrades it. A newer one is refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.errors import StoreError

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["current_version", "full_metadata", "prepare"]

_TABLE = "alembic_version"
_FIRST = "0001"
_LOCK = 7_402_118_265  # any number that nothing else on the server locks


def full_metadata() -> sa.MetaData:
    """Return the MetaData with every table of the store on it."""
    import importlib.util

    from outsample.store.schema import metadata

    if importlib.util.find_spec("outsample.store.job_tables") is not None:
        importlib.import_module("outsample.store.job_tables")
    return metadata


def current_version(connection: sa.Connection) -> str | None:
    """Return the revision of the tables; None: there are none.

    A store of before revisions were recorded has the ledger alone: the first.
    """
    import sqlalchemy as sa

    tables = set(sa.inspect(connection).get_table_names())
    if _TABLE in tables:
        found = connection.execute(sa.text(f"select version_num from {_TABLE}")).scalar()  # noqa: S608 - a constant
        if found is not None:
            return str(found)
    return _FIRST if "trials" in tables else None


def prepare(engine: sa.Engine, path: Path | None, shown: str) -> None:
    """Make the tables of a new store; upgrade or refuse those of another version."""
    from outsample.store.schema import SCHEMA_VERSION

    with engine.connect() as connection:
        version = current_version(connection)
    if version is None:
        version = _create(engine)
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"The store {shown} has tables of revision {version}; this version of outsample knows {SCHEMA_VERSION}.",
            hint="Upgrade outsample: pip install -U outsample",
        )
    if engine.dialect.name == "postgresql":
        raise StoreError(
            f"The store {shown} has tables of revision {version}; {SCHEMA_VERSION} is needed.",
            hint="Upgrade it once, when nobody is writing: outsample db upgrade",
        )
    from outsample.store.migrate import upgrade

    if path is not None:
        _copy(engine, path, version)
    upgrade(engine)


def _create(engine: sa.Engine) -> str:
    """Make all tables; of two processes at once, one makes them."""
    import sqlalchemy as sa

    from outsample.store.schema import SCHEMA_VERSION

    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = current_version(connection)
        if found is not None:
            return found
        full_metadata().create_all(connection)
        connection.execute(sa.text(f"create table {_TABLE} (version_num varchar(32) not null primary key)"))
        connection.execute(sa.text(f"insert into {_TABLE} values (:version)"), {"version": SCHEMA_VERSION})  # noqa: S608
    return SCHEMA_VERSION


def _copy(engine: sa.Engine, path: Path, version: str) -> Path:
    """Copy the file of a store, with what the write-ahead log holds."""
    target = path.with_name(f"{path.name}.{version}.bak")
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # nobody writes while it is copied
        shutil.copyfile(path, target)
    return target
