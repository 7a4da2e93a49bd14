"""`Database`: SQLite or PostgreSQL, opened by URL, with the pragmas, pools and errors that both need."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import threading
import warnings
import weakref
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from outsample.errors import MissingExtra, StoreError
from outsample.settings import load_settings
from outsample.store.opening import prepare

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["Database", "resolve_url", "store_error"]

# File systems on which SQLite's shared-memory index of the write-ahead log does not work.
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs", "lustre"})

_READING = "outsample_reading"

# How long a writer of SQLite waits for another one.
BUSY_SECONDS = 30.0


class Database:
    """A database that has the tables of the store.

    Made by `open`. A context manager; `close` may be called again.

    Attributes
    ----------
    url : str
        Without its password.
    engine : sqlalchemy.Engine
    path : Path or None
        The file of an SQLite database.
    """

    def __init__(self, engine: sa.Engine, url: str, path: Path | None = None) -> None:
        self.engine = engine
        self.url = url
        self.path = path
        self._closed = False
        # A database in memory has one connection, for one thread at a time.
        self._turn: contextlib.AbstractContextManager[object] = (
            threading.RLock() if path is None and engine.dialect.name == "sqlite" else contextlib.nullcontext()
        )
        _OPEN.add(self)
        # One that nobody closed and nobody holds: its connections would stay open until they are collected.
        self._end = weakref.finalize(self, engine.dispose)
        self._end.atexit = False

    @classmethod
    def open(cls, url: str | Path | None = None) -> Self:
        """Open a store, making it if it is not there.

        Parameters
        ----------
        url : str or path, optional
            A file, ``sqlite:///file`` or ``postgresql://user@host/name``; None: the configured store
            (OUTSAMPLE_STORE), else ``store.db`` in the user's data folder.

        Raises
        ------
        StoreError
            It cannot be opened or written, or its tables are of another version.
        MissingExtra
            PostgreSQL is asked for and psycopg is not installed.
        """
        return cls._opened(url, prepare_tables=True)

    @classmethod
    def unprepared(cls, url: str | Path | None = None) -> Self:
        """Open a store of whatever version, without making, upgrading or refusing its tables."""
        return cls._opened(url, prepare_tables=False)

    @classmethod
    def _opened(cls, url: str | Path | None, *, prepare_tables: bool) -> Self:
        import sqlalchemy as sa

        resolved = resolve_url(url)
        shown = resolved.render_as_string()
        path = _file_of(resolved)
        try:
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
            database = cls(_engine(resolved, path), shown, path)
            try:
                if prepare_tables:
                    prepare(database.engine, path, shown)
                else:
                    database.engine.connect().close()
            except BaseException:
                database.close()
                raise
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as error:
            raise store_error(error, f"The store {shown} cannot be opened", otherwise=_ELSEWHERE) from error
        return database

    @cached_property
    def folder(self) -> Path:
        """Where artefacts and snapshots are.

        The setting ``store.artefacts`` (OUTSAMPLE_ARTEFACTS), else the folder of an SQLite file, else the
        user's data folder.

        A store in memory has a temporary folder, removed with it.
        """
        if self.path is None and self.dialect == "sqlite":
            folder = Path(tempfile.mkdtemp(prefix="outsample-store-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            return folder
        given = load_settings().store_settings.artefacts
        if given:
            return Path(given).expanduser().absolute()
        if self.path is not None:
            return self.path.absolute().parent
        from platformdirs import user_data_path

        return user_data_path("outsample")

    @property
    def dialect(self) -> str:
        """The name of the kind of database: "sqlite" or "postgresql"."""
        return self.engine.dialect.name

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction that may write; committed at the end, rolled back on an error.

        Raises
        ------
        StoreError
            The database cannot be written (locked, read-only, full, gone).
        """
        with self._errors("written"), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def connect(self) -> Iterator[sa.Connection]:
        """Give a connection to read with: on SQLite it never waits for a writer.

        Raises
        ------
        StoreError
            The database cannot be read.
        """
        with self._errors("read"), self.engine.execution_options(**{_READING: True}).connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        import sqlalchemy as sa

        if self._closed:
            raise StoreError(f"The store {self.url} is closed.", hint="Open it again with Store.open().")
        try:
            with self._turn:
                yield
        except sa.exc.IntegrityError:
            raise  # a broken constraint is the caller's to explain
        except sa.exc.DBAPIError as error:
            raise store_error(error, f"The store {self.url} cannot be {verb}") from error

    def close(self) -> None:
        """Close all connections; may be called again."""
        if not self._closed:
            self._closed = True
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"


