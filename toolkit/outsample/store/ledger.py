"""The ledger of trials: what enters it, and how many there are."""

from __future__ import annotations

import datetime
import math
import statistics
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from outsample.errors import ConfigError
from outsample.store.users import current_user

if TYPE_CHECKING:
    from outsample.store.database import Database

__all__ = ["Trial", "TrialCount", "count_trials", "has_trial", "read_trials", "record_trial", "record_trials"]

_SCOPES = ("dataset", "family", "store")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One evaluated configuration, as it enters the ledger.

    Parameters
    ----------
    result_key : str
        The same key again is no new trial; it is recorded all the same.
    name, dataset, snapshot_id, family, source : str
    parameters : mapping
    dataset_version_ids : mapping of frame name to content id
    kind : {"backtest", "sweep", "walk_forward", "alpha"}
    status : {"completed", "failed"}
    n_returns : int or None
        Number of returns behind the Sharpe ratio.
    sharpe, sharpe_per_period, total_return, max_drawdown : float or None
        None where undefined.
    success_level : int
    error_category, error_message : str or None
    returns_hash : str or None
    """

    result_key: str
    name: str
    dataset: str
    snapshot_id: str
    family: str
    source: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    dataset_version_ids: Mapping[str, str] = field(default_factory=dict)
    kind: str = "backtest"
    status: str = "completed"
    start_date: str | None = None
    end_date: str | None = None
    n_returns: int | None = None
    sharpe: float | None = None
    sharpe_per_period: float | None = None
    total_return: float | None = None
    max_drawdown: float | None = None
    success_level: int = 0
    error_category: str | None = None
    error_message: str | None = None
    returns_hash: str | None = None
    wall_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class TrialCount:
    """How many configurations were tried, and how much their Sharpe ratios differ.

    Parameters
    ----------
    n : int
        Distinct keys in the scope.
    variance : float
        max(sample variance of their per-period Sharpe ratios, 1/n_returns); NaN if none is defined.
    """

    n: int
    variance: float


def record_trial(database: Database, trial: Trial) -> str:
    """Append a trial, note its run, and return the trial's id.

    Raises
    ------
    StoreError
        The row could not be written; the ledger is unchanged.
    """
    return record_trials(database, (trial,))[0]


def record_trials(database: Database, found: Sequence[Trial]) -> list[str]:
    """Append trials in this order, note their runs, and return the trials' ids: all of them or, on a failure, none.

    Raises
    ------
    StoreError
        They could not be written; the ledger is unchanged.
    """
    import sqlalchemy as sa

    from outsample.store.rows import note_runs
    from outsample.store.schema import trials

    if not found:
        return []
    now, user = datetime.datetime.now(datetime.UTC), current_user()
    rows = []
    for place, trial in enumerate(found):
        values = {name: _clean(value) for name, value in trial.__dict__.items()}
        # Moments that differ keep the order; writing a row takes longer than a microsecond, so none is ahead of time.
        moment = now + datetime.timedelta(microseconds=place)
        rows.append({**values, "id": str(uuid.uuid4()), "created_at": moment, "created_by": user})
    with database.begin() as connection:
        connection.execute(sa.insert(trials), [{name: row[name] for name in row if name in trials.c} for row in rows])
        note_runs(connection, rows)
    return [str(row["id"]) for row in rows]


def read_trials(
    database: Database, *, dataset: str | None = None, family: str | None = None, limit: int | None = None
) -> pd.DataFrame:
    """Return recorded trials, the newest first: one row per recorded run, repeated keys included."""
    import sqlalchemy as sa

    from outsample.store.schema import trials

    query = sa.select(trials).order_by(trials.c.created_at.desc(), trials.c.id)
    if dataset is not None:
        query = query.where(trials.c.dataset == dataset)
    if family is not None:
        query = query.where(trials.c.family == family)
    with database.connect() as connection:
        rows = connection.execute(query.limit(limit) if limit is not None else query).mappings().all()
    return pd.DataFrame([dict(row) for row in rows], columns=[column.name for column in trials.c])


def count_trials(database: Database, scope: str = "dataset", value: str | None = None) -> TrialCount:
    """Return the number of distinct trials in a scope and the variance of their Sharpe ratios."""
    import sqlalchemy as sa

    from outsample.store.schema import trials

    if scope not in _SCOPES:
        raise ConfigError(f"scope must be one of {', '.join(map(repr, _SCOPES))}. Got {scope!r}.")
    columns = (trials.c.result_key, sa.func.max(trials.c.sharpe_per_period), sa.func.max(trials.c.n_returns))
    query = sa.select(*columns).group_by(trials.c.result_key)
    if scope != "store":
        query = query.where(trials.c[scope] == value)
    with database.connect() as connection:
        rows = connection.execute(query).all()
    sharpes = [sharpe for _, sharpe, _ in rows if sharpe is not None]
    lengths = [length for _, _, length in rows if length]
    spread = statistics.variance(sharpes) if len(sharpes) > 1 else 0.0
    # With few or equal trials the sample variance says nothing; 1/n is the variance of luck alone.
    floor = 1.0 / max(lengths) if lengths else math.nan
    return TrialCount(n=len(rows), variance=max(spread, floor) if lengths else math.nan)


def has_trial(database: Database, key: str) -> bool:
    """Whether a trial of this key is in the ledger."""
    import sqlalchemy as sa

    from outsample.store.schema import trials

    with database.connect() as connection:
        query = sa.select(trials.c.id).where(trials.c.result_key == key).limit(1)
        return connection.execute(query).first() is not None


def _clean(value: object) -> object:
    """Undefined numbers are NULL in a database."""
    if isinstance(value, Mapping):
        return dict(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
