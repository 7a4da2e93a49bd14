"""A result into a store, as the settings say: how it is packed, and Qlib's reports beside it."""

from __future__ import annotations

import importlib.util
import logging
import shutil
from pathlib import Path

from outsample.interop.qlib import write_qlib_reports
from outsample.pipeline import Outcome
from outsample.report.figures import equity_figure, png
from outsample.settings import load_settings
from outsample.store import Store
from outsample.store.files import sync_file, sync_folder
from outsample.store.publish import Publishing

__all__ = ["keep_outcome"]

_log = logging.getLogger(__name__)


def keep_outcome(store: Store, outcome: Outcome, *, weights: str = "auto", compression: str | None = None) -> Path:
    """Publish an outcome and return its folder; with `output.qlib_reports` it has a folder ``qlib_reports``, too.

    Parameters
    ----------
    store : Store
    outcome : Outcome
    weights : {"auto", "full", "rebalance"}
    compression : {"snappy", "zstd", "gzip", "none"}, optional
        Default: the setting ``store.compression``.

    Raises
    ------
    ResultChanged
        The key is there with other numbers.
    StoreError
        It cannot be written; nothing half-written stays.
    """
    settings = load_settings()
    kept, wanted = settings.store_settings, settings.output.qlib_reports
    if wanted == "auto":
        wanted = importlib.util.find_spec("qlib") is not None
    how = Publishing(
        weights=weights,
        compression=kept.compression if compression is None else compression,
        max_bytes=kept.max_bytes,
        write_more=(lambda folder: _write_reports(folder / "qlib_reports", outcome)) if wanted else None,
    )
    return store.publish(outcome, how)


def _write_reports(folder: Path, outcome: Outcome) -> None:
    """Qlib's reports, whole or not at all: whatever is wrong with its installation, the result is stored."""
    other = outcome.benchmark
    try:
        figure = equity_figure(
            outcome.simulation.equity,
            None if other is None else other.equity,
            benchmark_name=outcome.benchmark_name,
            title=outcome.request.strategy.name,
        )
        write_qlib_reports(outcome, folder, picture=png(figure))
        for file in folder.iterdir():
            sync_file(file)
        sync_folder(folder)
    except OSError:
        raise  # the disk: nothing of the result can be written
    except Exception as error:  # noqa: BLE001 - whatever a foreign library raises
        _log.warning("The reports of Qlib of %s are left out: %s: %s", outcome.key[:12], type(error).__name__, error)
        shutil.rmtree(folder, ignore_errors=True)