def store_error(error: Exception, what: str, *, otherwise: str = "") -> StoreError:
    """Return the StoreError of a failure of the database, with a hint that fits.

    Parameters
    ----------
    error : Exception
        As SQLAlchemy raised it.
    what : str
        What could not be done, without a full stop.
    otherwise : str
        The hint where none fits.
    """
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    hint = next((hint for word, hint in _HINTS.items() if word in reason.lower()), otherwise)
    return StoreError(f"{what}: {reason}.", hint=hint)


_ELSEWHERE = "Set OUTSAMPLE_STORE to a file in a folder that you may write to, or to a database that answers."
_HINTS = {
    "locked": "Another process has been writing for 30 s; end it, or use PostgreSQL for several writers.",
    "readonly": "Give this user the right to write the file and its folder, or set OUTSAMPLE_STORE.",
    "read-only": "Give this user the right to write, or set OUTSAMPLE_STORE.",
    "full": "Free space on the disk, then remove old results with: outsample purge --older-than 90d",
    "no space": "Free space on the disk, then remove old results with: outsample purge --older-than 90d",
    "malformed": "Restore it from a backup; or move it away and make it anew from the results: outsample db rebuild",
    "unable to open": "Give this user the right to write the folder: SQLite keeps its log beside the file. To read a "
    "store that nobody writes: OUTSAMPLE_STORE='sqlite:///file:/PATH/store.db?immutable=1&mode=ro&uri=true'",
    "connection": "Check that the database server answers, then try again.",
}


def resolve_url(url: str | Path | None) -> sa.URL:
    """Return the URL that an argument of `Database.open` means.

    Raises
    ------
    StoreError
        It names a database that is neither SQLite nor PostgreSQL.
    """
    import sqlalchemy as sa
    from platformdirs import user_data_path

    text = str(url or load_settings().store or user_data_path("outsample") / "store.db")
    if text == "none":
        raise StoreError(
            "There is no store: OUTSAMPLE_STORE is none.", hint="Unset it, or set it to a file or a database."
        )
    if "://" not in text:
        return sa.URL.create("sqlite", database=":memory:" if text == ":memory:" else str(Path(text).expanduser()))
    try:
        parsed = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise StoreError("The URL of the store cannot be read.", hint="Write postgresql://user@host/name.") from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError(
            f"The store {parsed.render_as_string()} is not supported: only SQLite and PostgreSQL are.",
            hint="Use a file name, sqlite:///path/store.db or postgresql://user@host/name.",
        )
    return parsed


def _file_of(url: sa.URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return None
    return Path(str(url.database).removeprefix("file:"))


def _engine(url: sa.URL, path: Path | None) -> sa.Engine:
    import sqlalchemy as sa
    from sqlalchemy.pool import StaticPool

    if url.get_backend_name() == "postgresql":
        try:
            # The server may have gone since a connection was last used; an answer is checked first.
            return sa.create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
        except ModuleNotFoundError as error:
            raise MissingExtra("psycopg", "postgres") from error
    # One connection in memory, or every one would see its own empty database.
    pool: dict[str, Any] = {"poolclass": StaticPool} if path is None else {}
    arguments = {"timeout": BUSY_SECONDS, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=arguments, **pool)
    journal = "MEMORY" if path is None else "WAL"
    if path is not None and _is_network(path):
        journal = "DELETE"
        warnings.warn(
            f"The store {path} is on a network file system: one writer at a time, and slow. "
            "Use PostgreSQL for several machines.",
            RuntimeWarning,
            stacklevel=4,
        )
    sa.event.listen(engine, "connect", lambda connection, _record: _configure(connection, journal))
    sa.event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: Any, journal: str) -> None:  # noqa: ANN401 - a DBAPI connection
    connection.isolation_level = None  # sqlite3's own transaction handling begins too late
    waiting = f"busy_timeout = {round(BUSY_SECONDS * 1000)}"
    for pragma in (waiting, f"journal_mode = {journal}", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    # A deferred transaction that writes later can fail at once with "database is locked".
    reading = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _is_network(path: Path, mounts: Path = Path("/proc/mounts")) -> bool:
    """Whether a file is on a network file system, as far as the operating system says."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    place = path.expanduser().absolute()
    best, kind = -1, ""
    for line in lines:
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ")
        if place.is_relative_to(point) and len(point) > best:
            best, kind = len(point), fields[2]
    return kind in _NETWORK


# A connection must not be shared with a forked child: the child forgets the parent's, without closing them.
_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()


def _forget() -> None:
    for database in list(_OPEN):
        if database.engine.url.database != ":memory:":
            database.engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
