"""Decisions of several combinations, one after another, simulated once.

Costs at the seams, carried cash and stops follow by themselves.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample import errors
from outsample.config import Execution
from outsample.data import Dataset
from outsample.engine import Simulation, simulate
from outsample.research.combination import Combination
from outsample.research.runs import Run
from outsample.research.sweep import SweepRuns

__all__ = ["Span", "bar_before", "reference", "stitched"]


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which combination decides from a bar on.

    Parameters
    ----------
    chosen : Combination or None
        None stays in cash.
    begin : Timestamp
        The bar of the first decision.
    """

    chosen: Combination | None
    begin: pd.Timestamp


def stitched(
    sweep: SweepRuns, spans: Sequence[Span], *, start: pd.Timestamp, end: pd.Timestamp, boundary: str
) -> Simulation:
    """Simulate the decisions of spans, oldest first, once.

    Parameters
    ----------
    sweep : SweepRuns
    spans : sequence of Span
        A span ends with the last bar before the next one begins.
    start, end : Timestamp
        The bar before the first return, and the last bar.
    boundary : {"carry", "flat"}
        At a seam holdings are carried over, or sold first.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError
        Options of ``sim`` differ between combinations.
    """
    run, request = reference(sweep).run, sweep.request
    assert run is not None
    _check_options(sweep, run)
    rows: list[_Rows] = []
    before: Combination | None = None
    width = len(request.data.symbols)
    for place, span in enumerate(spans):
        # The last span has its last bar; any other ends before the next one begins.
        until = _stamp(end) + 1 if place + 1 == len(spans) else _stamp(spans[place + 1].begin)
        rows.append(_segment(span.chosen, before, _stamp(span.begin), until, width))
        if boundary == "flat" and place:
            rows.append(_one_row(_stamp(bar_before(sweep, span.begin)), np.zeros(width)))
        # After a flat seam the same combination, too, must buy again what it holds.
        before = span.chosen if boundary == "carry" else None
    decided = _table(rows, request.data)
    options = dataclasses.replace(
        run.execution, resample=tuple(decided.index), resample_offset=None, start=start, end=end
    )
    return simulate(decided, request.data, execution=options, costs=run.costs, engine=request.engine)


def bar_before(sweep: SweepRuns, date: pd.Timestamp) -> pd.Timestamp:
    """Return the bar of the data before a date."""
    dates = sweep.request.data.dates
    return dates[int(dates.searchsorted(date)) - 1]


def reference(sweep: SweepRuns) -> Combination:
    """Return any combination that did not fail: they share one index and, but for the parameters, one set of options.

    Raises
    ------
    OutsampleError
        All failed: the first one's error.
    """
    for combination in sweep.combinations:
        if combination.run is not None:
            return combination
    first = sweep.combinations[0].error
    assert first is not None
    raise first


# Nanoseconds since 1970 [row], and weights [row x symbol].
_Rows = tuple[np.ndarray, np.ndarray]


def _stamp(date: pd.Timestamp) -> int:
    return int(date.value)


def _one_row(stamp: int, weights: np.ndarray) -> _Rows:
    return np.array([stamp]), weights[None]


def _segment(chosen: Combination | None, before: Combination | None, begin: int, end: int, width: int) -> _Rows:
    """Decisions of a span, half-open: the chosen combination's from `begin`, with its row in force at the seam."""
    decided = None if chosen is None else chosen.decisions
    if chosen is None or decided is None:
        return _one_row(begin, np.zeros(width))
    stamps, values = decided
    first, stop = np.searchsorted(stamps, [begin, end])
    inside = stamps[first:stop], values[first:stop]
    same = before is not None and before.params == chosen.params
    if same or (first < stop and stamps[first] == begin):
        return inside  # no seam: the same combination goes on, or decides on this very bar
    seam = _one_row(begin, values[first - 1] if first else np.zeros(width))
    return np.concatenate([seam[0], inside[0]]), np.concatenate([seam[1], inside[1]])


def _table(rows: Sequence[_Rows], data: Dataset) -> pd.DataFrame:
    """Rows in the order of their dates; of several with one date the last that was given."""
    stamps = np.concatenate([one for one, _ in rows])
    order = np.argsort(stamps, kind="stable")
    stamps = stamps[order]
    keep = np.append(stamps[1:] != stamps[:-1], True)
    index = pd.DatetimeIndex(stamps[keep].view("datetime64[ns]"))
    if data.dates.tz is not None:
        index = index.tz_localize("UTC").tz_convert(data.dates.tz)
    values = np.concatenate([weights for _, weights in rows])[order][keep]
    return pd.DataFrame(values, index=index, columns=data.symbols)


def _check_options(sweep: SweepRuns, reference: Run) -> None:
    """The stitched run has one set of options; a schedule may differ, it is part of the decisions."""
    for run in itertools.chain.from_iterable(part.samples() for part in sweep.combinations.runs.parts):
        if run.execution is reference.execution and run.costs is reference.costs:
            continue
        ours, theirs = run.execution, reference.execution
        names = [
            field.name
            for field in dataclasses.fields(Execution)
            if field.name not in {"resample", "resample_offset", "start"}
            and getattr(ours, field.name) != getattr(theirs, field.name)
        ]
        if not run.dates.equals(reference.dates):
            names.append("start")  # where one was given, and not only a later first row
        if names or run.costs != reference.costs:
            raise errors.ConfigError(
                f"The options of sim differ between combinations: {', '.join(names) or 'costs'}.",
                hint="Walk-forward simulates the stitched decisions once, with one set of options.",
            )
