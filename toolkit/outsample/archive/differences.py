"""What differs between two datasets: which frames, dates and symbols, and by how much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outsample.data import Dataset

__all__ = ["data_differences", "frame_differences"]

# So many names are written out.
_NAMED = 5


def data_differences(a: Dataset, b: Dataset) -> list[str]:
    """Return the differences of two datasets in words, frame by frame; empty: the same content.

    Examples
    --------
    >>> close = pd.DataFrame({"A": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2))
    >>> one = Dataset.from_frames({"close": close}, name="one")
    >>> two = Dataset.from_frames({"close": close.replace(2.0, 2.5)}, name="two")
    >>> data_differences(one, two)
    ['close: 1 cell differs, on 2024-01-02, in A; largest change 2.0 -> 2.5 (2024-01-02, A)']
    """
    before, after = a.stored(), b.stored()
    found = []
    for name in sorted({*before, *after}):
        if name not in after:
            found.append(f"{name}: not there any more")
        elif name not in before:
            found.append(f"{name}: new")
        elif a.frame_ids[name] != b.frame_ids[name]:
            found += [f"{name}: {text}" for text in frame_differences(before[name], after[name])]
    return found


def frame_differences(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Return the differences of two frames [date x symbol] in words."""
    found = []
    for what, one, two in (("row", a.index, b.index), ("symbol", a.columns, b.columns)):
        for sign, more, less in (("more", two, one), ("fewer", one, two)):
            only = more.difference(less, sort=False)
            if len(only):
                found.append(f"{len(only)} {what}{_s(only)} {sign}: {_names(only)}")
    rows, columns = a.index.intersection(b.index), a.columns.intersection(b.columns)
    left, right = a.loc[rows, columns], b.loc[rows, columns]
    old, new = left.to_numpy(), right.to_numpy()
    differs: np.ndarray = ~np.asarray((old == new) | (np.asarray(left.isna()) & np.asarray(right.isna())))
    if not differs.any():
        return found or ["another order, type or time zone"]
    dates, symbols = rows[np.flatnonzero(differs.any(axis=1))], columns[np.flatnonzero(differs.any(axis=0))]
    count = int(differs.sum())
    said = f"{count} cell{'s differ' if count > 1 else ' differs'}, on {_span(dates)}, in {_names(symbols)}"
    place = _largest(old, new, differs)
    where = f"({_day(rows[place[0]])}, {columns[place[1]]})"
    return [*found, f"{said}; largest change {old[place]} -> {new[place]} {where}"]


def _largest(one: np.ndarray, two: np.ndarray, differs: np.ndarray) -> tuple[int, int]:
    """The cell with the largest relative change; one that appeared or vanished counts most."""
    try:
        before, after = one.astype(np.float64), two.astype(np.float64)
    except (TypeError, ValueError):
        size = differs.astype(np.float64)
    else:
        with np.errstate(all="ignore"):
            size = np.abs(after - before) / np.maximum(np.abs(before), np.finfo(float).tiny)
        size = np.where(differs, np.where(np.isnan(size), np.inf, size), -1.0)
    place = np.unravel_index(int(size.argmax()), size.shape)
    return int(place[0]), int(place[1])


def _s(items: pd.Index) -> str:
    return "s" if len(items) > 1 else ""


def _names(items: pd.Index) -> str:
    shown = ", ".join(_day(item) for item in items[:_NAMED])
    return shown if len(items) <= _NAMED else f"{shown} and {len(items) - _NAMED} more"


def _span(dates: pd.Index) -> str:
    if len(dates) == 1:
        return _day(dates[0])
    return f"{len(dates)} dates from {_day(dates[0])} to {_day(dates[-1])}"


def _day(item: object) -> str:
    if isinstance(item, pd.Timestamp):
        return str(item.date()) if item == item.normalize() else str(item)
    return str(item)
