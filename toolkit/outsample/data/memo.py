"""What a frame remembers of the run it belongs to, and results of rolling operators.

A frame that came from `Dataset.get`, or from a remembered operator on such a frame, carries a
`Token`: a name for its content. The same operator with the same arguments on the same token is
computed once. The token is void as soon as the frame's content is not the one that was named:
pandas' copy-on-write moves a frame that is written to into new memory, and a token is compared by
the place of the memory and the identity of the labels. Without copy-on-write (pandas 2.3 by default)
a write cannot be seen, so nothing is remembered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from outsample.data.light import bytes_of

__all__ = ["FrameContext", "Memo", "Token", "copy_on_write"]

DEFAULT_LIMIT = 128 * 2**20


def copy_on_write() -> bool:
    """Whether a write to a frame leaves all other frames alone (always, from pandas 3 on)."""
    if int(pd.__version__.split(".")[0]) >= 3:
        return True
    return pd.get_option("mode.copy_on_write") is True


class Token:
    """A name for the content of one frame.

    Parameters
    ----------
    frame : DataFrame
        The frame as it is now; a reference is held, so that a write to it goes to new memory.
    key : hashable
        The name: a data key, or (parent's name, operator, arguments).
    handed_out : bool
        Somebody may write to `frame` itself. If nobody can, no twin of it is needed.
    """

    __slots__ = ("_twin", "key")

    def __init__(self, frame: pd.DataFrame, key: Hashable, *, handed_out: bool = True) -> None:
        self.key = key
        self._twin = pd.DataFrame(frame, copy=False) if handed_out else frame

    def names(self, frame: pd.DataFrame) -> bool:
        """Whether `frame` still has the content that the token names."""
        twin = self._twin
        same = frame.index.is_(twin.index) and frame.columns.is_(twin.columns)
        return same and _address(frame) == _address(twin)


def _address(frame: pd.DataFrame) -> tuple[int, tuple[int, ...], tuple[int, ...], str]:
    # A frame of several blocks is gathered into new memory here, so its address never matches: no memory, no harm.
    values: np.ndarray = frame.to_numpy()
    return values.__array_interface__["data"][0], values.shape, values.strides, values.dtype.str


class Memo:
    """Results of operators, least recently used dropped first.

    Parameters
    ----------
    limit : int
        Bytes that all results together may take; 0 remembers nothing.
    """

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._entries: OrderedDict[Hashable, tuple[pd.DataFrame, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        # Results are never worth sending: a copy in another process starts empty.
        return Memo, (self.limit,)

    def get(self, key: Hashable) -> pd.DataFrame | None:
        """Return the remembered frame, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: Hashable, frame: pd.DataFrame) -> None:
        """Remember a frame that nobody else writes to."""
        size = bytes_of(frame)
        if size > self.limit:
            return
        with self._lock:
            if key in self._entries:
                self.used -= self._entries.pop(key)[1]
            self._entries[key] = (frame, size)
            self.used += size
            while self.used > self.limit:
                _, (_, freed) = self._entries.popitem(last=False)
                self.used -= freed

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self.used = 0


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameContext:
    """What frames of one dataset know about it.

    Parameters
    ----------
    lookup : callable or None
        Key -> plain DataFrame of the same dataset; raises `DataMissing`.
    periods_per_year : float
        Bars of a year.
    sessions : DatetimeIndex or None
        Known trading days, also those after the last bar (a calendar is published in advance). With them
        a period that ends before a holiday is known to be finished on its own last bar.
    memo : Memo
        Results of operators of this run.
    """

    lookup: Callable[[str], pd.DataFrame] | None = None
    periods_per_year: float = 252.0
    sessions: pd.DatetimeIndex | None = None
    memo: Memo = field(default_factory=Memo)
