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

import pandas as pd

from outsample.config import SandboxPolicy
from outsample.data import Dataset
from outsample.model import Positions
from outsample.research.cuts import plan
from outsample.research.probes import LARGE, SMALL, Probe, Prober, in_order
from outsample.strategy import Strategy
from outsample.validation import validate

__all__ = ["LookaheadReport", "Probe", "check_lookahead"]


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
        The earliest decision that was seen to differ: cuts are moved back from the first probe that found
        it, as far as the budget allows.
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
    prober = Prober(strategy=chosen, data=data, policy=policy or SandboxPolicy(), seed=seed, cancel=cancel)
    full = in_order(baseline if baseline is not None else prober.positions())
    planned = plan(data, full, truncations, perturbations, seed)
    probes = [prober.probe("repeat", data.dates[-1], full)]
    if probes[0].outcome == "equal":
        for place, (kind, cut) in enumerate(planned):
            if budget is not None and time.perf_counter() - began > budget:
                break
            if cancel is not None and cancel.is_set():
                break
            probes += _at(prober, kind, cut, full, place)
            if probes[-1].outcome == "different":
                break
    found = next((probe for probe in probes if probe.outcome == "different" and probe.kind != "repeat"), None)
    report = LookaheadReport(clean=_verdict(probes, found), probes=tuple(probes), planned=len(planned))
    if found is not None:
        deadline = None if budget is None else time.perf_counter() + budget
        report = _explained(report, found, full, prober, deadline)
    return dataclasses.replace(report, seconds=time.perf_counter() - began)


def _at(prober: Prober, kind: str, cut: pd.Timestamp, full: Positions, place: int) -> list[Probe]:
    """Probe a cut; where too few data are left to run at all, another future at the same cut still tells."""
    probes = [prober.probe(kind, cut, full, scale=LARGE if place % 4 == 2 else SMALL)]
    if kind == "truncation" and probes[0].outcome == "inconclusive":
        probes.append(prober.probe("perturbation", cut, full))
    return probes


def _verdict(probes: list[Probe], found: Probe | None) -> bool | None:
    if found is not None:
        return False
    concluded = [probe.kind for probe in probes if probe.outcome == "equal"]
    enough = concluded.count("truncation") >= 1 and concluded.count("perturbation") >= 2
    return True if enough and probes[0].outcome == "equal" else None


def _explained(
    report: LookaheadReport, found: Probe, full: Positions, prober: Prober, deadline: float | None
) -> LookaheadReport:
    """Say since when, which frame, how far ahead, and the likely line."""
    differing = prober.earliest(found, full, deadline)
    dates = prober.data.dates
    # A cut shows at least how far a decision looks; the furthest of all probes is the best bound.
    ahead = [
        int(dates.searchsorted(probe.cut, side="right") - dates.searchsorted(probe.first_date))
        for probe in differing
        if probe.first_date is not None
    ]
    first = min((probe for probe in differing if probe.first_date is not None), key=_date, default=found)
    line, hint = _likely_line(prober.strategy.source)
    return dataclasses.replace(
        report,
        first_date=first.first_date,
        symbol=first.symbol,
        key=prober.guilty([probe.cut for probe in (found, *differing[:0:-1][:2])], full),
        bars_ahead=max(ahead, default=None),
        line=line,
        hint=hint or found.detail,
    )


def _date(probe: Probe) -> pd.Timestamp:
    assert probe.first_date is not None
    return probe.first_date


def _likely_line(source: str) -> tuple[int | None, str]:
    """The first line that the static look-ahead lint points at."""
    findings = [finding for finding in validate(source) if finding.rule.startswith("lookahead")]
    return (findings[0].line, findings[0].hint) if findings else (None, "")
