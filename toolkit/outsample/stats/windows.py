"""Where training and test windows lie: walk-forward and combinatorial purged cross-validation."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.checks import check_choice
from outsample.errors import ConfigError
from outsample.stats.moments import whole

__all__ = ["CombinatorialPurged", "Split", "Window", "combinatorial_purged", "walk_forward_windows"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """Half-open ranges of bars; `partial` marks a last test that is shorter than asked."""

    train: range
    test: range
    partial: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Bars of one combination: `groups` are the test groups, `train` and `test` sorted bar numbers."""

    train: np.ndarray
    test: np.ndarray
    groups: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class CombinatorialPurged:
    """All splits; paths[j][g], the split that supplies group g of path j; group g is edges[g] to edges[g+1]."""

    splits: tuple[Split, ...]
    paths: tuple[tuple[int, ...], ...]
    edges: tuple[int, ...]


def walk_forward_windows(  # noqa: PLR0913 - pinned
    n_or_index: int | pd.Index,
    *,
    train: int | str,
    test: int | str,
    step: int | str | None = None,
    anchored: bool = False,
    purge: int = 0,
    embargo: int = 0,
    partial: str = "keep",
    align: str = "start",
) -> list[Window]:
    """Return the windows of a walk-forward, oldest first; Pardo (2008), chapter 11.

    Parameters
    ----------
    n_or_index : int or DatetimeIndex
        Number of bars, or their dates (needed for calendar offsets).
    train, test, step : int or str
        Bars, or calendar offsets such as "3Y", "6M", "2W", "90D"; `step` is `test` by default.
    anchored : bool
        Every training window begins with the first bar.
    purge, embargo : int
        Bars left out between training and test; the test moves later.
    partial : {"keep", "drop"}
        What becomes of a last test that is shorter than asked.
    align : {"start", "end"}
        Windows in bars begin with the first bar, or end with the last.

    Examples
    --------
    >>> walk_forward_windows(12, train=6, test=3)[0]
    Window(train=range(0, 6), test=range(6, 9), partial=False)
    """
    check_choice("partial", partial, ("keep", "drop"))
    check_choice("align", align, ("start", "end"))
    gap = whole("purge", purge, 0) + whole("embargo", embargo, 0)
    step = test if step is None else step
    if any(isinstance(item, str) for item in (train, test, step)):
        if isinstance(n_or_index, int | np.integer) or not isinstance(n_or_index, pd.DatetimeIndex):
            raise ConfigError("Calendar windows need dates.", hint="Pass the index instead of its length.")
        if align == "end" or not all(isinstance(item, str) for item in (train, test, step)):
            raise ConfigError(
                f"train, test and step must all be calendar offsets, aligned at the start. Got {train!r}, {test!r}, "
                f"{step!r}."
            )
        bounds = _calendar(n_or_index, str(train), str(test), str(step))
        n = len(n_or_index)
    else:
        n = int(n_or_index) if isinstance(n_or_index, int | np.integer) else len(n_or_index)
        sizes = (whole("train", train, 1), whole("test", test, 1), whole("step", step, 1))
        bounds = _bars(n, sizes, gap, align)
    found = []
    for begin, end, stop in bounds:
        first, last = end + gap, min(stop + gap, n)
        if begin >= end or first >= last:
            continue
        short = stop + gap > n
        if short and partial == "drop":
            continue
        found.append(Window(train=range(0 if anchored else begin, end), test=range(first, last), partial=short))
        if short:
            break  # later tests would only repeat the end of the data
    return found


def _bars(n: int, sizes: tuple[int, int, int], gap: int, align: str) -> list[tuple[int, int, int]]:
    train, test, step = sizes
    first = 0
    if align == "end":
        first = (n - train - gap - test) % step if n >= train + gap + test else 0
    return [(s, s + train, s + train + test) for s in range(first, max(n - train - gap, 0), step)]


def _offset(text: str) -> tuple[int, str]:
    unit = {"Y": "years", "M": "months", "W": "weeks", "D": "days"}.get(text[-1:].upper())
    if unit is None or not text[:-1].isdigit() or int(text[:-1]) < 1:
        raise ConfigError(f"A calendar offset is a number with Y, M, W or D, such as '3Y'. Got {text!r}.")
    return int(text[:-1]), unit


def _calendar(index: pd.DatetimeIndex, train: str, test: str, step: str) -> list[tuple[int, int, int]]:
    parts = [_offset(item) for item in (train, test, step)]
    offsets = [pd.DateOffset(**{unit: count}) for count, unit in parts]  # type: ignore[arg-type]
    count, unit = parts[2]
    found: list[tuple[int, int, int]] = []
    if not len(index):
        return found
    for place in itertools.count():
        begin = index[0] + pd.DateOffset(**{unit: count * place}) if place else index[0]  # type: ignore[arg-type]
        end = begin + offsets[0]
        if end > index[-1]:
            return found
        stop = end + offsets[1]
        edges = [int(index.searchsorted(date, side="left")) for date in (begin, end, stop)]
        # The last date of a period that is not over yet: one bar beyond the end marks the test as short.
        found.append((edges[0], edges[1], edges[2] + (1 if stop > index[-1] + pd.Timedelta(days=7) else 0)))
    return found


def combinatorial_purged(
    n: int, *, n_groups: int, n_test: int, purge: int = 0, embargo: int = 0
) -> CombinatorialPurged:
    """Return all C(N, k) splits and C(N-1, k-1) paths of combinatorial purged cross-validation.

    Parameters
    ----------
    n : int
        Bars, cut into `n_groups` contiguous groups.
    n_groups, n_test : int
        Groups, and how many of them test in each split.
    purge : int
        Bars left out of training on both sides of each contiguous test segment.
    embargo : int
        Further bars left out after each test segment. Lopez de Prado (2018), chapters 7 and 12: with N groups
        and k test groups there are C(N, k) splits, each group is tested in C(N-1, k-1) of them, and these
        make up that many paths.

    Examples
    --------
    >>> made = combinatorial_purged(60, n_groups=6, n_test=2)
    >>> len(made.splits), len(made.paths)
    (15, 5)
    """
    groups, chosen = whole("n_groups", n_groups, 2), whole("n_test", n_test, 1)
    before, after = whole("purge", purge, 0), whole("embargo", embargo, 0)
    if chosen >= groups or groups > whole("n", n, 2):
        raise ConfigError(f"n_test < n_groups <= n is needed. Got {n_test}, {n_groups}, {n}.")
    edges = np.linspace(0, n, groups + 1).round().astype(int)
    splits, supply = [], [[] for _ in range(groups)]  # type: tuple[list[Split], list[list[int]]]
    for number, combination in enumerate(itertools.combinations(range(groups), chosen)):
        test, blocked = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
        for group in combination:
            supply[group].append(number)
            test[edges[group] : edges[group + 1]] = True
            blocked[max(edges[group] - before, 0) : edges[group + 1] + before + after] = True
        splits.append(Split(train=np.flatnonzero(~test & ~blocked), test=np.flatnonzero(test), groups=combination))
    return CombinatorialPurged(
        splits=tuple(splits), paths=tuple(zip(*supply, strict=True)), edges=tuple(edges.tolist())
    )
