"""What a result can be saved as: in a store, or as a folder of tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outsample.ledger.keeping import keep_outcome
from outsample.ledger.trials import default_store, trial_of
from outsample.pipeline import Outcome
from outsample.research.lookahead import LookaheadReport
from outsample.store import Store
from outsample.store.export import export_tables

__all__ = ["Savable"]


class Savable:
    """The methods of a result that write it somewhere."""

    outcome: Outcome
    lookahead: LookaheadReport | None
    usage: Mapping[str, Any]

    def save(self, store: Store | None = None, *, weights: str = "auto", compression: str | None = None) -> Path:
        """Save the result with its artefacts and return their folder; a trial is recorded if there is none.

        Parameters
        ----------
        store : Store, optional
            Default: the configured store.
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
        target = default_store() if store is None else store
        folder = keep_outcome(target, self.outcome, weights=weights, compression=compression)
        target.keep_dataset(self.outcome.request.data)
        if not target.has_trial(self.outcome.key):
            target.record(trial_of(self.outcome, float(self.usage.get("wall_seconds", 0.0))))
        if self.lookahead is not None:
            target.keep_report(self.outcome.key, "auto", self.lookahead)
        return folder

    def export(self, folder: str | Path, *, format: str = "csv") -> list[Path]:  # noqa: A002 - the word users know
        """Write equity, weights, positions, trades and metrics as tables, and return the files.

        Parameters
        ----------
        folder : path
            Made if it is not there; files of the same names are replaced.
        format : {"csv", "parquet", "xlsx"}
            One file per table, or one workbook.

        Raises
        ------
        ConfigError
            Another format.
        StoreError
            It cannot be written.
        """
        return export_tables(self.outcome, Path(folder), format)
