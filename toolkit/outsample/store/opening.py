"""What opening a store does about its version.

A new store gets today's tables. An older SQLite store is copied and upgraded; an older PostgreSQL
store belongs to several people and is refused, with the command that upgrades it. A newer one is refused.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.errors import StoreError
from outsample.store.migrate import upgrade
from outsample.store.version import VERSION_TABLE, current_version, full_metadata

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["prepare"]

_LOCK = 7_402_118_265  # any number that nothing else on the server locks


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
        connection.execute(sa.text(f"create table {VERSION_TABLE} (version_num varchar(32) not null primary key)"))
        connection.execute(sa.text(f"insert into {VERSION_TABLE} values (:version)"), {"version": SCHEMA_VERSION})  # noqa: S608
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
