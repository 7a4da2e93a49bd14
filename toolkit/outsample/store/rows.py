"""Rows of ``backtest_runs``: noted when a trial is recorded, completed when artefacts are published, queried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from outsample.canonical import digest
from outsample.errors import ConfigError, nearest

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store.database import Database

__all__ = ["job_id_of", "note_runs", "query_runs", "runs_statement", "upsert_run"]


def job_id_of(kind: str, key: str, parameters: Mapping[str, Any]) -> str:
    """Return the id of the job that computes a result: the same submission has the same id."""
    return digest({"kind": kind, "key": key, "parameters": dict(parameters)})


def note_runs(connection: sa.Connection, found: Sequence[Mapping[str, Any]]) -> None:
    """Note the runs of trials, one after the other: new rows, or newer numbers of those that have no artefacts yet.

    A failure never replaces a success: limits end a run, they do not change what follows from its key.
    """
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs

    rows = [
        {name: value for name, value in values.items() if name in backtest_runs.c}
        | {
            "job_id": job_id_of(values["kind"], values["result_key"], values["parameters"]),
            "config": {},
            "source_hash": values["family"],
            "completed_at": values["created_at"],
        }
        for values in found
    ]
    insert = _insert(connection)
    kept = ("result_key", "created_at", "created_by", "config")
    better = sa.or_(backtest_runs.c.status == "failed", insert.excluded.status != "failed")
    statement = insert.on_conflict_do_update(
        index_elements=["result_key"],
        set_={name: insert.excluded[name] for name in rows[0] if name not in kept},
        where=sa.and_(backtest_runs.c.result_path.is_(None), better),
    )
    connection.execute(statement, rows)


def upsert_run(
    connection: sa.Connection,
    row: Mapping[str, Any],
    changes: Mapping[str, Any],
    *,
    where: sa.ColumnElement[bool] | None = None,
) -> None:
    """Insert a row of ``backtest_runs``, or change the one with its key."""
    statement = _insert(connection).values(**row)
    connection.execute(statement.on_conflict_do_update(index_elements=["result_key"], set_=dict(changes), where=where))


def _insert(connection: sa.Connection) -> Any:  # noqa: ANN401 - each kind of database has an insert of its own
    from sqlalchemy.dialects import postgresql, sqlite

    from outsample.store.schema import backtest_runs

    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(backtest_runs)


def runs_statement(
    *, name: str | None = None, since: object = None, order_by: str = "-created_at", limit: int | None = 100
) -> sa.Select[Any]:
    """Return the query behind `query_runs`.

    Raises
    ------
    ConfigError
        `order_by` is no column, or `limit` no whole number >= 0.
    """
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    column = order_by.removeprefix("-")
    if column not in runs.c:
        names = [item.name for item in runs.c]
        raise ConfigError(f"order_by must be a column of the runs. Got {column!r}.", hint=nearest(column, names))
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 0):
        raise ConfigError(f"limit must be a whole number >= 0. Got {limit!r}.")
    query = sa.select(runs)
    if name is not None:
        query = query.where(runs.c.name == name)
    if since is not None:
        query = query.where(runs.c.created_at >= _moment(since).to_pydatetime())
    # Undefined numbers come last, whichever way is up; no expression is sorted by, so that indexes serve.
    if runs.c[column].nullable:
        query = query.where(runs.c[column].is_not(None)) if limit is not None else query
    descending = order_by.startswith("-")
    query = query.order_by(runs.c[column].desc() if descending else runs.c[column].asc())
    return query.limit(limit) if limit is not None else query


def query_runs(
    database: Database,
    *,
    name: str | None = None,
    since: object = None,
    order_by: str = "-created_at",
    limit: int = 100,
    keys: sa.Select[Any] | None = None,
) -> pd.DataFrame:
    """Return recorded runs, one row per result key; with `keys`, only those that this query gives."""
    from outsample.store.schema import backtest_runs as runs

    query = runs_statement(name=name, since=since, order_by=order_by, limit=limit)
    if keys is not None:
        query = query.where(runs.c.result_key.in_(keys))
    with database.connect() as connection:
        rows = connection.execute(query).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=[column.name for column in runs.c])


def _moment(value: object) -> pd.Timestamp:
    try:
        moment = pd.Timestamp(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"since must be a date. Got {value!r}.") from error
    if pd.isna(moment):
        raise ConfigError(f"since must be a date. Got {value!r}.")
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment
