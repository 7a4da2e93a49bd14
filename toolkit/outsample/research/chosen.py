"""The look-ahead check of what a study chose: the combinations that a reader will believe."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterable

from outsample.canonical import canonical_json
from outsample.errors import ConfigError
from outsample.research.combination import Combination
from outsample.research.lookahead import LookaheadReport, check_lookahead

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


def check_choices(chosen: Iterable[Combination | None], lookahead: bool | str) -> LookaheadReport | None:
    """Return what the probes found for all combinations that a study chose, the first of them first.

    Each distinct combination is probed, until one leaks. The report counts the probes of all of them; what it
    says of dates, frames and lines is of the one that leaks.

    Parameters
    ----------
    chosen : iterable of Combination or None
        The same parameters again are probed once; None stands for a window that stays in cash.
    lookahead : {"auto", "full", True, False}
        "auto": probes until three times the combinations' own time + 2 s are used up, the first combination in
        any case; "full" or True: all.

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
    reports: list[LookaheadReport] = []
    deadline = time.perf_counter() + 2.0
    for one in distinct:
        deadline += 3.0 * (one.execution.wall_seconds if one.execution is not None else 0.0)
        left = deadline - time.perf_counter()
        if reports and lookahead == "auto" and left <= 0:
            break
        reports.append(_probed(one, left if lookahead == "auto" else None))
        if reports[-1].clean is False:
            said = f"Found with {', '.join(f'{name} = {value!r}' for name, value in one.params.items())}."
            reports[-1] = dataclasses.replace(reports[-1], hint=f"{reports[-1].hint} {said}".strip())
            break
    return _together(reports, len(distinct))


def _probed(one: Combination, budget: float | None) -> LookaheadReport:
    request = one.request
    return check_lookahead(
        request.strategy,
        request.data,
        policy=request.policy,
        baseline=one.positions,
        seed=request.seed,
        budget=budget,
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
        seconds=sum(one.seconds for one in reports),
    )


def _differed(report: LookaheadReport) -> bool:
    """Whether it is undecided for another reason than the end of its time."""
    return any(probe.outcome != "equal" for probe in report.probes)
