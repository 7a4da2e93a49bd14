"""What a sweep maximises: a number from the net returns of a combination."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.errors import ConfigError, nearest

__all__ = ["OBJECTIVES", "Objective", "objective_function"]

Objective = str | Callable[[pd.Series], float]


def _named(function: Callable[..., float]) -> Callable[[pd.Series, float], float]:
    def value(returns: pd.Series, periods: float) -> float:
        return float(function(returns, periods_per_year=periods))

    return value


def _total(returns: pd.Series, periods: float) -> float:  # noqa: ARG001 - one signature for all
    return float(metrics.total_return(returns))


OBJECTIVES: Mapping[str, Callable[[pd.Series, float], float]] = {
    "sharpe": _named(metrics.sharpe),
    "sortino": _named(metrics.sortino),
    "calmar": _named(metrics.calmar),
    "cagr": _named(metrics.cagr),
    "total_return": _total,
}


def objective_function(objective: Objective, periods_per_year: float) -> Callable[[pd.Series], float]:
    """Return the objective as a function of net returns; undefined is NaN and never wins.

    Parameters
    ----------
    objective : str or callable
        "sharpe", "sortino", "calmar", "cagr", "total_return", or a function of a Series of returns.
    periods_per_year : float

    Raises
    ------
    ConfigError
        There is no such objective.
    """
    if callable(objective):
        return lambda returns: _number(objective(returns))
    function = OBJECTIVES.get(str(objective))
    if function is None:
        raise ConfigError(
            f"objective must be one of {', '.join(map(repr, OBJECTIVES))}, or a function. Got {objective!r}.",
            hint=nearest(str(objective), OBJECTIVES),
        )
    return lambda returns: _number(function(returns, periods_per_year))


def _number(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    return number if not math.isnan(number) and not np.isneginf(number) else math.nan
