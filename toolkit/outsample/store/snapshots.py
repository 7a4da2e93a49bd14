"""Datasets in the store: names that lead to snapshots, what keeps them, and what may go."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from outsample.data import Dataset, load
from outsample.data.names import check_name
from outsample.errors import ConfigError, DataInvalid, DataMissing, OutsampleError, StoreError, nearest
from outsample.store.names import insert_dataset, write_name
from outsample.store.snapshot_files import object_path, read_frames, write_frames
from outsample.store.users import current_user

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = [
    "dataset_names",
    "dataset_rows",
    "keep_dataset",
    "load_dataset",
    "save_dataset",
    "size_in_memory",
    "snapshot_of",
]

# A dataset that nobody saved is kept with its first run up to this size.
KEPT_BYTES = 500_000_000
_OWN_NAMES = ("sample", "synthetic", "qlib")


def save_dataset(database: Database, data: Dataset, name: str, *, origin: str = "", licence: str = "") -> Dataset:
    """Save a dataset under a name.

    Parameters
    ----------
    database : Database
    data : Dataset
    name : str
        Means this dataset from now on; what it meant before stays under ``name@<snapshot id>``.
    origin, licence : str
        Where the data come from and what may be done with them: not part of the id.

    Returns
    -------
    Dataset
        The same content under the name.

    Raises
    ------
    ConfigError
        The name cannot be a file name, or has a meaning of its own ("sample").
    StoreError
        It cannot be written; nothing half-written stays.
    """
    check_name("dataset", name)
    if name.lower() in _OWN_NAMES or name.lower().endswith((".csv", ".csv.gz", ".parquet")):
        raise ConfigError(f"{name!r} already means something to load().", hint="Choose another name.")
    _save(database, data, name, {"origin": origin, "licence": licence})
    return load_dataset(database, name, data.id)


def keep_dataset(database: Database, data: Dataset, *, limit: int = KEPT_BYTES) -> tuple[str, ...]:
    """Keep the data of a run when nothing leads to them, and return what went wrong with that.

    Shipped and synthetic data are found by name; others are snapshotted, once, without claiming their name:
    they are reached by ``name@<snapshot id>``. It is never the end of a backtest.

    Parameters
    ----------
    database : Database
    data : Dataset
    limit : int
        Bytes in memory; larger data are not kept, and the note says so.
    """
    try:
        if _is_kept(database, data) or _is_shipped(data):
            return ()
        size = size_in_memory(data)
        if size >= limit:
            return (
                (
                    f"Not reproducible here: the dataset {data.name!r} has {size / 1e6:.0f} MB and is in no store. "
                    f"Save it with data.save({data.name!r})."
                ),
            )
        _save(database, data, data.name[:200], {"kept": True})
    except OutsampleError as error:
        return (f"Not reproducible here: the data could not be kept: {error}",)
    return ()


def size_in_memory(data: Dataset) -> int:
    """Return the bytes of the stored frames of a dataset."""
    return sum(int(frame.memory_usage(index=False).sum()) for frame in data.stored().values())


def dataset_names(database: Database) -> list[str]:
    """Return the names under which datasets were saved, sorted."""
    return sorted({row["name"] for row in dataset_rows(database) if not row["details"].get("kept")})


def dataset_rows(database: Database, name: str | None = None) -> list[dict[str, Any]]:
    """Return the rows of datasets, the newest first, also of those that were only kept for a run."""
    import sqlalchemy as sa

    from outsample.store.schema import datasets, snapshots

    query = sa.select(datasets, snapshots.c.frame_ids, snapshots.c.bytes).join(
        snapshots, snapshots.c.id == datasets.c.snapshot_id
    )
    if name is not None:
        query = query.where(datasets.c.name == name)
    with database.connect() as connection:
        rows = connection.execute(query.order_by(datasets.c.created_at.desc(), datasets.c.id)).mappings().all()
    return [dict(row) for row in rows]


def load_dataset(database: Database, name: str, snapshot: str | None = None) -> Dataset:
    """Return a stored dataset, every file of it verified.

    Parameters
    ----------
    database : Database
    name : str
    snapshot : str, optional
        A snapshot id or its first characters (six at least); the newest of the name by default.

    Raises
    ------
    DataMissing
        There is no such dataset.
    StoreError
        A file of it is missing or was changed; it is named.
    """
    row = _find(database, name, snapshot)
    frames = read_frames(database.folder, row["snapshot_id"])
    details = row["details"]
    kept = {"benchmark": row["benchmark"], "warnings": tuple(details.get("warnings", ()))}
    data = Dataset(frames, name=name, market=row["market"], periods_per_year=row["periods_per_year"], details=kept)
    later = details.get("later_sessions")
    if not later:
        return data
    index = pd.DatetimeIndex(pd.to_datetime(later))
    zone = data.dates.tz
    sessions = data.dates.union(index.as_unit("ns") if zone is None else index.tz_localize("UTC").tz_convert(zone))
    return Dataset(
        frames,
        name=name,
        market=row["market"],
        periods_per_year=row["periods_per_year"],
        details={**kept, "sessions": sessions},
    )


def snapshot_of(database: Database, name: str) -> str | None:
    """Return the snapshot id that a name, or name@<snapshot id>, leads to; None: the store has no such name."""
    base, _, snapshot = name.rpartition("@")
    try:
        return str(_find(database, base or name, snapshot if base else None)["snapshot_id"])
    except DataMissing:
        return None


def _find(database: Database, name: str, snapshot: str | None) -> Mapping[str, Any]:
    rows = dataset_rows(database, name)
    if snapshot is None:
        rows = [row for row in rows if not row["details"].get("kept")]
    else:
        wanted = snapshot.lower()
        rows = [row for row in rows if row["snapshot_id"].startswith(wanted) and len(wanted) >= 6]
        if len({row["snapshot_id"] for row in rows}) > 1:
            raise DataMissing(f"{snapshot!r} is the start of several snapshots of {name!r}.", hint="Write more of it.")
    if not rows:
        known = dataset_names(database)
        raise DataMissing(
            f"The store has no dataset {name!r}{'' if snapshot is None else f' @ {snapshot}'}.",
            hint=nearest(name, known) or "List them with: outsample data list",
        )
    return rows[0]


def _save(database: Database, data: Dataset, name: str, said: Mapping[str, Any]) -> None:
    snapshot, ids = write_frames(database.folder, data.stored())
    if snapshot != data.id:
        raise DataInvalid(f"The dataset {data.name!r} was changed while it was saved.")
    details = {
        **said,
        "first": str(data.dates[0]),
        "last": str(data.dates[-1]),
        "bars": len(data.dates),
        "symbols": len(data.symbols),
        "warnings": list(data.warnings),
        "later_sessions": _later(data),
    }
    benchmark = data.benchmark
    row = {
        "name": name,
        "snapshot_id": snapshot,
        "market": data.market,
        "periods_per_year": data.periods_per_year,
        "benchmark": benchmark if benchmark is None or isinstance(benchmark, str) else int(benchmark),
        "details": details,
    }
    size = sum(object_path(database.folder, item).stat().st_size for item in set(ids.values()))
    _insert(database, row, ids, size)


def _insert(database: Database, row: Mapping[str, Any], ids: Mapping[str, str], size: int) -> None:
    import sqlalchemy as sa

    from outsample.store.schema import datasets

    stamp = {"created_at": datetime.datetime.now(datetime.UTC), "created_by": current_user()}
    added = {"id": str(uuid.uuid4()), **row, **stamp}
    newest = sa.select(datasets).where(datasets.c.name == row["name"]).order_by(datasets.c.created_at.desc()).limit(1)
    with database.begin() as connection:
        last = connection.execute(newest).mappings().first()
        if last is not None and all(last[key] == value for key, value in row.items()):
            return
        insert_dataset(connection, added, size, ids)
    write_name(database.folder, added)


def _later(data: Dataset) -> list[str]:
    """Sessions after the last bar: the end of a week is known in advance, and a result may depend on it."""
    later = data.sessions[data.sessions > data.dates[-1]]
    plain = later if later.tz is None else later.tz_convert("UTC").tz_localize(None)
    return [stamp.isoformat() for stamp in plain]


def _is_kept(database: Database, data: Dataset) -> bool:
    import sqlalchemy as sa

    from outsample.store.schema import datasets

    query = sa.select(sa.func.count()).where(datasets.c.name == data.name[:200], datasets.c.snapshot_id == data.id)
    with database.connect() as connection:
        return bool(connection.execute(query).scalar())


def _is_shipped(data: Dataset) -> bool:
    """Whether the name alone leads to the same data, on every machine."""
    if data.name != "sample" and not data.name.startswith("synthetic:"):
        return False
    try:
        return load(data.name).id == data.id
    except (DataMissing, StoreError):
        return False
