"""Runs of a sweep: their numbers as a table, each run itself when it is asked for."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from outsample import errors
from outsample.config import Costs, Execution
from outsample.data import Dataset
from outsample.engine.many import returns_of
from outsample.engine.segments import Held, Segments
from outsample.research.numbers import Numbers, sharpes
from outsample.sequences import LazySequence

__all__ = ["Found", "Measured", "Run", "Runs", "SweptRuns"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What is kept of a run that did not fail.

    Parameters
    ----------
    dates : DatetimeIndex
        Of the returns.
    numbers : Numbers
    execution : Execution
    costs : Costs
        The resolved options.
    row : ndarray [bar], optional
        Net returns, where they are known already.
    held : Held, optional
        The holdings, where they were measured without returns.
    data : Dataset, optional
        What returns are made from when they are asked for.
    """

    dates: pd.DatetimeIndex
    numbers: Numbers
    execution: Execution
    costs: Costs
    row: np.ndarray | None = None
    held: Held | None = None
    data: Dataset | None = None

    @cached_property
    def returns(self) -> np.ndarray:
        """Net returns [bar], a fraction; those of the ordinary engine to the bit."""
        if self.row is not None:
            return self.row
        assert self.held is not None
        return returns_of(self.held, self.data, execution=self.execution, costs=self.costs)

    def __getstate__(self) -> dict[str, object]:
        # Returns travel, holdings and data do not.
        state = {name: self.__dict__[name] for name in self.__dataclass_fields__}
        return {**state, "row": self.returns, "held": None, "data": None}


Found = Run | errors.OutsampleError


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """What runs have in common that were measured by their holdings.

    Parameters
    ----------
    segments : Segments
    dates : DatetimeIndex
        Of the returns.
    execution : Execution
    costs : Costs
    data : Dataset, optional
        What returns are made from.
    rows : ndarray [run x bar], optional
        The returns, where there are no data.
    """

    segments: Segments
    dates: pd.DatetimeIndex
    execution: Execution
    costs: Costs
    data: Dataset | None
    rows: np.ndarray | None = None

    def run(self, place: int, numbers: Numbers) -> Run:
        """Return one of the runs."""
        return Run(
            dates=self.dates,
            numbers=numbers,
            execution=self.execution,
            costs=self.costs,
            row=None if self.rows is None else self.rows[place],
            held=Held(among=self.segments, run=place),
            data=self.data,
        )

    def __getstate__(self) -> dict[str, object]:
        # Returns travel, data do not.
        rows = self.rows
        if rows is None:
            rows = np.full((len(self.segments.found), len(self.dates)), math.nan)
            for place in np.flatnonzero(self.segments.sound).tolist():
                held = Held(among=self.segments, run=place)
                rows[place] = returns_of(held, self.data, execution=self.execution, costs=self.costs)
        return {**self.__dict__, "rows": rows, "data": None}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Runs(LazySequence[Found]):
    """What the parameter sets of a batch came to.

    Parameters
    ----------
    numbers : ndarray of float64 [set, number]
        The fields of `Numbers`; NaN for a set that failed.
    alone : mapping of int to Run or OutsampleError
        Sets that were not measured by their holdings.
    measured : Measured, optional
        All others.
    """

    numbers: np.ndarray
    alone: Mapping[int, Found]
    measured: Measured | None = None

    @classmethod
    def of(cls, found: Sequence[Found]) -> Self:
        """Return runs that are known already."""
        return cls(numbers=_numbers_of(found), alone=dict(enumerate(found)))

    def __len__(self) -> int:
        return len(self.numbers)

    def make(self, place: int) -> Found:
        """Return one run, or the error that it ended with."""
        if place in self.alone:
            return self.alone[place]
        assert self.measured is not None
        return self.measured.run(place, Numbers.of(self.numbers[place]))

    @property
    def ran(self) -> np.ndarray:
        """Which sets did not fail [set]."""
        found = np.ones(len(self), dtype=bool)
        found[[place for place, one in self.alone.items() if not isinstance(one, Run)]] = False
        return found

    @property
    def dates(self) -> pd.DatetimeIndex | None:
        """Dates of the returns of the first run; None: all failed."""
        if self.measured is not None and len(self.alone) < len(self):
            return self.measured.dates
        return next((one.dates for one in self.alone.values() if isinstance(one, Run)), None)

    def samples(self) -> Iterator[Run]:
        """Runs of which every other has the options and dates of one."""
        measured = itertools.islice((place for place in range(len(self)) if place not in self.alone), 1)
        found = (self[place] for place in [*measured, *self.alone])
        return (one for one in found if isinstance(one, Run))

    def moments(self, windows: Sequence[range]) -> np.ndarray:
        """Return mean and standard deviation of some net returns [window, set, 2]; -1: only the returns can say."""
        if self.measured is None:
            return np.full((len(windows), len(self), 2), -1.0)
        found = self.measured.segments.moments(np.arange(len(self)), windows)
        if self.alone:
            found[:, list(self.alone)] = -1.0
        return found


