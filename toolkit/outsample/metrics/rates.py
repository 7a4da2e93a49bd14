"""The risk-free rate: one annual number, or annual rates by date, as a rate per bar."""

from __future__ import annotations

import numpy as np
import pandas as pd

from outsample.checks import Rates
from outsample.errors import DataInvalid

__all__ = ["RiskFree", "annual_rates", "bar_rates"]

RiskFree = float | pd.Series | np.ndarray | Rates


def annual_rates(risk_free: RiskFree, returns: object) -> float | np.ndarray:
    """Return the annual rate that held on each bar.

    Parameters
    ----------
    risk_free : float, Series, array-like [bar] or pairs of date and rate
        Pairs, as `Conventions` keep them, are a Series with dates. A Series with dates beside returns with dates
        gives each bar the last rate on or before its date; anything else must have one rate per bar.
    returns : Series or array-like [bar]

    Raises
    ------
    DataInvalid
        A rate is NaN or <= -1, the first bar has none yet, or the lengths differ.

    Examples
    --------
    >>> days = pd.date_range("2024-01-01", periods=4)
    >>> annual_rates(pd.Series([0.04, 0.05], index=days[[0, 2]]), pd.Series([0.0] * 4, index=days)).tolist()
    [0.04, 0.04, 0.05, 0.05]
    """
    if isinstance(risk_free, int | float | np.number):
        return float(_checked(np.array([float(risk_free)]), 1)[0])
    if isinstance(risk_free, tuple) and risk_free and isinstance(risk_free[0], tuple):
        stamps, rates = zip(*risk_free, strict=True)
        risk_free = pd.Series(rates, index=pd.DatetimeIndex(stamps))
    n = len(returns) if isinstance(returns, pd.Series) else len(np.asarray(returns))
    if _dated(risk_free) and _dated(returns):
        risk_free = _at(risk_free, returns.index)  # type: ignore[arg-type, attr-defined]
    return _checked(np.asarray(risk_free, dtype=float), n)


def bar_rates(risk_free: RiskFree, returns: object, periods_per_year: float) -> float | np.ndarray:
    """Return the rate per bar, (1 + rf)^(1/P) - 1.

    Examples
    --------
    >>> round(bar_rates(0.21, [0.0], 2), 12)
    0.1
    """
    if isinstance(risk_free, float) and risk_free == 0.0:
        return 0.0
    rates: float | np.ndarray = (1.0 + annual_rates(risk_free, returns)) ** (1.0 / periods_per_year) - 1.0
    return rates


def _dated(values: object) -> bool:
    return isinstance(values, pd.Series) and isinstance(values.index, pd.DatetimeIndex)


def _at(rates: pd.Series, dates: pd.DatetimeIndex) -> np.ndarray:
    rates = rates.dropna().sort_index()
    known = pd.DatetimeIndex(rates.index)
    if known.tz is None or dates.tz is None:
        known, dates = known.tz_localize(None), dates.tz_localize(None)
    places = known.searchsorted(dates, side="right") - 1
    if len(places) and places.min() < 0:
        first = known[0].date() if len(known) else "never"
        raise DataInvalid(
            f"The risk-free rates begin {first}, the returns on {dates[0].date()}.",
            hint="Give rates from the first bar on, or one annual number.",
        )
    found: np.ndarray = rates.to_numpy(dtype=float)[places]
    return found


def _checked(rates: np.ndarray, n: int) -> np.ndarray:
    if rates.ndim != 1 or len(rates) != n:
        raise DataInvalid(
            f"Risk-free rates need one value per bar. Got shape {rates.shape} for {n} bars.",
            hint="Give both as Series with dates.",
        )
    if not (np.isfinite(rates).all() and (rates > -1.0).all()):
        raise DataInvalid(
            "A risk-free rate is a finite annual fraction above -1.", hint="4 % is 0.04; leave out unknown dates."
        )
    return rates
