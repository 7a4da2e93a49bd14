"""Removing old results, and restoring rows from the artefacts that are there.

`purge` marks a row, moves its folder away, removes the row, then deletes the folder: whatever moment a crash
comes at, no row that can be seen points to a broken folder, and the next purge finishes the work.
"""

from __future__ import annotations

import datetime
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outsample.errors import ConfigError, StoreError
from outsample.settings import load_settings
from outsample.store.audit import may_change, require_runner, write_audit
from outsample.store.documents import read_document
from outsample.store.files import MANIFEST, check_folder, discard, sweep
from outsample.store.job_retention import broken_jobs, job_bytes, mark_jobs, needed_by_no_job, old_jobs, remove_job
from outsample.store.ledger import Trial, has_trial, record_trial
from outsample.store.names import restore_names
from outsample.store.publish import folder_of, published, run_row
from outsample.store.rows import upsert_run
from outsample.store.steps import step

if TYPE_CHECKING:
    import sqlalchemy as sa

    from outsample.store.database import Database

__all__ = ["Purged", "Rebuilt", "broken_runs", "old_runs_statements", "parse_age", "purge", "rebuild", "retain"]

RUN = "run.json"
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What `purge` removed.

    Parameters
    ----------
    keys : tuple of str
        Result keys.
    bytes : int
        Of their artefacts.
    dry_run : bool
        Nothing was removed; this is what would have been.
    jobs : tuple of str
        Ids of jobs.
    """

    keys: tuple[str, ...]
    bytes: int
    dry_run: bool = False
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What `rebuild` found.

    Parameters
    ----------
    restored : tuple of str
        Keys whose row was missing and is there again.
    known : int
        Folders whose row was there.
    broken : tuple of str
        What is wrong with the others, in words.
    names : tuple of str
        Names of datasets that are there again.
    """

    restored: tuple[str, ...]
    known: int
    broken: tuple[str, ...]
    names: tuple[str, ...] = ()


def parse_age(text: str | datetime.timedelta) -> datetime.timedelta:
    """Return an age such as "90d", "12w" or "36h".

    Raises
    ------
    ConfigError
        It is no age, or negative.

    Examples
    --------
    >>> parse_age("90d")
    datetime.timedelta(days=90)
    """
    if isinstance(text, datetime.timedelta) and text >= datetime.timedelta(0):
        return text
    found = re.fullmatch(r"(\d{1,5})([hdw])", str(text).strip())
    if found is None:
        raise ConfigError(f"An age is a whole number and h, d or w, such as '90d'. Got {text!r}.")
    return datetime.timedelta(**{_UNITS[found[2]]: int(found[1])})


def purge(
    database: Database,
    older_than: str | datetime.timedelta,
    *,
    dry_run: bool = False,
    keep: Collection[str] = (),
    most: int | None = None,
) -> Purged:
    """Remove completed and failed runs and ended jobs that are older, with their artefacts.

    Never removed: trials, jobs that are pending or running and their runs, runs that a golden result of this
    store names, and other people's runs and jobs unless this user is an admin.

    Parameters
    ----------
    database : Database
    older_than : str or timedelta
        "90d", "12w", "36h".
    dry_run : bool
        Only say what would be removed.
    keep : collection of str
        Further result keys that stay: those of golden results that this store has not heard of.
    most : int, optional
        At most so many runs and as many jobs.

    Raises
    ------
    ConfigError, StoreError
    """
    require_runner("remove results")
    limit = datetime.datetime.now(datetime.UTC) - parse_age(older_than)
    kept = frozenset(keep) | _golden_keys(database)
    rows = [row for row in _candidates(database, limit, kept) if may_change(row["created_by"])][:most]
    jobs = [row for row in old_jobs(database, limit, kept) if may_change(row["created_by"])][:most]
    found = Purged(
        keys=tuple(row["result_key"] for row in rows),
        bytes=sum(row["artefact_bytes"] or 0 for row in rows) + sum(job_bytes(database, row) for row in jobs),
        dry_run=dry_run,
        jobs=tuple(row["job_id"] for row in jobs),
    )
    if dry_run:
        return found
    # What crashes left goes first: on a full disk the rows could not be marked.
    _empty_trash(database.folder)
    sweep(database.folder)
    # Jobs first: none is left that leads to a run which is gone.
    mark_jobs(database, found.jobs)
    for row in jobs:
        remove_job(database, row)
    _mark(database, found.keys)
    for row in rows:
        _remove(database, row)
    _empty_trash(database.folder)
    if rows or jobs:
        details = {"runs": len(rows), "jobs": len(jobs), "bytes": found.bytes}
        keys = [key[:12] for key in found.keys[:1000]]
        write_audit(database, "purge", f"older than {older_than}", details={**details, "keys": keys})
    step("purged")
    return found


def retain(database: Database, *, most: int = 500) -> Purged | None:
    """Remove what is older than the setting ``store.retention_days``; None: it is not set.

    Parameters
    ----------
    database : Database
    most : int
        So many at once: whoever calls this has leases to renew.
    """
    days = load_settings().store_settings.retention_days
    return None if days is None else purge(database, datetime.timedelta(days=days), most=most)


def _golden_keys(database: Database) -> frozenset[str]:
    import sqlalchemy as sa

    from outsample.store.schema import golden

    with database.connect() as connection:
        return frozenset(connection.execute(sa.select(golden.c.result_key).distinct()).scalars())


