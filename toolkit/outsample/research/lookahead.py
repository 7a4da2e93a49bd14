"""The look-ahead check: the same strategy on less, or on another, future must decide the same past.

Every probe runs the strategy again, in a fresh sandbox child that holds nothing it should not see:

- *repeat*: the same data once more (a strategy that is not deterministic cannot be judged);
- *truncation*: the data end at a cut;
- *perturbation*: the data after the cut are replaced by random ones.

Positions (and the options of the ``sim`` call) at or before the cut must be equal, to a relative 1e-7.
A probe that raises is inconclusive, never clean. "No leak found in K probes" is what a clean report says;
no finite number of probes proves a strategy causal.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.model import Positions, Status
from outsample.pipeline import raise_for_status
from outsample.research.perturb import perturbed, stored_frames
from outsample.sandbox import run_sandboxed
from outsample.strategy import Strategy
from outsample.validation import validate

__all__ = ["LookaheadReport", "Probe", "check_lookahead"]

TOLERANCE = 1e-7


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
class LookaheadReport:
    """What the probes found.

    Parameters
    ----------
    clean : bool or None
        True: no probe differed; False: one did; None: too few concluded, or the strategy is not
        deterministic.
    probes : tuple of Probe
    planned : int
        Probes that were planned; the time budget may have ended earlier.
    first_date, symbol : Timestamp, object
        The earliest decision that differs.
    key : str or None
        The frame (``data.get`` key) whose future changes the past.
    bars_ahead : int or None
        How many bars after the decision the strategy at least looks.
    line : int or None
        The likely line.
    hint : str
    seconds : float
    """

    clean: bool | None
    probes: tuple[Probe, ...]
    planned: int
    first_date: pd.Timestamp | None = None
    symbol: object = None
    key: str | None = None
    bars_ahead: int | None = None
    line: int | None = None
    hint: str = ""
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """One line for a header."""
        done = [probe for probe in self.probes if probe.kind != "repeat"]
        if self.clean is False:
            where = "" if self.first_date is None else f" on {self.first_date.date()} for {self.symbol}"
            source = f", reading {self.key!r}" if self.key else ""
            ahead = f", {self.bars_ahead} bars ahead" if self.bars_ahead else ""
            return f"look-ahead found{where}{source}{ahead}"
        if self.clean is None:
            why = next((probe.detail for probe in self.probes if probe.outcome != "equal"), "no probe concluded")
            return f"look-ahead not decided: {why}"
        equal = sum(probe.outcome == "equal" for probe in done)
        return f"no look-ahead found: {equal} of {self.planned} probes, none differed"


def check_lookahead(  # noqa: PLR0913 - pinned by the public interface
    strategy: Strategy | str,
    data: Dataset,
    *,
    truncations: int = 3,
    perturbations: int = 5,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    policy: SandboxPolicy | None = None,
    baseline: Positions | None = None,
    budget: float | None = None,
    cancel: threading.Event | None = None,
) -> LookaheadReport:
    """Check whether decisions depend on data that came later.

    Parameters
    ----------
    strategy : Strategy or str
    data : Dataset
    truncations, perturbations : int
        How many probes of each kind.
    seed : int
        Of the cuts and the random futures.
    params : mapping, optional
        Parameter values.
    policy : SandboxPolicy, optional
    baseline : Positions, optional
        What the strategy returned on all data; run here if it is not given.
    budget : float, optional
        Seconds after which no further probe starts.
    cancel : threading.Event, optional
        Set from another thread, it ends the probe at work and starts no other.

    Returns
    -------
    LookaheadReport

    Raises
    ------
    StrategyError, SandboxError, ValidationError
        The strategy does not even run on all data.
    """
    began = time.perf_counter()
    chosen = Strategy.from_source(strategy) if isinstance(strategy, str) else strategy
    if params:
        chosen = chosen.with_params(**params)  # type: ignore[arg-type]
    prober = _Prober(chosen, data, policy or SandboxPolicy(), seed, cancel)
    full = _sorted(baseline if baseline is not None else prober.positions(data, validated=True))
    plan = _plan(data, full, truncations, perturbations, seed)
    probes = [prober.probe("repeat", data.dates[-1], full)]
    if probes[0].outcome == "equal":
        for kind, cut in plan:
            if budget is not None and time.perf_counter() - began > budget:
                break
            if cancel is not None and cancel.is_set():
                break
            probes.append(prober.probe(kind, cut, full))
            if probes[-1].outcome == "different":
                break
    found = next((probe for probe in probes if probe.outcome == "different" and probe.kind != "repeat"), None)
    report = LookaheadReport(clean=_verdict(probes, found), probes=tuple(probes), planned=len(plan))
    if found is not None:
        report = prober.explain(report, found, full)
    return dataclasses.replace(report, seconds=time.perf_counter() - began)


def _sorted(positions: Positions) -> Positions:
    """Rows in the order of time, in which the engine reads them."""
    if positions.frame.index.is_monotonic_increasing:
        return positions
    return dataclasses.replace(positions, frame=positions.frame.sort_index())


def _verdict(probes: list[Probe], found: Probe | None) -> bool | None:
    if found is not None:
        return False
    concluded = [probe.kind for probe in probes if probe.outcome == "equal"]
    enough = concluded.count("truncation") >= 1 and concluded.count("perturbation") >= 2
    return True if enough and probes[0].outcome == "equal" else None


def _plan(
    data: Dataset, full: Positions, truncations: int, perturbations: int, seed: int
) -> list[tuple[str, pd.Timestamp]]:
    """Kinds and cuts in the order P T P T ...; cuts spread over the decisions, the last two bars before the end."""
    random = np.random.Generator(np.random.Philox(seed))
    n = len(data.dates)
    first = int(data.dates.searchsorted(full.frame.index[0])) if len(full.frame) else 0
    total = truncations + perturbations
    last = max(n - 3, 0)
    low = min(first + (last - first) // 10, last)
    edges = np.linspace(low, last, max(total, 2))
    jitter = random.uniform(-0.5, 0.5, len(edges)) * (edges[1] - edges[0] if len(edges) > 1 else 0)
    bars = np.clip(np.round(edges + jitter), low, last).astype(int)
    bars[-1] = last  # leaks of one bar show best just before the end
    bars = np.concatenate([bars[-1:], random.permutation(bars[:-1])])[:total]
    changes = _changes(data, full)
    if len(changes):
        bars[1::3] = [max(min(int(random.choice(changes)) - 1, last), 0) for _ in bars[1::3]]
    kinds = ["perturbation", "truncation"] * min(truncations, perturbations)
    kinds += ["truncation"] * (truncations - min(truncations, perturbations))
    kinds += ["perturbation"] * (perturbations - min(truncations, perturbations))
    return [(kind, data.dates[bar]) for kind, bar in zip(kinds, bars, strict=True)]


def _changes(data: Dataset, full: Positions) -> np.ndarray:
    """Bars at which the targets change: next to trades is where rare leaks show."""
    values = _numbers(full.frame)
    moved = np.flatnonzero((values[1:] != values[:-1]).any(axis=1)) + 1
    return np.unique(np.clip(data.dates.searchsorted(full.frame.index[moved]), 1, len(data.dates) - 1))


@dataclass(frozen=True)
class _Prober:
    strategy: Strategy
    data: Dataset
    policy: SandboxPolicy
    seed: int
    cancel: threading.Event | None = None

    def positions(self, data: Dataset, *, validated: bool = False) -> Positions:
        execution = run_sandboxed(self.strategy, data, policy=self.policy, validate=validated, cancel=self.cancel)
        raise_for_status(execution, self.policy)
        assert execution.positions is not None
        return execution.positions

    def probe(self, kind: str, cut: pd.Timestamp, full: Positions, *, only: list[str] | None = None) -> Probe:
        """Run the strategy on another future and compare its past."""
        seed = self.seed * 1_000_003 + int(cut.value % 1_000_003)
        probed = perturbed(self.data, cut, seed=seed, only=only) if kind == "perturbation" else self.data.until(cut)
        execution = run_sandboxed(self.strategy, probed, policy=self.policy, validate=False, cancel=self.cancel)
        if execution.status is not Status.OK or execution.positions is None:
            detail = f"{kind} at {cut.date()} ended with {execution.status.value}: {execution.error}"
            return Probe(kind=kind, cut=cut, outcome="inconclusive", detail=detail)
        return _compare(kind, cut, full, _sorted(execution.positions))

    def explain(self, report: LookaheadReport, found: Probe, full: Positions) -> LookaheadReport:
        """Say which frame, how far ahead, and the likely line."""
        dates = self.data.dates
        ahead = None
        if found.first_date is not None:
            ahead = int(dates.searchsorted(found.cut, side="right") - dates.searchsorted(found.first_date))
        line, hint = _likely_line(self.strategy.source)
        return dataclasses.replace(
            report,
            first_date=found.first_date,
            symbol=found.symbol,
            key=self._guilty(found, full),
            bars_ahead=ahead,
            line=line,
            hint=hint or found.detail,
        )

    def _guilty(self, found: Probe, full: Positions) -> str | None:
        """The frame whose future alone changes the past."""
        for name in stored_frames(self.data):
            group = [name, "adj_close"] if name == "close" else [name]
            if name == "adj_close" and "close" in self.data.keys():  # noqa: SIM118 - Dataset is no mapping
                continue
            if self.probe("perturbation", found.cut, full, only=group).outcome == "different":
                return name
        return None


def _compare(kind: str, cut: pd.Timestamp, full: Positions, other: Positions) -> Probe:
    """Compare every decision at or before the cut."""
    ours, theirs = full.frame.loc[:cut], other.frame.loc[:cut]
    label = {"repeat": "the same data gave other positions: the strategy is not deterministic"}.get(kind, "")
    if not ours.index.equals(theirs.index):
        odd = ours.index.symmetric_difference(theirs.index)[0]
        detail = label or "a row of the positions exists only with the data that came later"
        return Probe(kind=kind, cut=cut, outcome="different", first_date=odd, detail=detail)
    columns = ours.columns.union(theirs.columns, sort=False)
    a = _numbers(ours.reindex(columns=columns))
    b = _numbers(theirs.reindex(columns=columns))
    differs = ~np.isclose(a, b, rtol=TOLERANCE, atol=0.0)
    if differs.any():
        row = int(differs.any(axis=1).argmax())
        symbol = columns[int(differs[row].argmax())]
        return Probe(kind=kind, cut=cut, outcome="different", first_date=ours.index[row], symbol=symbol, detail=label)
    option = _other_option(full, other, cut)
    if option:
        return Probe(kind=kind, cut=cut, outcome="different", detail=f"the option {option!r} of sim depends on it")
    return Probe(kind=kind, cut=cut, outcome="equal")


def _numbers(frame: pd.DataFrame) -> np.ndarray:
    values: np.ndarray = np.nan_to_num(frame.astype(np.float64).to_numpy(), nan=0.0)
    return values


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


def _likely_line(source: str) -> tuple[int | None, str]:
    """The first line that the static look-ahead lint points at."""
    findings = [finding for finding in validate(source) if finding.rule.startswith("lookahead")]
    return (findings[0].line, findings[0].hint) if findings else (None, "")
