"""Names for the moments between two steps, so that a test can end the process at each of them."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["step", "watch"]

_watchers: list[Callable[[str], None]] = []


def step(name: str) -> None:
    """Say that a step begins."""
    for watcher in _watchers:
        watcher(name)


def watch(watcher: Callable[[str], None]) -> None:
    """Call a function with the name of every step from now on; for tests of what a crash leaves behind."""
    _watchers.append(watcher)
