"""`Store`: opened by URL, written by appending."""

from __future__ import annotations

import datetime
import getpass
import math
import os
import statistics
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from outsample.data import Dataset
from outsample.errors import ConfigError, DataMissing, StoreError
from outsample.settings import load_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Store", "Trial", "TrialCount"]

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
    kind : {"backtest", "sweep", "walk_forward"}
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


class Store:
    """A ledger of trials in SQLite.

    Made by `Store.open`. Rows are appended and never changed or removed.

    Attributes
    ----------
    url : str
    """

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._engine = engine
        self.url = url

    @classmethod
    def open(cls, url: str | Path | None = None) -> Store:
        """Open a store, making it if it is not there.

        Parameters
        ----------
        url : str or path, optional
            A file, or ``sqlite:///file``; None: the configured store (OUTSAMPLE_STORE), else
            ``store.db`` in the user's data folder.

        Raises
        ------
        StoreError
            It cannot be opened or written.
        """
        import sqlalchemy as sa

        from outsample.store.schema import metadata

        resolved = _resolve(url)
        try:
            if resolved.database and resolved.database != ":memory:":
                Path(resolved.database).parent.mkdir(parents=True, exist_ok=True)
            engine = sa.create_engine(resolved, connect_args={"timeout": 30.0}, **_pool(resolved))
            sa.event.listen(engine, "connect", _configure)
            sa.event.listen(engine, "begin", _begin)
            metadata.create_all(engine)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StoreError(
                f"The store {resolved} cannot be opened: {reason}.",
                hint="Set OUTSAMPLE_STORE to a file in a folder that you may write to.",
            ) from error
        return cls(engine, str(resolved))

    def close(self) -> None:
        """Close all connections; may be called again."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Store {self.url}>"

    # -- the ledger

    def record(self, trial: Trial) -> str:
        """Append a trial to the ledger and return its id.

        Raises
        ------
        StoreError
            The row could not be written; the ledger is unchanged.
        """
        import sqlalchemy as sa

        from outsample.store.schema import trials

        row = {name: _clean(value) for name, value in trial.__dict__.items()}
        row |= {"id": str(uuid.uuid4()), "created_at": datetime.datetime.now(datetime.UTC), "created_by": _user()}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(trials).values(**row))
        except sa.exc.SQLAlchemyError as error:
            raise StoreError(f"The trial could not be recorded: {getattr(error, 'orig', error)}.") from error
        return str(row["id"])

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
        import sqlalchemy as sa

        from outsample.store.schema import trials

        query = sa.select(trials).order_by(trials.c.created_at.desc(), trials.c.id)
        if dataset is not None:
            query = query.where(trials.c.dataset == dataset)
        if family is not None:
            query = query.where(trials.c.family == family)
        with self._engine.connect() as connection:
            rows = connection.execute(query.limit(limit) if limit is not None else query).mappings().all()
        return pd.DataFrame([dict(row) for row in rows], columns=[column.name for column in trials.c])

    def count(self, scope: str = "dataset", value: str | None = None) -> TrialCount:
        """Return the number of distinct trials in a scope and the variance of their Sharpe ratios.

        Parameters
        ----------
        scope : {"dataset", "family", "store"}
        value : str, optional
            Name of the dataset, or the family.
        """
        import sqlalchemy as sa

        from outsample.store.schema import trials

        if scope not in _SCOPES:
            raise ConfigError(f"scope must be one of {', '.join(map(repr, _SCOPES))}. Got {scope!r}.")
        columns = (trials.c.result_key, sa.func.max(trials.c.sharpe_per_period), sa.func.max(trials.c.n_returns))
        query = sa.select(*columns).group_by(trials.c.result_key)
        if scope != "store":
            query = query.where(trials.c[scope] == value)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        sharpes = [sharpe for _, sharpe, _ in rows if sharpe is not None]
        lengths = [length for _, _, length in rows if length]
        spread = statistics.variance(sharpes) if len(sharpes) > 1 else 0.0
        # With few or equal trials the sample variance says nothing; 1/n is the variance of luck alone.
        floor = 1.0 / max(lengths) if lengths else math.nan
        return TrialCount(n=len(rows), variance=max(spread, floor) if lengths else math.nan)

    def runs(
        self, *, name: str | None = None, since: object = None, order_by: str = "-created_at", limit: int = 100
    ) -> pd.DataFrame:
        """Return the newest recorded run of each result.

        Parameters
        ----------
        name : str, optional
            Only strategies of this name.
        since : date, optional
            Only runs since then.
        order_by : str
            A column; with a leading minus, the largest first.
        limit : int
        """
        table = self.trials()
        column = order_by.removeprefix("-")
        if column not in table.columns:
            raise ConfigError(f"order_by must be a column of the ledger. Got {column!r}.")
        if name is not None:
            table = table[table["name"] == name]
        if since is not None:
            moment = pd.Timestamp(since)  # type: ignore[arg-type]
            moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment
            table = table[pd.to_datetime(table["created_at"], utc=True) >= moment]
        table = table.drop_duplicates("result_key").sort_values(
            column, ascending=not order_by.startswith("-"), kind="stable"
        )
        return table.head(limit).reset_index(drop=True)

    # Datasets, as outsample.data.SnapshotSource asks for them.

    def dataset_names(self) -> Collection[str]:
        """Return the names of stored datasets."""
        return ()

    def load_dataset(self, name: str, snapshot: str | None = None) -> Dataset:
        """Return a stored dataset."""
        raise DataMissing(f"The store has no dataset {name!r}{'' if snapshot is None else f' @ {snapshot}'}.")


def _resolve(url: str | Path | None) -> sa.URL:
    import sqlalchemy as sa
    from platformdirs import user_data_path

    text = str(url or load_settings().store or user_data_path("outsample") / "store.db")
    if "://" not in text:
        return sa.URL.create("sqlite", database=":memory:" if text == ":memory:" else str(Path(text).expanduser()))
    parsed = sa.make_url(text)
    if parsed.get_backend_name() != "sqlite":
        raise StoreError(
            f"The store {parsed.render_as_string()} is not supported: only SQLite is.",
            hint="Use a file name or sqlite:///path/store.db.",
        )
    return parsed


def _pool(url: sa.URL) -> dict[str, Any]:
    if url.database not in {None, "", ":memory:"}:
        return {}
    from sqlalchemy.pool import StaticPool

    return {"poolclass": StaticPool}  # one connection, or every one would see its own empty database


def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None  # sqlite3's own transaction handling begins too late
    for pragma in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A deferred transaction that writes later can fail at once with "database is locked".
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _clean(value: object) -> object:
    """Undefined numbers are NULL in a database."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _user() -> str:
    if os.environ.get("OUTSAMPLE_USER"):
        return os.environ["OUTSAMPLE_USER"]
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
