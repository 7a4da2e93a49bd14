"""Helpers for the tests of those who build on outsample."""

from __future__ import annotations

from outsample.archive import Store

__all__ = ["memory_store"]


def memory_store() -> Store:
    """Return a store that leaves nothing behind: a database in memory, artefacts in a temporary folder.

    It passes the same contract tests as SQLite files and PostgreSQL. Close it, or let it go.

    Examples
    --------
    >>> with memory_store() as store:
    ...     store.runs().empty
    True
    """
    return Store.open(":memory:")
