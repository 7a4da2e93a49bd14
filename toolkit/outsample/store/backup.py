"""A copy of an SQLite store that is a store itself, made while others write.

The database is copied first, by SQLite itself, then the files that its rows lead to: these never change, so a
second backup into the same folder copies only what is new.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from outsample.errors import StoreError
from outsample.store.files import sync_file, sync_folder

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["BackedUp", "backup"]

# What rows lead to; leftovers, the trash and the folder of the workers are not kept.
_FOLDERS = ("objects", "snapshots", "datasets", "results")


@dataclass(frozen=True, kw_only=True)
class BackedUp:
    """What `backup` wrote.

    Parameters
    ----------
    database : Path
        The copy, to be opened like any other store.
    copied : int
        Files that were not there yet.
    bytes : int
        Of these.
    """

    database: Path
    copied: int
    bytes: int


def backup(database: Database, folder: str | Path) -> BackedUp:
    """Copy a store into a folder, made if it is not there.

    Parameters
    ----------
    database : Database
        On SQLite; PostgreSQL has ``pg_dump``.
    folder : path
        Of this store alone: what is there of an earlier backup stays and is brought up to date.

    Raises
    ------
    StoreError
        The store is not on SQLite, the folder is its own, or it cannot be written.
    """
    target = Path(folder).expanduser().absolute()
    if database.path is None:
        raise StoreError(
            f"The store {database.url} is no file.",
            hint="Copy PostgreSQL with pg_dump, then the folder of the artefacts.",
        )
    if target.resolve() in {database.folder.resolve(), database.path.absolute().parent.resolve()}:
        raise StoreError(f"The backup cannot be in the folder of the store itself: {target}.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        copy = _copy_database(database.path, target / "store.db")
        copied = [_copy_files(database.folder / name, target / name) for name in _FOLDERS]
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"The backup {target} cannot be written: {error}.", hint="Free space, then again.") from error
    return BackedUp(database=copy, copied=sum(n for n, _ in copied), bytes=sum(size for _, size in copied))


def _copy_database(source: Path, target: Path) -> Path:
    work = target.with_name(f".{uuid.uuid4().hex}.db")
    try:
        with (
            contextlib.closing(sqlite3.connect(source)) as one,
            contextlib.closing(sqlite3.connect(work)) as two,
        ):
            one.backup(two)
        sync_file(work)
        for name in ("-wal", "-shm"):  # of whoever looked into the older copy
            target.with_name(target.name + name).unlink(missing_ok=True)
        work.replace(target)
        sync_folder(target.parent)
    finally:
        work.unlink(missing_ok=True)
    return target


def _copy_files(source: Path, target: Path) -> tuple[int, int]:
    """Copy the files that are missing, or were written anew (a side-car, a file that was broken)."""
    found = size = 0
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        try:
            stat = path.stat()
            if not path.is_file() or path.name.startswith(".") or _is_there(place, stat.st_size, stat.st_mtime):
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            work = place.with_name(f".{uuid.uuid4().hex}.copy")
            shutil.copy2(path, work)
        except FileNotFoundError:
            continue  # a purge took it away: its row is gone by now
        sync_file(work)
        work.replace(place)
        found, size = found + 1, size + stat.st_size
    return found, size


def _is_there(place: Path, size: int, changed: float) -> bool:
    try:
        stat = place.stat()
    except FileNotFoundError:
        return False
    return stat.st_size == size and stat.st_mtime >= changed
