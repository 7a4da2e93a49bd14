"""The look-ahead check of what a study chose: the combination that a reader will believe."""

from __future__ import annotations

from outsample.errors import ConfigError
from outsample.research.combination import Combination
from outsample.research.lookahead import LookaheadReport, check_lookahead

__all__ = ["LOOKAHEAD", "check_chosen", "check_mode"]

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
    if lookahead is False or chosen is None or chosen.positions is None:
        return None
    own = chosen.execution.wall_seconds if chosen.execution is not None else 0.0
    request = chosen.request
    return check_lookahead(
        request.strategy,
        request.data,
        policy=request.policy,
        baseline=chosen.positions,
        seed=request.seed,
        budget=3.0 * own + 2.0 if lookahead == "auto" else None,
    )
