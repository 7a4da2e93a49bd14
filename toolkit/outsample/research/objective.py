"""What a sweep maximises: a number from the net returns of a combination."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.errors import ConfigError, nearest
from outsample.research.numbers import sharpes
from outsample.research.runs import SweptRuns
from outsample.stats import probabilistic_sharpe

__all__ = ["OBJECTIVES", "Objective", "objective_function", "scores", "smoothed"]

Objective = str | Callable[[pd.Series], float]


def _named(function: Callable[..., float]) -> Callable[[pd.Series, float], float]:
    def value(returns: pd.Series, periods: float) -> float:
        return float(function(returns, periods_per_year=periods))

    return value


def _total(returns: pd.Series, periods: float) -> float:  # noqa: ARG001 - one signature for all
    return float(metrics.total_return(returns))


def _psr(returns: pd.Series, periods: float) -> float:  # noqa: ARG001 - one signature for all
    """Probability that the true Sharpe ratio is above 0 (Bailey and Lopez de Prado, 2012)."""
    values = np.asarray(returns, dtype=np.float64)
    deviation = values.std(ddof=1) if len(values) > 2 else 0.0
    if not deviation > 1e-15:
        return math.nan
    z = (values - values.mean()) / values.std()
    skewness, kurtosis = float((z**3).mean()), float((z**4).mean())
    return float(probabilistic_sharpe(values.mean() / deviation, len(values), skewness=skewness, kurtosis=kurtosis))


OBJECTIVES: Mapping[str, Callable[[pd.Series, float], float]] = {
    "sharpe": _named(metrics.sharpe),
    "sortino": _named(metrics.sortino),
    "calmar": _named(metrics.calmar),
    "cagr": _named(metrics.cagr),
    "total_return": _total,
    "psr": _psr,
}

PLATEAU = "plateau"


def smoothed(objective: Objective) -> bool:
    """Return whether a combination is judged by the median of its neighbourhood ("plateau", "plateau:calmar")."""
    return isinstance(objective, str) and objective.partition(":")[0] == PLATEAU


def objective_function(objective: Objective, periods_per_year: float) -> Callable[[pd.Series], float]:
    """Return the objective as a function of net returns; undefined is NaN and never wins.

    Parameters
    ----------
    objective : str or callable
        "sharpe", "sortino", "calmar", "cagr", "total_return", "psr", or a function of a Series of returns;
        "plateau" (or "plateau:calmar") is the Sharpe ratio (the Calmar ratio), of which the caller takes the
        median of a neighbourhood.
    periods_per_year : float

    Raises
    ------
    ConfigError
        There is no such objective.
    """
    if callable(objective):
        return lambda returns: _number(objective(returns))
    name = str(objective)
    if smoothed(objective):
        name = name.partition(":")[2] or "sharpe"
    function = OBJECTIVES.get(name)
    if function is None:
        names = [*OBJECTIVES, PLATEAU]
        raise ConfigError(
            f"objective must be one of {', '.join(map(repr, names))}, or a function. Got {objective!r}.",
            hint=nearest(str(objective), names),
        )
    return lambda returns: _number(function(returns, periods_per_year))


# Places of the returns that count; None: all of them.
Bars = range | np.ndarray | None
# The objective of runs, counting some bars or others [bars, run]; NaN if it failed or is undefined.
Judge = Callable[[SweptRuns, Sequence[Bars]], np.ndarray]


def scores(objective: Objective, periods_per_year: float) -> Judge:
    """Return the objective as a function of many runs and of the bars that count, several times over.

    Each number is that of `objective_function` on the run's returns; NaN for a run that failed.

    Raises
    ------
    ConfigError
        There is no such objective.
    """
    score = objective_function(objective, periods_per_year)
    ratio = objective == "sharpe" or objective in {PLATEAU, f"{PLATEAU}:sharpe"}

    def value(returns: np.ndarray, dates: pd.DatetimeIndex) -> float:
        return score(pd.Series(returns, index=dates if callable(objective) else None))

    def judge(runs: SweptRuns, parts: Sequence[Bars]) -> np.ndarray:
        windows = [part for part in parts if isinstance(part, range)]
        if ratio and len(windows) == len(parts):
            return _numbers(runs.sharpes(windows, periods_per_year))
        return np.stack([judge_one(runs, part) for part in parts])

    def judge_one(runs: SweptRuns, part: Bars) -> np.ndarray:
        if ratio and part is None:
            return _numbers(runs.column("plain_sharpe"))
        every = slice(None) if part is None else slice(part.start, part.stop) if isinstance(part, range) else part
        places = np.flatnonzero(runs.ran)
        ran, found = runs.some(places), np.full(len(runs), math.nan)
        if ratio:
            found[places] = sharpes([run.returns[every] for run in ran], periods_per_year)
            return _numbers(found)
        found[places] = [value(run.returns[every], run.dates[every]) for run in ran]
        return found

    return judge


def _numbers(values: np.ndarray) -> np.ndarray:
    return np.where(values > -math.inf, values, math.nan)


def _number(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    return number if number > -math.inf else math.nan  # a NaN is not
