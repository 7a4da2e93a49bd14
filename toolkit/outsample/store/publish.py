"""Runs with their artefacts: published as one folder and one row, and read back.

``results/{job_id}/{attempt}/`` holds daily_signals, daily_weights (or rebalance_weights), daily_ic, equity
and trades as Parquet, summary.json, run.json and manifest.json. The folder appears whole, by one rename,
and the row after it: a crash leaves a folder without a row (`rebuild` finds it), never a row without a folder.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from outsample.alpha import analyse_signal
from outsample.canonical import canonical_json
from outsample.engine.scores import scores_of
from outsample.errors import ConfigError, ResultChanged, StoreError
from outsample.pipeline import Outcome, weights_of
from outsample.request import Request
from outsample.store.codec import dumps
from outsample.store.documents import (
    CANONICAL,
    SIGNALS,
    canonical_sha,
    finite,
    moved_numbers,
    read_document,
    rebuild_outcome,
    run_document,
    summary_document,
)
from outsample.store.files import check_folder, publish_folder, size_of, workplace, write_text
from outsample.store.parquet import COMPRESSIONS, write_long, write_table
from outsample.store.rows import job_id_of, upsert_run
from outsample.store.steps import step
from outsample.store.users import current_user

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["Publishing", "compare", "fetch_outcome", "folder_of", "publish", "published", "run_row", "verified_folder"]

# Above this many bytes a full table of weights is written only when it is asked for.
_FULL_WEIGHTS = 10 << 20


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """How a run is published.

    Parameters
    ----------
    attempt : int
        Of the job; 1 for an interactive run.
    job_id : str or None
        None: the one that the run would have.
    compression : {"snappy", "zstd", "gzip", "none"}
    weights : {"auto", "full", "rebalance"}
        Weights of every bar, or of the bars with trades; "auto": of every bar up to 10 MB.
    max_bytes : int or None
        Refuse when the artefacts of the store would be larger.
    write_more : callable or None
        Called with the folder before it is published, to write more into it; no part of the result.
    """

    attempt: int = 1
    job_id: str | None = None
    compression: str = "snappy"
    weights: str = "auto"
    max_bytes: int | None = None
    write_more: Callable[[Path], None] | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("compression", COMPRESSIONS), ("weights", ("auto", "full", "rebalance"))):
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name} must be one of {', '.join(map(repr, allowed))}. Got {getattr(self, name)!r}."
                )
        if self.attempt < 1:
            raise ConfigError(f"attempt must be a whole number >= 1. Got {self.attempt!r}.")


def publish(database: Database, outcome: Outcome, options: Publishing | None = None) -> Path:
    """Write the artefacts of a run and its row, and return the folder.

    A run that is there already, whole and with the same numbers, is left as it is.

    Raises
    ------
    ResultChanged
        The same key is there with other numbers.
    StoreError
        It cannot be written; nothing half-written stays.
    """
    how = options or Publishing()
    request = outcome.request
    job = how.job_id or job_id_of("backtest", outcome.key, request.strategy.values)
    target = database.folder / "results" / job / str(how.attempt)
    compare(database, outcome)
    for _ in range(3):
        _place(database, outcome, target, how, job)
        step("row")
        with database.begin() as connection:
            # A purge of the old result may have taken the folder away before this transaction began.
            if not target.is_dir():
                continue
            row = run_row(target, target.relative_to(database.folder))
            upsert_run(connection, row, {name: row[name] for name in row if name not in _FIRST})
            step("commit")
        step("done")
        return target
    raise StoreError(f"The artefacts of {outcome.key[:12]} were removed again while they were published.")


def _place(database: Database, outcome: Outcome, target: Path, how: Publishing, job: str) -> None:
    """Write the files and move them to their place."""
    try:
        with workplace(database.folder) as folder:
            step("files")
            _write_files(folder, outcome, how)
            write_text(folder / "origin.json", dumps(_origin(job, how)) + "\n")
            if how.write_more is not None:
                how.write_more(folder)
            _check_room(database, folder, how.max_bytes)
            publish_folder(folder, target)
    except OSError as error:
        raise StoreError(
            f"The artefacts of {outcome.key[:12]} cannot be written to {database.folder}: {error}.",
            hint="Free space, or set OUTSAMPLE_ARTEFACTS to a folder that you may write to.",
        ) from error


def _origin(job: str, how: Publishing) -> dict[str, object]:
    """Who asked and when: nothing of it follows from the key, so it stands in a file of its own."""
    now = datetime.datetime.now(datetime.UTC).isoformat()
    return {"job_id": job, "attempt": how.attempt, "created_at": now, "created_by": current_user()}


# What the first record of a run says for good.
_FIRST = ("result_key", "created_at", "created_by")


def compare(database: Database, outcome: Outcome) -> None:
    """Raise ResultChanged if the key of an outcome is stored, whole, with other numbers."""
    known = published(database, outcome.key)
    if known is None or known["canonical_sha"] == canonical_sha(outcome):
        return
    folder = folder_of(database, known)
    if check_folder(folder):
        return  # what is broken says nothing
    moved = moved_numbers(folder, known["canonical_sha"], outcome)
    if moved:
        raise ResultChanged(
            f"The result {outcome.key[:12]} is in the store with other numbers: {', '.join(moved)} differ. "
            "The same inputs must lead to the same result.",
            hint="Something outside the key decides: a clock, an unseeded random number, another machine; "
            "or outsample changed a number without saying so.",
        )


def _check_room(database: Database, folder: Path, limit: int | None) -> None:
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs

    if limit is None:
        return
    with database.connect() as connection:
        used = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(backtest_runs.c.artefact_bytes), 0))).scalar()
    more = size_of(folder)
    if int(used or 0) + more > limit:
        raise StoreError(
            f"The artefacts of the store are {int(used or 0):,} bytes; {more:,} more would pass store.max_bytes "
            f"= {limit:,}.",
            hint="Remove old results with outsample purge --older-than 90d, or raise OUTSAMPLE_STORE_MAX_BYTES.",
        )


# -- files


def _write_files(folder: Path, outcome: Outcome, how: Publishing) -> None:
    simulation, packed = outcome.simulation, how.compression
    write_long(folder / SIGNALS, outcome.positions.frame, "signal", compression=packed)
    weights = simulation.weights
    rows = int(np.count_nonzero(weights.to_numpy()))
    if how.weights == "full" or (how.weights == "auto" and rows * 12 <= _FULL_WEIGHTS):
        write_long(folder / "daily_weights.parquet", weights, "weight", compression=packed)
    else:
        bars = np.unique(simulation.record.fills[:, 0]) - simulation.problem.plan.first
        write_long(folder / "rebalance_weights.parquet", weights.iloc[bars], "weight", compression=packed)
    step("tables")
    write_table(folder / "equity.parquet", _equity(outcome), compression=packed)
    write_table(folder / "trades.parquet", simulation.trades, compression=packed)
    numbers, daily = _signal_numbers(outcome)
    write_table(folder / "daily_ic.parquet", daily, compression=packed)
    step("documents")
    write_text(folder / "run.json", dumps(run_document(outcome)) + "\n")
    write_text(folder / CANONICAL, outcome.canonical_bytes.decode("ascii"))
    text = json.dumps(summary_document(outcome, numbers), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / "summary.json", text + "\n")


def _equity(outcome: Outcome) -> pd.DataFrame:
    simulation = outcome.simulation
    columns: dict[str, Any] = {
        "date": simulation.dates,
        "equity": simulation.equity.to_numpy(),
        "returns": simulation.returns.reindex(simulation.dates).to_numpy(),
    }
    if outcome.benchmark is not None:
        columns["benchmark"] = outcome.benchmark.equity.reindex(simulation.dates).to_numpy()
    return pd.DataFrame(columns)


def _signal_numbers(outcome: Outcome) -> tuple[dict[str, float | None], pd.DataFrame]:
    """What a signal said about the next bar; nothing for a strategy that gave positions."""
    positions, simulation = outcome.positions, outcome.simulation
    if positions.kind != "signal":
        empty = pd.DataFrame({"date": simulation.dates[:0], "ic": np.empty(0), "rank_ic": np.empty(0)})
        return {}, empty
    scores = scores_of(positions.frame, simulation.problem.market)
    found = analyse_signal(scores, weights_of(outcome.request, positions), simulation)
    first = found.ic.columns[0]
    daily = pd.DataFrame(
        {"date": found.ic.index, "ic": found.ic[first].to_numpy(), "rank_ic": found.rank_ic[first].to_numpy()}
    )
    row = found.summary.iloc[0]
    numbers = {name: finite(float(row[name])) for name in ("mean_ic", "icir", "hit_rate")}
    numbers |= {"coverage": finite(float(found.coverage.mean())), "long_short_spread": finite(float(row["spread"]))}
    return {**numbers, "decay_half_life": finite(found.half_life)}, daily


# -- rows


def run_row(folder: Path, path: Path) -> dict[str, Any]:
    """Return the row of a published run, from the documents in its folder.

    Parameters
    ----------
    folder : Path
        Where the documents are.
    path : Path
        The same, relative to the store's folder.
    """
    document, summary, origin = (read_document(folder / f"{name}.json") for name in ("run", "summary", "origin"))
    kept = document["execution"]
    row: dict[str, Any] = {
        "result_key": document["key"],
        "job_id": origin["job_id"],
        "kind": "backtest",
        "status": "completed",
        "success_level": summary["verdict"]["level"],
        "family": document["parts"]["structure"],
        "source_hash": document["parts"]["structure"],
        "parameters": _json(document["parts"]["parameters"]),
        "config": _json(document["parts"]["config"]),
        "engine": summary["engine"]["name"],
        "engine_version": summary["engine"]["version"],
        "created_at": datetime.datetime.fromisoformat(origin["created_at"]),
        "created_by": origin["created_by"],
        "completed_at": datetime.datetime.fromisoformat(origin["created_at"]),
        "result_path": path.as_posix(),
        "artefact_bytes": size_of(folder),
        "purging_at": None,
        "error_category": summary["verdict"]["category"],
        **{name: summary[name] for name in _COPIED},
        **{name: kept[name] for name in ("wall_seconds", "cpu_seconds", "peak_memory_mb")},
        **summary["numbers"],
    }
    return row | {"name": row["name"][:200], "dataset": row["dataset"][:400]}


_COPIED = (
    *("name", "dataset", "snapshot_id", "dataset_version_ids", "start_date", "end_date", "weight_method", "seed"),
    "canonical_sha",
)


def _json(value: object) -> Any:  # noqa: ANN401 - whatever the key is made of
    """A part of the key as plain JSON, for a column that people and queries read."""
    return json.loads(canonical_json(value))


# -- reading


def published(database: Database, key: str) -> Mapping[str, Any] | None:
    """Return the row of a published run, or None."""
    import sqlalchemy as sa

    from outsample.store.schema import backtest_runs as runs

    query = sa.select(runs).where(
        runs.c.result_key == key, runs.c.result_path.is_not(None), runs.c.purging_at.is_(None)
    )
    with database.connect() as connection:
        row = connection.execute(query).mappings().first()
    return None if row is None else dict(row)


def folder_of(database: Database, row: Mapping[str, Any]) -> Path:
    """Return the folder of a published run."""
    return database.folder / str(row["result_path"])


def verified_folder(database: Database, row: Mapping[str, Any]) -> Path:
    """Return the folder of a published run after comparing every file with the manifest.

    Raises
    ------
    StoreError
        A file is missing or was changed; it is named, with the command that makes it again.
    """
    folder = folder_of(database, row)
    wrong = check_folder(folder)
    if wrong:
        raise StoreError(
            f"The artefacts of {row['name']!r} ({row['result_key'][:12]}) are broken: {'; '.join(wrong)}.",
            hint=f"Run the strategy again: outsample run STRATEGY.py --data {row['dataset']} --no-cache",
        )
    return folder


def fetch_outcome(database: Database, key: str, request: Request) -> Outcome | None:
    """Return the stored outcome of a request, or None if its key is not in the store.

    Raises
    ------
    StoreError
        It is there and cannot be read.
    """
    row = published(database, key)
    if row is None:
        return None
    folder = verified_folder(database, row)
    return rebuild_outcome(folder, read_document(folder / "run.json"), request)
