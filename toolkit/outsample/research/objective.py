"""What a sweep maximises: a number from the net returns of a combination."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from outsample import metrics
from outsample.errors import ConfigError, nearest
from outsample.research.combination import Run
from outsample.research.numbers import sharpes, sharpes_between
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


# Of runs (None: it failed) and the bars of them that count (None: all), the objective of each.
Judge = Callable[[Sequence[Run | None], slice | np.ndarray | None], list[float]]


def scores(objective: Objective, periods_per_year: float) -> Judge:
    """Return the objective as a function of many runs and of the bars that count.

    Each number is that of `objective_function` on the run's returns; NaN for a run that failed.

    Raises
    ------
    ConfigError
        There is no such objective.
    """
    score = objective_function(objective, periods_per_year)
    ratio = objective == "sharpe" or objective in {PLATEAU, f"{PLATEAU}:sharpe"}

    def judge(runs: Sequence[Run | None], part: slice | np.ndarray | None) -> list[float]:
        if ratio and part is None:
            return [math.nan if run is None else _number(run.numbers.plain_sharpe) for run in runs]
        if ratio and isinstance(part, slice) and part.step is None:
            ran = [run for run in runs if run is not None]
            begin, end, _ = part.indices(len(ran[0].dates) if ran else 0)
            values = iter(sharpes_between(ran, begin, end, periods_per_year))
            return [math.nan if run is None else _number(next(values)) for run in runs]
        rows = [None if run is None else run.returns if part is None else run.returns[part] for run in runs]
        if ratio:
            values = iter(sharpes([row for row in rows if row is not None], periods_per_year))
            return [math.nan if row is None else _number(next(values)) for row in rows]
        if not callable(objective):
            return [math.nan if row is None else score(pd.Series(row)) for row in rows]
        return [
            math.nan
            if row is None or run is None
            else score(pd.Series(row, index=run.dates if part is None else run.dates[part]))
            for run, row in zip(runs, rows, strict=True)
        ]

    return judge


def _number(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    return number if number > -math.inf else math.nan  # a NaN is not
