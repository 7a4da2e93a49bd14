"""From entry and exit signals to holdings, row after row.

Entries are level-triggered in `hold_until` (a name may be taken on any bar on which the entry is True)
and edge-triggered in `exit_when` (only on a bar on which it turns True). Names already held keep their
place; free places go to the highest rank, the last column first among equals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from outsample.errors import ConfigError
from outsample.jit import jit

__all__ = ["HoldRules", "exit_when", "hold_until"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class HoldRules:
    """Limits of `hold_until`.

    Parameters
    ----------
    limit : int or None
        Most names held at once; None is no limit.
    stop_loss, take_profit, trail_stop : float or None
        Positive fractions of the price on the bar that took the name. None or an infinity is none.
    """

    limit: int | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    trail_stop: float | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.limit, int | np.integer) and not isinstance(self.limit, bool)
        if self.limit is not None and (not whole or self.limit < 1):
            raise ConfigError(f"nstocks_limit must be a whole number >= 1 or None. Got {self.limit!r}.")
        for name in ("stop_loss", "take_profit", "trail_stop"):
            object.__setattr__(self, name, _level(name, getattr(self, name)))

    @property
    def has_stops(self) -> bool:
        """Whether any stop is set."""
        return any(level is not None for level in (self.stop_loss, self.take_profit, self.trail_stop))


def _level(name: str, value: object) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool | np.bool_)
    level = float(value) if number else float("nan")  # type: ignore[arg-type]
    if np.isinf(level):
        return None  # finlab's defaults are -inf and inf
    if np.isnan(level) or level <= 0:
        raise ConfigError(
            f"{name} must be a number > 0 or None. Got {value!r}.", hint=f"{name}=0.1 leaves after a move of 10 %."
        )
    return level


def _hold(  # noqa: C901, PLR0912, PLR0915 - one pass over the bars is one function
    entry: Array, leave: Array, rank: Array, price: Array, levels: Array
) -> Array:
    # All [date x symbol], because a date is decided across its symbols.
    # levels: [most names, stop_loss, take_profit, trail_stop], inf = none. price may be [0 x 0]: no stops.
    rows, columns = entry.shape
    out = np.zeros((rows, columns), dtype=np.bool_)
    held = np.zeros(columns, dtype=np.bool_)
    start = np.full(columns, np.nan)
    peak = np.full(columns, np.nan)
    stops = price.shape[0] > 0
    limit = min(columns, int(levels[0]))
    for i in range(rows):
        names = 0
        for j in range(columns):
            gone = leave[i, j]
            if held[j] and stops and not np.isnan(price[i, j]):
                if np.isnan(start[j]):  # no price on the bar that took it: the first one after counts
                    start[j] = price[i, j]
                    peak[j] = 1.0
                move = price[i, j] / start[j]
                floor = max(1.0 - levels[1], peak[j] - levels[3])
                gone = gone or move < floor or move >= 1.0 + levels[2]
                peak[j] = max(peak[j], move)
            was = held[j]
            held[j] = was and not gone
            names += held[j]
            # a name that left on this bar is not taken again on it
            out[i, j] = entry[i, j] and not gone and not was
        candidates = 0
        for j in range(columns):
            candidates += out[i, j]
        if names + candidates <= limit:  # room for all: nobody has to be chosen
            for j in range(columns):
                if out[i, j]:
                    held[j] = True
                    if stops:
                        start[j] = price[i, j]
                        peak[j] = 1.0
            names = limit
        while names < limit:
            best = -1
            for j in range(columns):
                if out[i, j] and (best < 0 or rank[i, j] >= rank[i, best]):
                    best = j
            if best < 0:
                break
            out[i, best] = False
            held[best] = True
            names += 1
            if stops:
                start[best] = price[i, best]
                peak[best] = 1.0
        for j in range(columns):
            out[i, j] = held[j]
    return out


def _edge(entry: Array, leave: Array) -> Array:
    columns, rows = entry.shape
    out = np.zeros((columns, rows), dtype=np.bool_)
    for j in range(columns):
        held = False
        before = False
        for i in range(rows):
            now = entry[j, i]
            held = (held or (now and not before)) and now and not leave[j, i]
            before = now
            out[j, i] = held
    return out


# Inputs are declared read-only, because pandas hands out read-only views; writable arrays fit too.
_F = "Array(float64, 2, 'C', True)"
_B = "Array(boolean, 2, 'C', True)"
hold_kernel = jit(_hold, f"boolean[:,::1]({_B}, {_B}, {_F}, {_F}, Array(float64, 1, 'C', True))")
exit_kernel = jit(_edge, f"boolean[:,::1]({_B}, {_B})")


def hold_until(entry: Array, leave: Array, rank: Array | None, price: Array | None, rules: HoldRules) -> Array:
    """Hold a name from an entry until an exit.

    Parameters
    ----------
    entry, leave : ndarray [symbol x date], bool
        Exit wins over entry on the same bar.
    rank : ndarray [symbol x date], float64, or None
        Higher is preferred when places are scarce; NaN comes last.
    price : ndarray [symbol x date], float64, or None
        Closes that stops are judged on; needed only with stops. On a bar without a price a stop waits.
    rules : HoldRules
        Limits.

    Returns
    -------
    ndarray [symbol x date], bool
        Bar t reads bars up to t.
    """
    order = np.zeros(entry.shape) if rank is None else np.where(np.isnan(rank), -np.inf, rank)
    closes = np.empty((0, 0)) if price is None or not rules.has_stops else price
    none = np.inf
    levels = np.array(
        [
            float(len(entry) if rules.limit is None else rules.limit),
            none if rules.stop_loss is None else rules.stop_loss,
            none if rules.take_profit is None else rules.take_profit,
            none if rules.trail_stop is None else rules.trail_stop,
        ]
    )
    tables = [np.ascontiguousarray(table.T) for table in (entry, leave, order, closes)]
    return np.ascontiguousarray(hold_kernel(tables[0], tables[1], tables[2], tables[3], levels).T)


def exit_when(entry: Array, leave: Array) -> Array:
    """Hold from a fresh entry edge until the entry ends or the exit says so.

    Parameters
    ----------
    entry, leave : ndarray [symbol x date], bool
        A holding starts on a bar on which `entry` turns True and `leave` is False; it ends when `entry`
        turns False or `leave` is True. After an exit only a new False -> True edge enters again.

    Returns
    -------
    ndarray [symbol x date], bool
        Bar t reads bars up to t.
    """
    return exit_kernel(np.ascontiguousarray(entry), np.ascontiguousarray(leave))
