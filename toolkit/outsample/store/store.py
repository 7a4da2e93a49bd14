"""`Store`: the ledger, the runs and the names of datasets, on one database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from outsample.data import Dataset
from outsample.pipeline import Outcome
from outsample.request import Request
from outsample.research.lookahead import LookaheadReport
from outsample.store.database import Database
from outsample.store.labels import fetch_meta, keep_meta, keys_with
from outsample.store.ledger import Trial, TrialCount, count_trials, has_trial, read_trials, record_trial, record_trials
from outsample.store.publish import Publishing, compare, fetch_outcome, publish, published
from outsample.store.reports import fetch_report, keep_report
from outsample.store.rows import query_runs
from outsample.store.snapshots import dataset_names, keep_dataset, load_dataset, save_dataset

__all__ = ["Store"]


class Store(Database):
    """A ledger of trials and a table of runs, in SQLite or PostgreSQL.

    Made by `Store.open`. Trials are appended and never changed or removed.

    Attributes
    ----------
    url : str
    """

    # -- the ledger

    def record(self, trial: Trial) -> str:
        """Append a trial to the ledger and return its id.

        Raises
        ------
        StoreError
            The row could not be written; the ledger is unchanged.
        """
        return record_trial(self, trial)

    def record_many(self, trials: Sequence[Trial]) -> list[str]:
        """Append trials to the ledger in one transaction, in this order, and return their ids.

        A process that is killed meanwhile leaves all of them or none.

        Raises
        ------
        StoreError
            They could not be written; the ledger is unchanged.
        """
        return record_trials(self, trials)

    def trials(
        self, *, dataset: str | None = None, family: str | None = None, limit: int | None = None
    ) -> pd.DataFrame:
        """Return recorded trials, the newest first.

        Parameters
        ----------
        dataset, family : str, optional
            Only these.
        limit : int, optional
            At most so many rows.

        Returns
        -------
        DataFrame
            One row per recorded run, repeated keys included.
        """
        return read_trials(self, dataset=dataset, family=family, limit=limit)

    def count(self, scope: str = "dataset", value: str | None = None) -> TrialCount:
        """Return the number of distinct trials in a scope and the variance of their Sharpe ratios.

        Parameters
        ----------
        scope : {"dataset", "family", "store"}
        value : str, optional
            Name of the dataset, or the family.
        """
        return count_trials(self, scope, value)

    def runs(
        self,
        *,
        name: str | None = None,
        since: object = None,
        order_by: str = "-created_at",
        limit: int = 100,
        meta: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return recorded runs, one row per result key.

        Parameters
        ----------
        name : str, optional
            Only strategies of this name.
        since : date, optional
            Only runs first recorded since then; without a zone: UTC.
        order_by : str
            A column; with a leading minus, the largest first. Runs where it is undefined are left out.
        limit : int
        meta : mapping of str to str, optional
            Only runs of strategies with these ``# meta:`` values.

        Raises
        ------
        ConfigError
            `order_by` is no column.
        """
        keys = None if meta is None else keys_with(meta)
        return query_runs(self, name=name, since=since, order_by=order_by, limit=limit, keys=keys)

    # -- results

    def publish(self, outcome: Outcome, options: Publishing | None = None) -> Path:
        """Write the artefacts of a run and its row, and return the folder; see `outsample.store.publish`."""
        return publish(self, outcome, options)

    def fetch(self, key: str, request: Request) -> Outcome | None:
        """Return the stored outcome of a request, or None if its key is not in the store."""
        return fetch_outcome(self, key, request)

    def has(self, key: str) -> bool:
        """Whether the store has the artefacts of a result."""
        return published(self, key) is not None

    def has_trial(self, key: str) -> bool:
        """Whether a trial of this key is in the ledger."""
        return has_trial(self, key)

    def compare(self, outcome: Outcome) -> None:
        """Compare an outcome with the stored one of its key, if there is one.

        Raises
        ------
        ResultChanged
            The numbers differ.
        """
        compare(self, outcome)

    def report(self, key: str, lookahead: bool | str) -> LookaheadReport | None:
        """Return the stored look-ahead report of a result; one with all probes answers for "auto" too."""
        found = fetch_report(self, key, str(lookahead))
        return found if found is not None or lookahead is True else fetch_report(self, key, "True")

    def keep_report(self, key: str, lookahead: bool | str, report: LookaheadReport) -> None:
        """Keep the look-ahead report of a result."""
        keep_report(self, key, str(lookahead), report)

    def keep_meta(self, key: str, meta: Mapping[str, str]) -> None:
        """Keep what ``# meta:`` says of a run, over what was kept of it before.

        Raises
        ------
        StoreError
            It cannot be written.
        """
        keep_meta(self, key, meta)

    def meta(self, key: str) -> dict[str, str]:
        """Return what ``# meta:`` said of a run; empty where nothing did."""
        return fetch_meta(self, key)

    # Datasets, as outsample.data.SnapshotSource asks for them.

    def dataset_names(self) -> Collection[str]:
        """Return the names of saved datasets."""
        return dataset_names(self)

    def load_dataset(self, name: str, snapshot: str | None = None) -> Dataset:
        """Return a stored dataset, verified; see `outsample.store.snapshots.load_dataset`."""
        return load_dataset(self, name, snapshot)

    def save_dataset(self, data: Dataset, name: str, *, origin: str = "", licence: str = "") -> Dataset:
        """Save a dataset under a name and return it; see `outsample.store.snapshots.save_dataset`."""
        return save_dataset(self, data, name, origin=origin, licence=licence)

    def keep_dataset(self, data: Dataset) -> tuple[str, ...]:
        """Keep the data of a run when nothing leads to them; return what went wrong with that."""
        return keep_dataset(self, data)
