"""One probe of the look-ahead check: run on another future, compare the past, and say where it differs."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.model import Positions, Status
from outsample.pipeline import raise_for_status
from outsample.research.cuts import numbers
from outsample.research.perturb import perturbed, stored_frames
from outsample.sandbox import run_sandboxed
from outsample.strategy import Strategy

__all__ = ["LARGE", "SMALL", "Probe", "Prober", "in_order"]

TOLERANCE = 1e-7
# A future of another size shows what a small change leaves as it was.
SMALL, LARGE, VAST = 1.0, 6.0, 9.0
# No future at all in a frame, for a strategy that asks only whether there is one.
GONE = 0.0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One re-run.

    Parameters
    ----------
    kind : {"repeat", "truncation", "perturbation"}
    cut : Timestamp
        The last bar that the probe left as it was.
    outcome : {"equal", "different", "inconclusive"}
    first_date : Timestamp or None
        Earliest decision that differs.
    symbol : object
        A symbol whose target differs there.
    detail : str
    """

    kind: str
    cut: pd.Timestamp
    outcome: str
    first_date: pd.Timestamp | None = None
    symbol: object = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Prober:
    """Runs one strategy on other futures of one dataset, each time in a fresh child.

    Parameters
    ----------
    strategy : Strategy
    data : Dataset
    policy : SandboxPolicy
    seed : int
    cancel : threading.Event, optional
    """

    strategy: Strategy
    data: Dataset
    policy: SandboxPolicy
    seed: int
    cancel: threading.Event | None = None

    def positions(self) -> Positions:
        """Run on all data; an error of the strategy is raised."""
        execution = run_sandboxed(self.strategy, self.data, policy=self.policy, cancel=self.cancel)
        raise_for_status(execution, self.policy)
        assert execution.positions is not None
        return execution.positions

    def probe(
        self,
        kind: str,
        cut: pd.Timestamp,
        full: Positions,
        *,
        only: list[str] | None = None,
        scale: float = SMALL,
    ) -> Probe:
        """Run the strategy on another future and compare its past."""
        seed = (self.seed * 1_000_003 + int(cut.value % 1_000_003)) * 16 + int(scale)
        if kind == "perturbation":
            gone = scale == GONE
            probed = perturbed(self.data, cut, seed=seed, only=only, scale=SMALL if gone else scale, gone=gone)
        else:
            probed = self.data.until(cut)
        execution = run_sandboxed(self.strategy, probed, policy=self.policy, validate=False, cancel=self.cancel)
        if execution.status is not Status.OK or execution.positions is None:
            detail = f"{kind} at {cut.date()} ended with {execution.status.value}: {execution.error}"
            return Probe(kind=kind, cut=cut, outcome="inconclusive", detail=detail)
        return _compare(kind, cut, full, in_order(execution.positions))

    def earliest(self, found: Probe, full: Positions, deadline: float | None) -> list[Probe]:
        """Return the probes that differ on the way to the earliest decision that does, `found` first.

        Cuts move up from the first decision in doubling steps until one differs, then halve the last step.
        """
        differing = [found]
        if found.first_date is None:
            return differing
        dates = self.data.dates
        first = int(dates.searchsorted(full.frame.index[0]))
        low, high, step = first - 1, int(dates.searchsorted(found.cut)), 1
        while low + 1 < high and (deadline is None or time.perf_counter() < deadline):
            place = min(low + step, high - 1) if step else (low + high) // 2
            probe = self._either(dates[place], full)
            if probe is None:
                low, step = place, 2 * step
            else:
                differing.append(probe)
                high, step = place, 0
            if self.cancel is not None and self.cancel.is_set():
                break
        return differing

    def guilty(self, cuts: list[pd.Timestamp], full: Positions) -> str | None:
        """Return the stored frame whose future alone (other, or missing) changes the past; None if no frame's does."""
        for cut in cuts:
            for scale in (SMALL, LARGE, GONE):
                for name, group in self._groups():
                    if self.probe("perturbation", cut, full, only=group, scale=scale).outcome == "different":
                        return name
        return None

    def _either(self, cut: pd.Timestamp, full: Positions) -> Probe | None:
        """A probe that differs at a cut, of any kind; None if none does."""
        tries = (("perturbation", LARGE), ("truncation", SMALL), ("perturbation", VAST), ("perturbation", SMALL))
        for kind, scale in tries:
            probe = self.probe(kind, cut, full, scale=scale)
            if probe.outcome == "different" and probe.first_date is not None:
                return probe
        return None

    def _groups(self) -> Iterator[tuple[str, list[str]]]:
        for name in stored_frames(self.data):
            if name == "adj_close" and "close" in self.data.keys():  # noqa: SIM118 - Dataset is no mapping
                continue
            yield name, [name, "adj_close"] if name == "close" else [name]


def in_order(positions: Positions) -> Positions:
    """Return positions with rows in the order of time, in which the engine reads them."""
    if positions.frame.index.is_monotonic_increasing:
        return positions
    return dataclasses.replace(positions, frame=positions.frame.sort_index())


def _compare(kind: str, cut: pd.Timestamp, full: Positions, other: Positions) -> Probe:
    """Compare every decision at or before the cut."""
    ours, theirs = full.frame.loc[:cut], other.frame.loc[:cut]
    label = {"repeat": "the same data gave other positions: the strategy is not deterministic"}.get(kind, "")
    if not ours.index.equals(theirs.index):
        odd = ours.index.symmetric_difference(theirs.index)[0]
        detail = label or "a row of the positions exists only with the data that came later"
        return Probe(kind=kind, cut=cut, outcome="different", first_date=odd, detail=detail)
    columns = ours.columns.union(theirs.columns, sort=False)
    a = numbers(ours.reindex(columns=columns))
    b = numbers(theirs.reindex(columns=columns))
    differs = ~np.isclose(a, b, rtol=TOLERANCE, atol=0.0)
    if differs.any():
        row = int(differs.any(axis=1).argmax())
        symbol = columns[int(differs[row].argmax())]
        return Probe(kind=kind, cut=cut, outcome="different", first_date=ours.index[row], symbol=symbol, detail=label)
    option = _other_option(full, other, cut)
    if option:
        return Probe(kind=kind, cut=cut, outcome="different", detail=f"the option {option!r} of sim depends on it")
    return Probe(kind=kind, cut=cut, outcome="equal")


def _other_option(full: Positions, other: Positions, cut: pd.Timestamp) -> str:
    """Name of a ``sim`` option that differs; lists of dates are compared up to the cut."""
    ours = dict(full.call.options) if full.call else {}
    theirs = dict(other.call.options) if other.call else {}
    for name in sorted(set(ours) | set(theirs)):
        a, b = ours.get(name), theirs.get(name)
        if isinstance(a, list | tuple) and isinstance(b, list | tuple):
            a, b = ([item for item in items if pd.Timestamp(item) <= cut] for items in (a, b))
        if a != b and not (isinstance(a, float) and isinstance(b, float) and np.isclose(a, b, rtol=TOLERANCE)):
            return name
    return ""
