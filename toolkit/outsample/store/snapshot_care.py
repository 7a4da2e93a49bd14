"""Care of snapshots: finding what rotted, and removing what nothing names any more."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.errors import DataMissing, StoreError
from outsample.store.audit import require_runner, write_audit
from outsample.store.names import forget_names
from outsample.store.snapshot_files import read_manifest, read_object, snapshot_path
from outsample.store.snapshots import dataset_rows

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["Collected", "collect_snapshots", "verify_snapshots"]


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was removed, or would be.

    Parameters
    ----------
    snapshots : tuple of str
        Ids of snapshots that nothing names.
    objects : tuple of str
        Ids of objects that no snapshot has.
    bytes : int
        Of these objects.
    dry_run : bool
    """

    snapshots: tuple[str, ...]
    objects: tuple[str, ...]
    bytes: int
    dry_run: bool


def verify_snapshots(database: Database, snapshot: str | None = None) -> list[str]:
    """Read every object of every snapshot, or of one, and return what is wrong in words; empty: nothing."""
    wanted = [snapshot] if snapshot is not None else sorted(_on_disk(database.folder) | _in_rows(database))
    found: list[str] = []
    seen: set[str] = set()
    for item in wanted:
        try:
            ids = read_manifest(database.folder, item)
        except (DataMissing, StoreError) as error:
            found.append(f"snapshot {item[:12]}: {error.message}")
            continue
        for name, object_id in ids.items():
            if object_id in seen:
                continue
            seen.add(object_id)
            try:
                read_object(database.folder, object_id, name)
            except StoreError as error:
                found.append(f"snapshot {item[:12]}: {error.message}")
    return found


def collect_snapshots(
    database: Database, *, older_than: datetime.timedelta = datetime.timedelta(days=1), dry_run: bool = False
) -> Collected:
    """Remove snapshots that nothing names, and objects that no snapshot has.

    Never removed: what a saved name means today, what a run, a job or a golden result names, and what is
    younger than `older_than`, since somebody may be about to name it. Earlier meanings of a name go.

    Parameters
    ----------
    database : Database
    older_than : timedelta
    dry_run : bool
        Only say what would be removed.

    Raises
    ------
    StoreError
        The role does not allow it, or the store cannot be written.
    """
    require_runner("remove data")
    limit = time.time() - older_than.total_seconds()
    folder = database.folder
    loose = sorted(item for item in _in_rows(database) - _named(database) if _age(snapshot_path(folder, item)) <= limit)
    if not dry_run and loose:
        loose = _forget(database, loose)
        for item in loose:
            snapshot_path(folder, item).unlink(missing_ok=True)
    objects = _loose_objects(folder, set(loose), limit)
    size = sum(path.stat().st_size for path in objects)
    if not dry_run:
        for path in objects:
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
        if loose or objects:
            details = {"snapshots": loose[:1000], "objects": len(objects), "bytes": size}
            write_audit(database, "data gc", "snapshots", details=details)
    return Collected(snapshots=tuple(loose), objects=tuple(path.stem for path in objects), bytes=size, dry_run=dry_run)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _on_disk(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "snapshots").glob("*.json")}


def _in_rows(database: Database) -> set[str]:
    import sqlalchemy as sa

    from outsample.store.schema import snapshots

    with database.connect() as connection:
        return set(connection.execute(sa.select(snapshots.c.id)).scalars())


def _named(database: Database) -> set[str]:
    """Snapshots that something names."""
    import sqlalchemy as sa

    from outsample.store.job_tables import backtest_jobs as jobs
    from outsample.store.schema import backtest_runs as runs
    from outsample.store.schema import golden

    newest: dict[str, str] = {}
    for row in dataset_rows(database):
        if not row["details"].get("kept"):
            newest.setdefault(row["name"], row["snapshot_id"])
    with database.connect() as connection:
        used = {
            item
            for table in (runs, jobs, golden)
            for item in connection.execute(sa.select(table.c.snapshot_id).distinct()).scalars()
            if item is not None
        }
    return used | set(newest.values())


def _forget(database: Database, ids: list[str]) -> list[str]:
    """Remove the rows of snapshots that are still not named, and return those."""
    import sqlalchemy as sa

    from outsample.store.schema import datasets, snapshots

    gone = sorted(set(ids) - _named(database))
    with database.begin() as connection:
        connection.execute(sa.delete(datasets).where(datasets.c.snapshot_id.in_(gone)))
        connection.execute(sa.delete(snapshots).where(snapshots.c.id.in_(gone)))
    forget_names(database.folder, set(gone))
    return gone


def _loose_objects(folder: Path, without: set[str], limit: float) -> list[Path]:
    used: set[str] = set()
    for item in _on_disk(folder) - without:
        try:
            used |= set(read_manifest(folder, item).values())
        except (DataMissing, StoreError):
            return []  # a manifest that cannot be read may name anything
    return [
        path
        for path in sorted((folder / "objects").glob("*/*.parquet"))
        if path.stem not in used and _age(path) <= limit
    ]
