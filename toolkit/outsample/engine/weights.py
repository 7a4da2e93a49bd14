"""Rows of positions become target weights (rule 1), kept as the names that are not zero."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from outsample.errors import DataInvalid
from outsample.jit import jit

__all__ = ["Targets", "target_weights"]

# Entries that are reserved before they are counted; untouched memory costs nothing.
_FIRST_ROOM = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """Target weights of several decisions, compressed by row.

    Parameters
    ----------
    start : ndarray of int64 [decisions + 1]
        Decision k has the entries ``start[k]:start[k + 1]``.
    names : ndarray of int64
        Symbol numbers, ascending within a decision.
    weights : ndarray of float64
        Fractions of equity; negative = short. Never zero in a full decision.
    divisors : ndarray of float64 [decisions]
        What each row was divided by to become weights.
    """

    start: np.ndarray
    names: np.ndarray
    weights: np.ndarray
    divisors: np.ndarray

    def take(self, keep: np.ndarray) -> Targets:
        """Return the decisions where `keep` is True."""
        if keep.all():
            return self
        counts = np.diff(self.start)
        entries = np.repeat(keep, counts)
        start = np.concatenate(([0], np.cumsum(counts[keep])))
        return Targets(
            start=start, names=self.names[entries], weights=self.weights[entries], divisors=self.divisors[keep]
        )


def target_weights(  # noqa: PLR0913 - the arguments of one kernel
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    member: np.ndarray,
    leverage: float,
    limit: float,
    only_changes: bool,
) -> tuple[np.ndarray, Targets]:
    """Normalise rows: w / max(sum |w| / leverage, 1), then clipped to +-limit.

    Parameters
    ----------
    values : ndarray [rows x columns], bool or float64
        What the strategy wants; NaN = 0.
    rows : ndarray of int64 [decisions]
        The row that each decision uses.
    columns : ndarray of int64 [symbols]
        Column of each symbol, -1 where there is none.
    member : ndarray of bool [decisions x symbols], or shape (0, 0)
        False sets the target to zero, before anything else.
    leverage, limit : float
    only_changes : bool
        Keep a decision only if its weights differ from those of the one before it by more than 1e-12
        (the first is kept).

    Returns
    -------
    kept : ndarray of int64
        Numbers of the decisions that were kept.
    targets : Targets

    Raises
    ------
    DataInvalid
        A weight is infinite.
    """
    if only_changes and member.shape[0] == 0 and len(rows) > 1:
        # A row that says what the row before says changes nothing, and most rows do.
        candidates = np.flatnonzero(_news(values, rows))
        kept, targets = _targets(values, rows[candidates], columns, member, leverage, limit, only_changes=True)
        return candidates[kept], targets
    return _targets(values, rows, columns, member, leverage, limit, only_changes=only_changes)


def _targets(  # noqa: PLR0913 - the arguments of one kernel
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    member: np.ndarray,
    leverage: float,
    limit: float,
    *,
    only_changes: bool,
) -> tuple[np.ndarray, Targets]:
    room = min(len(rows) * len(columns), _FIRST_ROOM)
    while True:
        names, weights = np.empty(room, dtype=np.int64), np.empty(room)
        kept, start, divisors = _rows(
            values, rows, columns, member, float(leverage), float(limit), bool(only_changes), names, weights
        )
        if start[-1] <= room:
            break
        room = int(start[-1])  # now it is known how many there are
    if len(kept) and kept[0] < 0:
        raise DataInvalid(
            f"position has an infinite weight in row {rows[-1 - kept[0]]}.", hint="Replace it: position.clip(-1, 1)."
        )
    n = start[-1]
    return kept, Targets(start=start, names=names[:n].copy(), weights=weights[:n].copy(), divisors=divisors)


def _differing_rows(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Whether each row differs from the one before it; NaN differs from everything, the first row too."""
    found = np.zeros(len(rows), np.bool_)
    found[0] = True
    for j in range(values.shape[1]):  # columns are contiguous in memory
        before = values[rows[0], j]
        for k in range(1, len(rows)):
            value = values[rows[k], j]
            found[k] |= value != before
            before = value
    return found


def _normalise_rows(  # noqa: C901, PLR0912, PLR0913, PLR0917 - a kernel
    values: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    member: np.ndarray,
    leverage: float,
    limit: float,
    only_changes: bool,
    names: np.ndarray,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n_rows, n = len(rows), len(columns)
    kept = np.empty(n_rows, np.int64)
    start, divisors = np.zeros(n_rows + 1, np.int64), np.ones(n_rows)
    now, before = np.zeros(n), np.zeros(n)
    count, used = 0, 0
    for k in range(n_rows):
        row = rows[k]
        total = 0.0
        for j in range(n):
            x = 0.0
            if columns[j] >= 0 and (member.shape[0] == 0 or member[k, j]):
                x = values[row, columns[j]] * 1.0
                if x != x:  # noqa: PLR0124 - NaN
                    x = 0.0
                elif abs(x) == np.inf:
                    kept[0] = -1 - k
                    return kept[:1].copy(), start[:1].copy(), np.ones(0)
            now[j] = x
            total += abs(x)
        scale = max(total / leverage, 1.0)
        changed = k == 0 or not only_changes
        for j in range(n):
            w = now[j]
            if w != 0.0:
                w = min(max(w / scale, -limit), limit)
                if abs(w) < 1e-12:
                    w = 0.0
                now[j] = w
            if abs(w - before[j]) > 1e-12:
                changed = True
        if not changed:
            continue
        for j in range(n):
            before[j] = now[j]
            if now[j] != 0.0:
                if used < len(names):
                    names[used] = j
                    weights[used] = now[j]
                used += 1
        kept[count] = k
        divisors[count] = scale
        count += 1
        start[count] = used
    return kept[:count].copy(), start[: count + 1].copy(), divisors[:count].copy()


_ROWS_RESULT = "Tuple((int64[::1], int64[::1], float64[::1]))"
_rows = jit(
    _normalise_rows,
    [
        f"{_ROWS_RESULT}(Array({kind}, 2, 'A', readonly=True), int64[::1], int64[::1], "
        "Array(boolean, 2, 'A', readonly=True), float64, float64, boolean, int64[::1], float64[::1])"
        for kind in ("float64", "boolean")
    ],
)
_news = jit(
    _differing_rows,
    [f"boolean[::1](Array({kind}, 2, 'A', readonly=True), int64[::1])" for kind in ("float64", "boolean")],
)
