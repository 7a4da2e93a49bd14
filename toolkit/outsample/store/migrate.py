"""Migrations of a store's tables, by Alembic, from the scripts inside the package; and the check for drift."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.errors import ConfigError, StoreError
from outsample.store.version import current_version, full_metadata

if TYPE_CHECKING:
    import sqlalchemy as sa
    from alembic.config import Config

__all__ = ["damage", "downgrade", "drift", "head", "upgrade"]

_SCRIPTS = Path(__file__).parent / "migrations"


def head() -> str:
    """Return the newest revision of the scripts."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config(None)).get_current_head()
    assert found is not None
    return found


def upgrade(engine: sa.Engine, revision: str = "head") -> str:
    """Bring the tables to a revision, all of it or nothing, and return the revision.

    Raises
    ------
    StoreError
        A step failed; the tables are as they were.
    """
    return _run(engine, "upgrade", revision)


def downgrade(engine: sa.Engine, revision: str) -> str:
    """Take the tables back to an older revision ("base": none at all); rows of tables that go are lost."""
    return _run(engine, "downgrade", revision)


def drift(engine: sa.Engine) -> list[str]:
    """Return what differs between the real tables and those of this version, in words; empty: nothing.

    Compared are tables, columns with their types and NOT NULL, primary and foreign keys, check and unique
    constraints, indexes and views.
    """
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    metadata = full_metadata()
    options = {"compare_type": True, "include_object": lambda _o, name, *_: name != "alembic_version"}
    with engine.connect() as connection, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLite cannot reflect indexes over expressions, and says so
        context = MigrationContext.configure(connection, opts=options)
        found = [_said(item) for item in compare_metadata(context, metadata)]
        return found + _constraint_drift(connection, metadata)


def damage(engine: sa.Engine) -> list[str]:
    """Return what is broken in the file of an SQLite database, in words; empty: nothing, or another database."""
    import sqlalchemy as sa

    if engine.dialect.name != "sqlite":
        return []
    try:
        with engine.connect() as connection:
            found = [str(line) for line in connection.exec_driver_sql("PRAGMA quick_check(20)").scalars()]
    except sa.exc.DatabaseError as error:
        found = [str(getattr(error, "orig", None) or error)]
    return [f"the file of the database is damaged: {line}" for line in found if line != "ok"]


def _constraint_drift(connection: sa.Connection, metadata: sa.MetaData) -> list[str]:
    import sqlalchemy as sa

    inspector, found = sa.inspect(connection), []
    there = set(inspector.get_table_names())
    for table in metadata.sorted_tables:
        if table.name not in there:
            continue
        wanted = {str(item.name) for item in table.constraints if isinstance(item, sa.CheckConstraint)}
        real = {str(item["name"]) for item in inspector.get_check_constraints(table.name)}
        found += [f"check constraint {name} of {table.name} is missing" for name in sorted(wanted - real)]
        found += [f"check constraint {name} of {table.name} is not known" for name in sorted(real - wanted)]
        key = inspector.get_pk_constraint(table.name)["constrained_columns"]
        if key != [column.name for column in table.primary_key]:
            found.append(f"primary key of {table.name} is {key}")
    views = set(inspector.get_view_names())
    found += [f"view {name} is missing" for name in sorted(metadata.info.get("views", set()) - views)]
    return found


def _said(item: object) -> str:
    """One difference as Alembic reports it, as one line."""
    parts = item[0] if isinstance(item, list) else item
    assert isinstance(parts, tuple)
    names = [getattr(part, "name", None) or part for part in parts[1:] if part is not None]
    return " ".join(str(name) for name in (parts[0].replace("_", " "), *names) if not isinstance(name, dict))


def _run(engine: sa.Engine, verb: str, revision: str) -> str:
    import sqlalchemy as sa
    from alembic import command
    from alembic.util import CommandError

    try:
        with engine.begin() as connection:
            config = _config(connection)
            recorded = sa.inspect(connection).has_table("alembic_version")
            version = current_version(connection)
            if not recorded and version is not None:
                command.stamp(config, version)
            getattr(command, verb)(config, revision)
            return current_version(connection) or "base"
    except CommandError as error:
        raise ConfigError(f"The store cannot go to revision {revision!r}: {error}.") from error
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(
            f"The {verb} to revision {revision!r} failed: {getattr(error, 'orig', None) or error}.",
            hint="The tables are as they were.",
        ) from error


def _config(connection: sa.Connection | None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
