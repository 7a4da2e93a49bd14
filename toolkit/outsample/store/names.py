"""Names of datasets as files beside the snapshots, so that a lost database loses none of them.

``datasets/<row id>.json`` says what one row of the table says: the name, the snapshot that it means, and what
stands beside the content (market, benchmark, origin, licence, who and when).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.errors import DataMissing, StoreError
from outsample.store.snapshot_files import object_path, place_file, read_manifest

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store.database import Database

__all__ = ["forget_names", "insert_dataset", "restore_names", "write_name"]

_FIELDS = ("id", "name", "snapshot_id", "market", "periods_per_year", "benchmark", "details", "created_by")


def write_name(root: Path, row: Mapping[str, Any]) -> None:
    """Write the file of a row of the table of datasets.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    document = {"format": 1, **{name: row[name] for name in _FIELDS}, "created_at": row["created_at"].isoformat()}
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True)
    path = root / "datasets" / f"{row['id']}.json"
    try:
        place_file(path, text.encode("utf-8") + b"\n")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}.", hint="Free space on the disk.") from error


def forget_names(root: Path, snapshots: set[str]) -> None:
    """Remove the files of names that mean one of some snapshots."""
    for path in (root / "datasets").glob("*.json"):
        try:
            found = json.loads(path.read_bytes())["snapshot_id"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if found in snapshots:
            path.unlink(missing_ok=True)


def insert_dataset(connection: sa.Connection, row: Mapping[str, Any], size: int, ids: Mapping[str, str]) -> None:
    """Add a row of the table of datasets, and the row of its snapshot if there is none.

    Parameters
    ----------
    connection : Connection
    row : mapping
        Every column of the table of datasets.
    size : int
        Bytes of the files of the snapshot.
    ids : mapping of frame name to object id
    """
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite

    from outsample.store.schema import datasets, snapshots

    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    stamp = {name: row[name] for name in ("created_at", "created_by")}
    known = insert(snapshots).values(id=row["snapshot_id"], frame_ids=dict(ids), bytes=size, **stamp)
    connection.execute(known.on_conflict_do_nothing(index_elements=["id"]))
    connection.execute(sa.insert(datasets).values(**row))


def restore_names(database: Database) -> tuple[list[str], list[str]]:
    """Restore rows of datasets from their files, and write the files that rows lack.

    Returns
    -------
    names that are there again, what is wrong with others in words
    """
    restored, broken = [], []
    known = _rows(database)
    for path in sorted((database.folder / "datasets").glob("*.json")):
        if path.stem in known:
            continue
        try:
            row = _read(path)
            ids = read_manifest(database.folder, row["snapshot_id"])
            size = sum(object_path(database.folder, item).stat().st_size for item in set(ids.values()))
        except (DataMissing, StoreError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            broken.append(f"{path} cannot be read, or its snapshot is gone: {error}")
            continue
        with database.begin() as connection:
            insert_dataset(connection, row, size, ids)
        restored.append(row["name"])
    for item, row in known.items():
        if not (database.folder / "datasets" / f"{item}.json").is_file():
            write_name(database.folder, row)
    return restored, broken


def _rows(database: Database) -> dict[str, dict[str, Any]]:
    import sqlalchemy as sa

    from outsample.store.schema import datasets

    with database.connect() as connection:
        return {row["id"]: dict(row) for row in connection.execute(sa.select(datasets)).mappings()}


def _read(path: Path) -> dict[str, Any]:
    document = json.loads(path.read_bytes())
    row = {name: document[name] for name in _FIELDS}
    if row["id"] != path.stem:
        raise ValueError("it is the file of another row")
    return {**row, "created_at": datetime.datetime.fromisoformat(document["created_at"])}
