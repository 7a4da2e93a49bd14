"""Engines by name: ours, and those that other packages register under ``outsample.engines``."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Protocol, cast, runtime_checkable

import pandas as pd

from outsample.config import Costs, Execution
from outsample.engine.reference import ReferenceEngine
from outsample.engine.simulation import Simulation
from outsample.engine.vectorised import VectorisedEngine
from outsample.errors import ConfigError, EngineError, nearest

__all__ = ["Engine", "get_engine", "list_engines"]

_GROUP = "outsample.engines"
_OWN: dict[str, type] = {"vectorised": VectorisedEngine, "reference": ReferenceEngine}


@runtime_checkable
class Engine(Protocol):
    """What simulates: stateless and safe to share between threads.

    Attributes
    ----------
    name, version : str
        The version is part of every result key: raise it when a number can change.
    capabilities : set of str
        What the engine can do, for people and for checks.
    """

    @property
    def name(self) -> str:
        """Name under which it is registered."""
        ...

    @property
    def version(self) -> str:
        """Raised whenever a number can change."""
        ...

    @property
    def capabilities(self) -> AbstractSet[str]:
        """What it can do."""
        ...

    def describe(self) -> str:
        """Say in one line what it is."""
        ...

    def simulate(self, positions: pd.DataFrame, data: object, *, execution: Execution, costs: Costs) -> Simulation:
        """Simulate a table of positions."""
        ...


def list_engines() -> list[str]:
    """Return the names of all engines, ours and registered ones.

    Examples
    --------
    >>> list_engines()[:2]
    ['reference', 'vectorised']
    """
    from importlib.metadata import entry_points

    return sorted({*_OWN, *(point.name for point in entry_points(group=_GROUP))})


def get_engine(name: str) -> Engine:
    """Return an engine by name.

    Raises
    ------
    ConfigError
        There is no engine of this name; the nearest is named.
    EngineError
        A registered engine does not keep to the Protocol, or cannot be loaded.

    Examples
    --------
    >>> get_engine("vectorised").describe()
    'One compiled pass over the bars; memory grows with the number of symbols, not of bars.'
    """
    if name in _OWN:
        return cast(Engine, _OWN[name]())
    from importlib.metadata import entry_points

    for point in entry_points(group=_GROUP):
        if point.name == name:
            try:
                made = point.load()
                engine = made() if isinstance(made, type) else made
            except Exception as error:
                raise EngineError(f"The engine {name!r} ({point.value}) cannot be loaded: {error}") from error
            return _checked(name, point.value, engine)
    raise ConfigError(
        f"There is no engine {name!r}.",
        hint=nearest(str(name), list_engines()) or f"Engines: {', '.join(list_engines())}.",
    )


def _checked(name: str, origin: str, engine: object) -> Engine:
    missing = [
        item
        for item in ("name", "version", "capabilities", "describe", "simulate")
        if not hasattr(engine, item) or (item in ("describe", "simulate") and not callable(getattr(engine, item)))
    ]
    if missing or not isinstance(engine, Engine):
        raise EngineError(
            f"The engine {name!r} ({origin}) does not keep to outsample.engine.Engine: no {', '.join(missing)}.",
            hint="It needs name, version, capabilities, describe() and simulate(positions, data, *, execution, costs).",
        )
    return engine
