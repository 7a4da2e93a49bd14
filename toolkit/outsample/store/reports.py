"""Reports about a result (the look-ahead check), kept under its key and the settings of the report."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any

from outsample.research.lookahead import LookaheadReport
from outsample.store.codec import decode, encode
from outsample.store.users import current_user

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["fetch_report", "keep_report"]

_KIND = "lookahead"


def keep_report(database: Database, key: str, settings: str, report: LookaheadReport) -> None:
    """Keep a report; the newest of the same settings counts."""
    import sqlalchemy as sa

    from outsample.store.schema import reports

    name = {"result_key": key, "kind": _KIND, "settings": settings}
    document = json.loads(json.dumps(encode(report), allow_nan=False))
    stamp = {"created_at": datetime.datetime.now(datetime.UTC), "created_by": current_user()}
    with database.begin() as connection:
        connection.execute(sa.delete(reports).where(*(reports.c[column] == value for column, value in name.items())))
        connection.execute(sa.insert(reports).values(document=document, **name, **stamp))


def fetch_report(database: Database, key: str, settings: str) -> LookaheadReport | None:
    """Return a kept report, or None."""
    import sqlalchemy as sa

    from outsample.store.schema import reports

    query = sa.select(reports.c.document).where(
        reports.c.result_key == key, reports.c.kind == _KIND, reports.c.settings == settings
    )
    with database.connect() as connection:
        document: Any = connection.execute(query).scalar()
    value = None if document is None else decode(document)
    return value if isinstance(value, LookaheadReport) else None
