"""One planted flaw, its clean twin, and what a trial of either says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outsample.errors import OutsampleError

__all__ = ["Check", "Trial", "accepted", "refused"]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What happened.

    Parameters
    ----------
    ok : bool
        As it should be.
    said : str
        What the guard said, in a few words.
    """

    ok: bool
    said: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """A guard, a flaw that it must catch, and a clean twin that it must let pass.

    Parameters
    ----------
    group : str
        The guard.
    title : str
        The flaw, in words.
    flaw, twin : callable
        Without arguments; each returns a `Trial`.
    """

    group: str
    title: str
    flaw: Callable[[], Trial]
    twin: Callable[[], Trial]


def refused(action: Callable[[], object], *, code: str = "") -> Trial:
    """Run an action that must end in one of our errors.

    Parameters
    ----------
    action : callable
    code : str
        The error's code; any of ours if it is empty.
    """
    try:
        action()
    except OutsampleError as error:
        return Trial(ok=not code or error.code == code, said=_short(error.message))
    return Trial(ok=False, said="nothing was said")


def accepted(action: Callable[[], object]) -> Trial:
    """Run an action that must end without an error."""
    try:
        action()
    except OutsampleError as error:
        return Trial(ok=False, said=_short(error.message))
    return Trial(ok=True, said="no complaint")


def _short(text: str) -> str:
    first = text.splitlines()[0] if text else ""
    return first if len(first) <= 70 else f"{first[:69]}…"
