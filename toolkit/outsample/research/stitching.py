"""Decisions of several combinations, one after another, simulated once.

Costs at the seams, carried cash and stops follow by themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample import errors
from outsample.config import Execution
from outsample.engine import Simulation, decisions, simulate
from outsample.pipeline import weights_of
from outsample.research.combination import Combination, Run
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
    rows: list[pd.DataFrame] = []
    before: Combination | None = None
    for place, span in enumerate(spans):
        last = place + 1 == len(spans)
        until = end if last else spans[place + 1].begin
        rows.append(_segment(span.chosen, before, span.begin, until, last=last, request_symbols=request.data.symbols))
        if boundary == "flat" and place:
            rows.append(pd.DataFrame(0.0, index=[bar_before(sweep, span.begin)], columns=request.data.symbols))
        # After a flat seam the same combination, too, must buy again what it holds.
        before = span.chosen if boundary == "carry" else None
    decided = pd.concat(rows).sort_index(kind="stable")
    decided = decided[~decided.index.duplicated(keep="last")]
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


def _segment(
    chosen: Combination | None,
    before: Combination | None,
    begin: pd.Timestamp,
    end: pd.Timestamp,
    *,
    last: bool,
    request_symbols: list[object],
) -> pd.DataFrame:
    """Decisions of a span: the chosen combination's from `begin`, with its row in force at the seam."""
    positions = None if chosen is None else chosen.positions
    if chosen is None or chosen.run is None or positions is None:
        return pd.DataFrame(0.0, index=[begin], columns=request_symbols)
    weights = weights_of(chosen.base, positions)
    decided = decisions(weights, chosen.base.data, chosen.run.execution)
    decided = decided.reindex(columns=request_symbols, fill_value=0.0).astype(np.float64)
    inside = decided[(decided.index >= begin) & (decided.index <= end if last else decided.index < end)]
    same = before is not None and before.params == chosen.params
    if same or (len(inside) and inside.index[0] == begin):
        return inside  # no seam: the same combination goes on, or decides on this very bar
    earlier = decided[decided.index <= begin]
    row = earlier.iloc[-1].to_numpy() if len(earlier) else np.zeros(len(request_symbols))
    seam = pd.DataFrame([row], index=[begin], columns=request_symbols)
    return pd.concat([seam, inside])


def _check_options(sweep: SweepRuns, reference: Run) -> None:
    """The stitched run has one set of options; a schedule may differ, it is part of the decisions."""
    for combination in sweep.combinations:
        run = combination.run
        if run is None or (run.execution is reference.execution and run.costs is reference.costs):
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
