"""`Store`: the store as users hold it, with results in and results out."""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from outsample.archive.explain import METRICS, Explanation, Side, explain, side_of
from outsample.data import Dataset, load
from outsample.errors import DataError, DataMissing, StoreError
from outsample.ledger.trials import judged
from outsample.results import Result
from outsample.store import Store as Ledger
from outsample.store.audit import read_audit
from outsample.store.documents import read_document, rebuild_outcome, request_of
from outsample.store.publish import verified_folder
from outsample.store.retention import Purged, Rebuilt, broken_runs, purge, rebuild

__all__ = ["Store"]

# A shorter start of a key would be a guess.
_SHORTEST = 6


class Store(Ledger):
    """The ledger of trials, and every result with its artefacts, in SQLite or PostgreSQL.

    Made by `Store.open`. A context manager; `close` may be called again.

    Attributes
    ----------
    url : str
    folder : Path
        Where artefacts and snapshots are.

    Examples
    --------
    >>> with Store.open(":memory:") as store:
    ...     store.count("store").n
    0
    """

    def save(self, result: Result, *, weights: str = "auto", compression: str | None = None) -> Path:
        """Save a result with its artefacts and return their folder.

        Parameters
        ----------
        result : Result
        weights : {"auto", "full", "rebalance"}
            Weights of every bar, or of the bars with trades; "auto": of every bar up to 10 MB.
        compression : {"snappy", "zstd", "gzip", "none"}, optional
            Default: the setting ``store.compression``.

        Raises
        ------
        ResultChanged
            The key is there with other numbers.
        StoreError
            It cannot be written; nothing half-written stays.
        """
        return result.save(self, weights=weights, compression=compression)

    def load(self, key: str) -> Result:
        """Return a saved result: the same canonical bytes as when it was saved.

        Parameters
        ----------
        key : str
            A result key, or its first characters (six at least) when they are those of one result.

        Raises
        ------
        StoreError
            There is no such result, its artefacts are missing or broken (named), or it was made by a
            version that led to other numbers.
        DataMissing
            Its data are no longer there.
        """
        row = self._row(key)
        folder = verified_folder(self, row)
        document = read_document(folder / "run.json")
        request = request_of(document, self.data_of(document))
        outcome = rebuild_outcome(folder, document, request)
        report = self.report(outcome.key, "auto")
        return Result(
            name=request.strategy.name,
            outcome=outcome,
            judgement=judged(outcome, report, self),
            lookahead=report,
            usage={
                "stages": document["seconds"],
                "wall_seconds": outcome.execution.wall_seconds,
                "cpu_seconds": outcome.execution.cpu_seconds,
                "peak_memory_mb": outcome.execution.peak_memory_mb,
            },
        )

    def data_of(self, document: Mapping[str, Any]) -> Dataset:
        """Return the dataset that a run document names.

        Raises
        ------
        DataMissing
            It is not in the store and its name leads to other data.
        """
        name, wanted = document["data"]["name"], document["data"]["id"]
        for attempt in (f"{name}@{wanted}", name):
            try:
                found = load(attempt, store=self)
            except DataError:
                continue
            if found.id == wanted:
                return _as_recorded(found, document["data"])
        raise DataMissing(
            f"The data of {document['strategy']['name']!r} ({document['key'][:12]}) are not here: dataset {name!r}, "
            f"snapshot {wanted[:12]}.",
            hint=f"Add the same files again: outsample data add {name} FILES",
        )

    def explain(self, a: str | Result, b: str | Result, *, rerun: bool = True) -> Explanation:
        """Say which inputs of two results differ, and how much of the change each makes.

        Parameters
        ----------
        a, b : str or Result
            Keys (or their first characters), or results.
        rerun : bool
            Run the combinations of the inputs that differ; without that only what differs is told.

        Raises
        ------
        StoreError
            There is no such result, or its artefacts are broken.

        Returns
        -------
        Explanation
            `.table` has the effects, `.changes` what exactly differs.
        """
        return explain(self._side(a), self._side(b), rerun=rerun)

    def _side(self, item: str | Result) -> Side:
        if isinstance(item, Result):
            return side_of(item.outcome)
        folder = verified_folder(self, self._row(item))
        document, summary = read_document(folder / "run.json"), read_document(folder / "summary.json")
        numbers = {name: math.nan if summary["numbers"][name] is None else summary["numbers"][name] for name in METRICS}
        try:
            request = request_of(document, self.data_of(document))
        except DataMissing:
            request = None
        return Side(
            parts=document["parts"],
            numbers=numbers,
            request=request,
            frame_ids=document["data"]["frame_ids"],
            source=document["strategy"]["source"],
        )

    def run(self, key: str) -> Mapping[str, Any]:
        """Return the row of a run by its key, or the first characters of it."""
        return self._row(key)

    def purge(
        self, older_than: str | datetime.timedelta, *, dry_run: bool = False, keep: Collection[str] = ()
    ) -> Purged:
        """Remove results that are older than "90d" (or h, w); see `outsample.store.retention.purge`."""
        return purge(self, older_than, dry_run=dry_run, keep=keep)

    def rebuild(self) -> Rebuilt:
        """Restore rows of results and names of datasets whose files are there; see `outsample.store.retention`."""
        return rebuild(self)

    def broken(self) -> list[str]:
        """Return what is wrong with the artefacts of results, in words; empty: nothing."""
        return broken_runs(self)

    def audit(self, *, limit: int | None = None) -> pd.DataFrame:
        """Return who did what, the newest first."""
        return read_audit(self, limit=limit)

    def _rows(self, key: str) -> list[Mapping[str, Any]]:
        import sqlalchemy as sa

        from outsample.store.schema import backtest_runs as runs

        text = str(key).lower()
        # A range instead of LIKE: it uses the index of the key on both databases.
        match = runs.c.result_key == text
        if len(text) < 64:
            match = sa.and_(runs.c.result_key >= text, runs.c.result_key < text + "g")
        with self.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(runs).where(match).limit(2)).mappings()]

    def _row(self, key: str) -> Mapping[str, Any]:
        found = self._rows(key) if len(str(key)) >= _SHORTEST else []
        if len(found) > 1:
            raise StoreError(f"{key!r} is the start of several keys.", hint="Write more of it.")
        if not found:
            raise StoreError(f"There is no result {key!r} in the store.", hint="List them with: outsample runs")
        row = found[0]
        if row["result_path"] is None or row["purging_at"] is not None:
            what = "failed and has no files" if row["status"] == "failed" else "was recorded without its files"
            raise StoreError(
                f"The result {row['name']!r} ({row['result_key'][:12]}) {what}.",
                hint=f"Run it again: outsample run STRATEGY.py --data {row['dataset']}",
            )
        return row


def _as_recorded(data: Dataset, kept: Mapping[str, Any]) -> Dataset:
    """A dataset with what stood beside its content in a run: one content under one name may have two markets."""
    names = ("market", "periods_per_year", "benchmark")
    if all(getattr(data, name) == kept.get(name, getattr(data, name)) for name in names):
        return data
    return Dataset(
        data.stored(),
        name=data.name,
        market=kept["market"],
        periods_per_year=kept["periods_per_year"],
        details={"benchmark": kept["benchmark"], "warnings": tuple(kept["warnings"]), "sessions": data.sessions},
    )
