"""The function: positions, prices and options in, a `Simulation` out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from outsample.config import Costs, Execution, resolve_options
from outsample.data import Dataset
from outsample.engine.registry import get_engine
from outsample.engine.simulation import Simulation
from outsample.errors import EngineError

__all__ = ["sim", "simulate"]

_AGREEMENT = 1e-9


def sim(position: object, data: Dataset | pd.DataFrame, **options: object) -> Simulation:
    """Simulate a table of positions: the short form, with options as keywords.

    Parameters
    ----------
    position : DataFrame [date x symbol], or Series of one symbol
        bool (equal weights) or float (weights; negative = short). NaN is 0. Row t is decided with the
        close of bar t and filled on the next bar.
    data : Dataset, or DataFrame of closes
    **options
        Fields of `Execution` and `Costs`, and ``engine`` (default "vectorised"). None means the preset
        of the dataset's market; for a plain frame, no costs.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError
        An unknown option (the nearest is named) or a value that is not allowed.
    DataInvalid, DataMissing
        Positions or prices that cannot be used.

    Examples
    --------
    >>> dates = pd.date_range("2024-01-01", periods=4)
    >>> close = pd.DataFrame({"A": [10.0, 10.0, 11.0, 12.1]}, index=dates)
    >>> result = sim(close > 0, close)
    >>> result.equity.round(4).tolist()
    [1.0, 1.0, 1.1, 1.21]
    """
    engine = options.pop("engine", None) or "vectorised"
    preset = data.preset.options if isinstance(data, Dataset) else {}
    execution, costs = resolve_options(preset, options)
    return simulate(position, data, execution=execution, costs=costs, engine=str(engine))


def simulate(
    positions: object,
    data: Dataset | pd.DataFrame,
    *,
    execution: Execution,
    costs: Costs,
    engine: str = "vectorised",
) -> Simulation:
    """Simulate a table of positions under resolved options.

    Parameters
    ----------
    positions : DataFrame [date x symbol], or Series of one symbol
        Row t was decided with what was known at the close of bar t.
    data : Dataset, or DataFrame of closes
    execution : Execution
        With ``check=True`` the reference engine runs too and must agree.
    costs : Costs
    engine : str
        Name of an engine.

    Returns
    -------
    Simulation

    Raises
    ------
    EngineError
        The engine returned something else, or two engines disagree.
    """
    result = get_engine(engine).simulate(positions, data, execution=execution, costs=costs)  # type: ignore[arg-type]
    if not isinstance(result, Simulation):
        raise EngineError(
            f"The engine {engine!r} returned {type(result).__name__}, not a Simulation.",
            hint="Build one from a Problem and a Record of outsample.engine.record.",
        )
    if not execution.check or engine == "reference":
        return result
    twin = get_engine("reference").simulate(positions, data, execution=execution, costs=costs)  # type: ignore[arg-type]
    _compare(result, twin)
    return dataclasses.replace(result, checked=True)


def _compare(result: Simulation, twin: Simulation) -> None:
    """Raise if two simulations of the same request differ."""
    scale = result.execution.initial_capital
    mine, theirs = result.record, twin.record
    if mine.bars.shape != theirs.bars.shape or mine.fills.shape != theirs.fills.shape:
        raise EngineError(
            f"The engines {result.engine} and {twin.engine} disagree: {len(mine.fills)} and {len(theirs.fills)} fills."
        )
    gap = float(np.abs(mine.bars - theirs.bars).max()) / max(scale, float(np.abs(theirs.bars).max()))
    if gap > _AGREEMENT or not np.array_equal(mine.fills, theirs.fills):
        raise EngineError(
            f"The engines {result.engine} and {twin.engine} disagree by {gap:.3g} of equity.",
            hint="Please report this with the positions and the options.",
        )
