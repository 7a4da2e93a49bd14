"""The look-ahead check of what a study chose: the combinations that a reader will believe."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from collections.abc import Iterable, Sequence

from outsample.canonical import canonical_json
from outsample.errors import ConfigError
from outsample.research.combination import Combination
from outsample.research.lookahead import LookaheadReport, check_lookahead
from outsample.research.parallel import pmap

__all__ = ["LOOKAHEAD", "check_choices", "check_chosen", "check_mode"]

LOOKAHEAD = ("auto", "full", True, False)


def check_mode(lookahead: bool | str) -> None:
    """Refuse what is no way of checking: before anything runs.

    Raises
    ------
    ConfigError
    """
    if lookahead not in LOOKAHEAD:
        raise ConfigError(f"lookahead must be 'auto', 'full' (or True) or False. Got {lookahead!r}.")


def check_chosen(chosen: Combination | None, lookahead: bool | str) -> LookaheadReport | None:
    """Return what the probes found for a combination; None if it was not to be checked, or failed.

    Parameters
    ----------
    chosen : Combination or None
    lookahead : {"auto", "full", True, False}
        "auto": probes until three times the combination's own time + 2 s are used up; "full" or True: all.
    """
    return check_choices((chosen,), lookahead)


def check_choices(
    chosen: Iterable[Combination | None], lookahead: bool | str, *, n_jobs: int | None = None
) -> LookaheadReport | None:
    """Return what the probes found for all combinations that a study chose, the first of them first.

    Each distinct combination is probed, up to the first that leaks. The report counts the probes of all of them;
    what it says of dates, frames and lines is of the one that leaks.

    Parameters
    ----------
    chosen : iterable of Combination or None
        The same parameters again are probed once; None stands for a window that stays in cash.
    lookahead : {"auto", "full", True, False}
        "auto": probes until three times the combinations' own time + 2 s are used up, the first combination in
        any case; "full" or True: all.
    n_jobs : int, optional
        How many combinations are probed at once; None: one per core. No result depends on it but for what "auto"
        has time for.

    Returns
    -------
    LookaheadReport or None
        None if nothing was to be checked. It is clean if the first combination is, no other one differed, and
        none was undecided for another reason than time.
    """
    if lookahead is False:
        return None
    found: dict[bytes, Combination] = {}
    for one in chosen:
        if one is not None:
            found.setdefault(canonical_json(dict(one.params)), one)
    distinct = [one for one in found.values() if one.positions is not None]
    if not distinct:
        return None
    began = time.perf_counter()
    work = _Checks(distinct, limited=lookahead == "auto")
    try:
        found_at = pmap(work.report, range(len(distinct)), n_jobs=n_jobs, here=True)
    except BaseException:
        work.end_from(0)
        raise
    report = _together(_until_leak(distinct, found_at), len(distinct))
    return dataclasses.replace(report, seconds=time.perf_counter() - began)


class _Checks:
    """The checks of some combinations, in any order: one that leaks ends those behind it.

    Parameters
    ----------
    combinations : sequence of Combination
    limited : bool
        Whether a check that would begin too late is left out.
    """

    def __init__(self, combinations: Sequence[Combination], *, limited: bool) -> None:
        self._combinations = combinations
        self._limited = limited
        self._ends = [threading.Event() for _ in combinations]
        own = (3.0 * one.execution.wall_seconds if one.execution is not None else 0.0 for one in combinations)
        began = time.perf_counter() + 2.0
        self._deadlines = [began + seconds for seconds in itertools.accumulate(own)]

    def report(self, place: int) -> LookaheadReport | None:
        """Check one; None if its time is over, or if an earlier one leaks."""
        left = self._deadlines[place] - time.perf_counter() if self._limited else None
        if self._ends[place].is_set() or (place > 0 and left is not None and left <= 0.0):
            return None
        try:
            found = _probed(self._combinations[place], left, self._ends[place])
        except BaseException:
            self.end_from(0)
            raise
        if found.clean is False:
            self.end_from(place + 1)
        return found

    def end_from(self, place: int) -> None:
        """End the checks from a place on."""
        for end in self._ends[place:]:
            end.set()


def _until_leak(combinations: Sequence[Combination], found: Sequence[LookaheadReport | None]) -> list[LookaheadReport]:
    """The reports up to the first that leaks, which says with which parameters."""
    reports: list[LookaheadReport] = []
    for one, report in zip(combinations, found, strict=True):
        if report is None:
            continue
        if report.clean is False:
            said = f"Found with {', '.join(f'{name} = {value!r}' for name, value in one.params.items())}."
            return [*reports, dataclasses.replace(report, hint=f"{report.hint} {said}".strip())]
        reports.append(report)
    return reports


def _probed(one: Combination, budget: float | None, cancel: threading.Event) -> LookaheadReport:
    request = one.request
    return check_lookahead(
        request.strategy,
        request.data,
        policy=request.policy,
        baseline=one.positions,
        seed=request.seed,
        budget=budget,
        cancel=cancel,
    )


def _together(reports: list[LookaheadReport], n_chosen: int) -> LookaheadReport:
    """One report of several: the worst, with the probes of all."""
    leak = next((one for one in reports if one.clean is False), None)
    doubt = next((one for one in reports[1:] if one.clean is None and _differed(one)), None)
    worst = leak or (doubt if reports[0].clean else None) or reports[0]
    return dataclasses.replace(
        worst,
        probes=tuple(probe for one in reports for probe in one.probes),
        planned=reports[0].planned * n_chosen,
    )


def _differed(report: LookaheadReport) -> bool:
    """Whether it is undecided for another reason than the end of its time."""
    return any(probe.outcome != "equal" for probe in report.probes)
