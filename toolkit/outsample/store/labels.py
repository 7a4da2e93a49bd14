"""What ``# meta:`` says of a run, kept with it: a row of ``reports`` per key and value of the meta."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outsample.store.users import current_user

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store.database import Database

__all__ = ["fetch_meta", "keep_meta", "keys_with"]

_KIND = "meta"
_LONGEST = 200


def keep_meta(database: Database, key: str, meta: Mapping[str, str]) -> None:
    """Keep values under a result key; the newest value of a name counts."""
    import sqlalchemy as sa

    from outsample.store.schema import reports

    stamp = {"created_at": datetime.datetime.now(datetime.UTC), "created_by": current_user()}
    # Cut alike here and in `keys_with`, so that a long name is found again.
    names = {name[:_LONGEST]: value for name, value in meta.items()}
    rows = [
        {"result_key": key, "kind": _KIND, "settings": short, "document": {"value": str(value)}, **stamp}
        for short, value in names.items()
    ]
    with database.begin() as connection:
        connection.execute(
            sa.delete(reports).where(
                reports.c.result_key == key, reports.c.kind == _KIND, reports.c.settings.in_(list(names))
            )
        )
        connection.execute(sa.insert(reports), rows)


def fetch_meta(database: Database, key: str) -> dict[str, str]:
    """Return the values of a result key, by name."""
    import sqlalchemy as sa

    from outsample.store.schema import reports

    query = sa.select(reports.c.settings, reports.c.document).where(
        reports.c.result_key == key, reports.c.kind == _KIND
    )
    with database.connect() as connection:
        found = connection.execute(query.order_by(reports.c.settings)).all()
    return {name: document["value"] for name, document in found}


def keys_with(meta: Mapping[str, str]) -> sa.Select[Any]:
    """Return the query of the result keys that have all these values."""
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs, reports

    query = sa.select(backtest_runs.c.result_key)
    for name, value in meta.items():
        has = sa.select(reports.c.result_key).where(
            reports.c.kind == _KIND,
            reports.c.settings == name[:_LONGEST],
            reports.c.document["value"].as_string() == str(value),
        )
        query = query.where(backtest_runs.c.result_key.in_(has))
    return query