def _numbers_of(found: Sequence[Found]) -> np.ndarray:
    missing = (math.nan,) * len(Numbers._fields)
    return np.array([one.numbers if isinstance(one, Run) else missing for one in found], dtype=np.float64)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SweptRuns(LazySequence[Run | None]):
    """Runs of all combinations in grid order; None: it failed.

    Parameters
    ----------
    parts : sequence of Runs
        One after another.
    """

    parts: Sequence[Runs]

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def make(self, place: int) -> Run | None:
        """Return one run."""
        part, inside = self.locate(place)
        found = self.parts[part][inside]
        return found if isinstance(found, Run) else None

    def locate(self, place: int) -> tuple[int, int]:
        """Return the part that a place is in, and the place within it."""
        part = bisect.bisect_right(self._ends, place)
        return part, place - (self._ends[part - 1] if part else 0)

    @cached_property
    def _ends(self) -> list[int]:
        return list(itertools.accumulate(len(part) for part in self.parts))

    @cached_property
    def ran(self) -> np.ndarray:
        """Which did not fail [combination]."""
        return np.concatenate([np.empty(0, dtype=bool), *(part.ran for part in self.parts)])

    @cached_property
    def dates(self) -> pd.DatetimeIndex:
        """Dates of the returns of the first that did not fail."""
        found = (part.dates for part in self.parts)
        return next((dates for dates in found if dates is not None), pd.DatetimeIndex([]))

    def column(self, name: str) -> np.ndarray:
        """Return one of the numbers [combination]; NaN where it failed."""
        at = Numbers._fields.index(name)
        return np.concatenate([np.empty(0), *(part.numbers[:, at] for part in self.parts)])

    def sharpes(self, windows: Sequence[range], year: float) -> np.ndarray:
        """Return annual Sharpe ratios of some net returns [window, combination]; holdings need no returns for it.

        Parameters
        ----------
        windows : sequence of range
            Places in the returns, one after another.
        year : float
            Periods per year.
        """
        bars = len(self.dates)
        windows = [range(min(window.start, bars), min(window.stop, bars)) for window in windows]
        none = np.empty((len(windows), 0, 2))
        mean, spread = np.moveaxis(
            np.concatenate([none, *(part.moments(windows) for part in self.parts)], axis=1), 2, 0
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.where(spread > 0.0, mean / spread * math.sqrt(year), math.nan)
        unknown = (spread < 0.0) & self.ran
        for place in np.flatnonzero(unknown.any(axis=1)).tolist():
            slow, rows = np.flatnonzero(unknown[place]), slice(windows[place].start, windows[place].stop)
            found[place, slow] = sharpes([run.returns[rows] for run in self.some(slow)], year)
        return found

    def some(self, places: Iterable[int]) -> list[Run]:
        """Return the runs of places where none failed."""
        found = (self[place] for place in places)
        return [run for run in found if run is not None]
