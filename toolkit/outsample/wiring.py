"""The one thing that the lowest layers ask of the highest: which store is configured.

`Dataset.save` and `load` may be called without a store; they cannot import one. The package's own
``__init__``, which gathers everything, connects them.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["configured_store", "connect"]


class _Wire:
    find: Callable[[], object | None] | None = None


def connect(find: Callable[[], object | None]) -> None:
    """Say how the configured store is found; it is called when somebody needs the store, not before."""
    _Wire.find = staticmethod(find)


def configured_store() -> object | None:
    """Return the configured store, None where there is none or it cannot be opened."""
    return None if _Wire.find is None else _Wire.find()
