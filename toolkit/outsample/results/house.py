"""House checks: a user's own rules about results (restricted symbols, leverage), found by entry point.

A package registers them in the group ``outsample.checks``::

    [project.entry-points."outsample.checks"]
    restricted = "ourfirm.checks:restricted"

A check is a function of the positions and the outcome that returns findings. They depend on what is
installed on a machine, so what they say is never part of a result's canonical bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, EntryPoints
from typing import Literal, Protocol, cast

import pandas as pd

from outsample.errors import ConfigError, ValidationError
from outsample.pipeline import Outcome
from outsample.validation import Finding

__all__ = ["HouseCheck", "HouseFinding", "house_notes", "run_house_checks"]

_GROUP = "outsample.checks"


@dataclass(frozen=True)
class HouseFinding:
    """What a house check says.

    Parameters
    ----------
    message : str
    severity : {"warning", "error"}
        An error refuses the result.
    hint : str
    """

    message: str
    severity: Literal["warning", "error"] = "warning"
    hint: str = ""


class HouseCheck(Protocol):
    """A function that looks at a result before anybody else does."""

    def __call__(self, positions: pd.DataFrame, outcome: Outcome, /) -> Iterable[HouseFinding]:
        """Return findings; none if there is nothing to say."""
        ...


def run_house_checks(outcome: Outcome) -> list[tuple[str, HouseFinding]]:
    """Return what every registered check says, with the name of the check.

    Raises
    ------
    ConfigError
        A check cannot be loaded or fails: a broken rule must not pass everything.
    """
    from importlib.metadata import entry_points

    found: list[tuple[str, HouseFinding]] = []
    for point in _points(entry_points):
        try:
            check = cast(HouseCheck, point.load())
            said = list(check(outcome.positions.frame, outcome))
        except Exception as error:
            raise ConfigError(
                f"The house check {point.name!r} ({point.value}) failed: {type(error).__name__}: {error}",
                hint="Repair the package that registers it, or uninstall it.",
            ) from error
        found += [(point.name, item) for item in said]
    return found


@functools.lru_cache(maxsize=1)
def _points(find: Callable[..., EntryPoints]) -> tuple[EntryPoint, ...]:
    # Looking through everything that is installed takes as long as a small run: once for each process.
    return tuple(sorted(find(group=_GROUP), key=lambda item: item.name))


def house_notes(outcome: Outcome) -> tuple[str, ...]:
    """Return the warnings of the house checks.

    Raises
    ------
    ValidationError
        A check refuses the result; every refusal is a finding.
    """
    said = run_house_checks(outcome)
    refusals = [(name, item) for name, item in said if item.severity == "error"]
    if refusals:
        name, first = refusals[0]
        findings = tuple(
            Finding(f"house-{name}", "error", 1, 1, 1, 1, item.message, item.hint) for name, item in refusals
        )
        raise ValidationError(f"The house check {name!r} refuses: {first.message}", hint=first.hint, findings=findings)
    return tuple(f"{name}: {item.message}" for name, item in said)
