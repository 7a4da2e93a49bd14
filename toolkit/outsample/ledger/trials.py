"""Trials: what enters the ledger, and the judgement that the ledger allows."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import logging
import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from outsample import errors
from outsample.classify import Evidence, Judgement, failed, judge
from outsample.data.content import frame_id
from outsample.model import PINNED_TRIALS
from outsample.pipeline import Outcome
from outsample.request import Request, request_key
from outsample.research.lookahead import LookaheadReport
from outsample.settings import Settings, load_settings
from outsample.stats import deflated_sharpe
from outsample.store import Store, Trial

__all__ = [
    "common",
    "default_store",
    "failed_trial",
    "judged",
    "ledger_of",
    "pinned_trials",
    "record",
    "record_many",
    "trial_of",
]

_log = logging.getLogger(__name__)


def judged(
    outcome: Outcome, report: LookaheadReport | None, ledger: Store | None, *, out_of_sample: float | None = None
) -> Judgement:
    """The judgement as of now: it depends on the ledger, and says when it was read."""
    evidence = Evidence(
        lookahead_clean=None if report is None else report.clean,
        undeclared_costs=outcome.undeclared_costs,
        out_of_sample_sharpe=out_of_sample,
    )
    pinned = pinned_trials()
    if pinned is not None:
        # Nothing is known of the others' ratios: the variance of luck alone.
        luck = 1.0 / max(len(outcome.simulation.returns), 1)
        evidence = dataclasses.replace(
            evidence,
            n_trials=pinned,
            trials_variance=luck,
            deflated_sharpe=_deflated(outcome, pinned, luck),
            as_of="pinned",
        )
    elif ledger is not None:
        counted = ledger.count("dataset", outcome.request.data.name)
        n = max(counted.n, 1)
        evidence = dataclasses.replace(
            evidence,
            n_trials=n,
            trials_variance=counted.variance,
            deflated_sharpe=_deflated(outcome, n, counted.variance),
            as_of=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        )
    return judge(outcome.verdict, evidence, thresholds=outcome.request.thresholds)


def pinned_trials() -> int | None:
    """Return the number of trials that a report pins (OUTSAMPLE_N_TRIALS), None to count the ledger's.

    Raises
    ------
    ConfigError
        It is no whole number of at least 1.
    """
    text = os.environ.get(PINNED_TRIALS)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise errors.ConfigError(f"{PINNED_TRIALS} (n_trials) must be a whole number >= 1. Got {text!r}.")
    return int(text)


def _deflated(outcome: Outcome, n_trials: int, variance: float) -> float | None:
    measured, n = outcome.metrics, len(outcome.simulation.returns)
    sharpe = _per_period(outcome)
    moments = (measured.skewness, measured.kurtosis)
    if sharpe is None or math.isnan(variance) or n < 3 or not all(map(math.isfinite, moments)):
        return None
    value = deflated_sharpe(
        sharpe, n, n_trials=n_trials, trials_variance=variance, skewness=moments[0], kurtosis=moments[1]
    )
    return None if math.isnan(value) else float(value)


def _per_period(outcome: Outcome) -> float | None:
    """Sharpe ratio per bar: what statistics of trials compare."""
    sharpe = outcome.metrics.sharpe_per_period
    return sharpe if math.isfinite(sharpe) else None


@functools.cache
def _store_at(url: str | None) -> Store:
    return Store.open(url)


def default_store() -> Store:
    """Return the configured store, opened once per process."""
    return _store_at(load_settings().store)


def ledger_of(store: Store | bool | None) -> tuple[Store | None, tuple[str, ...]]:
    """Return the store to record in; one that cannot be opened is a warning, not the end of a backtest."""
    settings: Settings = load_settings()
    if store is False or (store is None and settings.store == "none"):
        return None, ()
    if isinstance(store, Store):
        return store, ()
    try:
        return default_store(), ()
    except errors.StoreError as error:
        return None, (f"This trial is not recorded: {error}",)


def record(ledger: Store | None, trial: Trial) -> tuple[str, ...]:
    """Append a trial and return what went wrong with that: it is never the end of a backtest."""
    if ledger is None:
        return ()
    try:
        ledger.record(trial)
    except errors.StoreError as error:
        return (f"This trial is not recorded: {error}",)
    return ()


def record_many(ledger: Store | None, trials: Sequence[Trial]) -> tuple[str, ...]:
    """As `record`, for the trials of one study: they enter the ledger together, in this order, or not at all."""
    if ledger is None:
        return ()
    try:
        ledger.record_many(trials)
    except errors.StoreError as error:
        return (f"{len(trials)} trials are not recorded: {error}",)
    return ()


def common(request: Request, key: str) -> dict[str, Any]:
    """Return what a trial says of a request, whatever came of it, and of its result key."""
    strategy, data = request.strategy, request.data
    return {
        "result_key": key,
        "name": strategy.name,
        "dataset": data.name,
        "snapshot_id": data.id,
        "family": strategy.sha,
        "source": strategy.source,
        "parameters": dict(strategy.values),
        "dataset_version_ids": dict(data.frame_ids),
    }


def trial_of(outcome: Outcome, wall: float | None) -> Trial:
    """Return the trial of a run; `wall` is its time in seconds."""
    simulation, measured = outcome.simulation, outcome.metrics
    returns: pd.Series = simulation.returns
    return Trial(
        **common(outcome.request, request_key(outcome.request)),
        start_date=str(simulation.equity.index[0]),
        end_date=str(simulation.equity.index[-1]),
        n_returns=len(returns),
        sharpe=measured.sharpe,
        sharpe_per_period=_per_period(outcome),
        total_return=measured.total_return,
        max_drawdown=measured.max_drawdown,
        success_level=int(outcome.verdict.level),
        error_category=None if outcome.verdict.error_category is None else outcome.verdict.error_category.value,
        returns_hash=frame_id(returns.astype(np.float64).to_frame("returns")),
        wall_seconds=wall,
    )


def failed_trial(request: Request, error: errors.OutsampleError) -> Trial:
    """Return the trial of a run that ended with an error."""
    verdict = failed(error)
    return Trial(
        **common(request, request_key(request)),
        status="failed",
        error_category=None if verdict.error_category is None else verdict.error_category.value,
        error_message=verdict.error_message,
    )