def _candidates(database: Database, limit: datetime.datetime, kept: Collection[str]) -> list[dict[str, Any]]:
    """Rows that may go; those that an interrupted purge marked come first."""
    with database.connect() as connection:
        rows = [row for query in old_runs_statements(limit) for row in connection.execute(query).mappings().all()]
    return [dict(row) for row in rows if row["result_key"] not in kept]


def old_runs_statements(limit: datetime.datetime) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Return the queries behind `purge`: runs that were marked, then those that are old; each has its index."""
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    columns = (runs.c.result_key, runs.c.created_by, runs.c.result_path, runs.c.artefact_bytes)
    query = sa.select(*columns)
    # Nothing ends before it was made: the index of creation finds what is old.
    ended = (runs.c.status.in_(["completed", "failed"]), runs.c.created_at < limit, runs.c.completed_at < limit)
    old = query.where(*ended, *needed_by_no_job(limit), runs.c.purging_at.is_(None))
    return query.where(runs.c.purging_at.is_not(None)).order_by(runs.c.purging_at), old.order_by(runs.c.created_at)


def _mark(database: Database, keys: tuple[str, ...]) -> None:
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    step("mark")
    now = datetime.datetime.now(datetime.UTC)
    with database.begin() as connection:
        for place in range(0, len(keys), 500):
            chosen = runs.c.result_key.in_(keys[place : place + 500])
            connection.execute(sa.update(runs).where(chosen, runs.c.purging_at.is_(None)).values(purging_at=now))


def _remove(database: Database, row: Mapping[str, Any]) -> None:
    """Move the folder away and remove the row, in one transaction that keeps a publisher of the key out."""
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs
    from outsample.store.schema import reports

    key = row["result_key"]
    with database.begin() as connection:
        if not _still_marked(connection, key):
            return  # somebody published it again
        step("move")
        if row["result_path"]:
            discard(database.folder, folder_of(database, row))
        step("delete row")
        connection.execute(sa.delete(reports).where(reports.c.result_key == key))
        connection.execute(sa.delete(runs).where(runs.c.result_key == key))
        step("commit")
    step("row deleted")


def _still_marked(connection: sa.Connection, key: str) -> bool:
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    query = sa.select(runs.c.purging_at).where(runs.c.result_key == key).with_for_update()
    return connection.execute(query).scalar() is not None


def _empty_trash(root: Path) -> None:
    step("trash")
    for folder in (root / "trash").glob("*"):
        shutil.rmtree(folder, ignore_errors=True)


# -- what is there


def broken_runs(database: Database) -> list[str]:
    """Return what is wrong with the artefacts of published runs and of jobs, in words."""
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    query = sa.select(runs.c.result_key, runs.c.name, runs.c.result_path).where(
        runs.c.result_path.is_not(None), runs.c.purging_at.is_(None)
    )
    with database.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [
        f"{row['name']} ({row['result_key'][:12]}): {text}"
        for row in rows
        for text in check_folder(folder_of(database, row))
    ] + broken_jobs(database)


def rebuild(database: Database) -> Rebuilt:
    """Restore names of datasets, and rows and trials of runs whose artefacts are there, from their documents.

    Whole folders only. What had no files is not there again: failed trials, jobs, the audit.
    """
    require_runner("rebuild the store")
    restored, known = [], 0
    names, broken = restore_names(database)
    # The last attempt of a job is what counts.
    for manifest in sorted(database.folder.glob(f"results/*/*/{MANIFEST}"), key=_attempt, reverse=True):
        folder = manifest.parent
        wrong = check_folder(folder)
        if wrong:
            broken += wrong
            continue
        if not (folder / RUN).is_file():
            continue  # tables of a sweep, or a notebook: the job table leads to them
        try:
            row = run_row(folder, folder.relative_to(database.folder))
        except (StoreError, KeyError, TypeError, ValueError) as error:
            broken.append(f"{folder} cannot be read: {error}")
            continue
        if published(database, row["result_key"]) is not None:
            known += 1
            continue
        _restore(database, folder, row)
        restored.append(row["result_key"])
    return Rebuilt(restored=tuple(restored), known=known, broken=tuple(broken), names=tuple(names))


def _attempt(manifest: Path) -> tuple[int, str]:
    name = manifest.parent.name
    return (int(name) if name.isdecimal() else 0, str(manifest))


def _restore(database: Database, folder: Path, row: Mapping[str, Any]) -> None:
    if not has_trial(database, row["result_key"]):
        summary, document = read_document(folder / "summary.json"), read_document(folder / "run.json")
        copied = ("result_key", "name", "dataset", "snapshot_id", "family", "parameters", "dataset_version_ids")
        numbers = (
            "start_date",
            "end_date",
            "sharpe",
            "total_return",
            "max_drawdown",
            "success_level",
            "error_category",
        )
        trial = Trial(
            source=document["strategy"]["source"],
            n_returns=summary["metrics"].get("n_bars"),
            sharpe_per_period=summary["metrics"].get("sharpe_per_period"),
            **{name: row[name] for name in (*copied, *numbers)},
        )
        record_trial(database, trial)
    with database.begin() as connection:
        upsert_run(connection, row, {name: value for name, value in row.items() if name != "result_key"})
