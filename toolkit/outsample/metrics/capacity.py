"""How much money a strategy could carry: participation in volume, days to liquidate, sensitivity to costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outsample.errors import ConfigError, DataInvalid, DataMissing
from outsample.metrics.falls import max_drawdown
from outsample.metrics.values import cagr, sharpe, total_return

__all__ = ["Capacity", "capacity", "cost_sensitivity", "traded_value"]

Multiples = Sequence[float]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What trading and holding `capital` asks of the market.

    Parameters
    ----------
    capital : float
        Money at the start, in the currency of the prices; positions grow with the equity.
    rate : float
        Share of a day's average traded value that one may trade.
    window : int
        Bars of that average, which ends with the bar before.
    participation_mean, participation_p95, participation_max : float
        Of the trades: traded value over average traded value, per bar and symbol.
    days_to_liquidate_mean, days_to_liquidate_max : float
        Bars to sell the slowest holding of a bar at `rate`; mean and maximum over bars with a holding.
    capital_at_rate : float
        Capital at which the 95th percentile of participation would be `rate`.
    orders, orders_unknown : int
        Trades counted, and those left out because no average volume was known.
    """

    capital: float
    rate: float
    window: int
    participation_mean: float
    participation_p95: float
    participation_max: float
    days_to_liquidate_mean: float
    days_to_liquidate_max: float
    capital_at_rate: float
    orders: int
    orders_unknown: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return plain values; what is not known (no trades with a volume) is None."""
        found = dataclasses.asdict(self)
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in found.items()
        }


def capacity(
    simulation: Any,  # noqa: ANN401 - duck-typed
    *,
    capital: float,
    rate: float = 0.10,
    window: int = 20,
    volume_value: pd.DataFrame | None = None,
) -> Capacity:
    """Return how large the trades and holdings of a simulation are beside the market's volume.

    Parameters
    ----------
    simulation : Simulation
    capital : float
        The money that the initial capital of the simulation stands for.
    rate : float
        Share of the average traded value that may be traded in a bar, in (0, 1].
    window : int
        Bars of the average; it ends with the bar before, so a trade does not count in its own average.
    volume_value : DataFrame [date x symbol], optional
        Traded value of each bar in money; by default `traded_value` of the simulation.

    Raises
    ------
    ConfigError
        capital, rate or window out of bounds.
    DataMissing
        The simulation's data have no volume and none is given.
    """
    _check(capital, rate, window)
    value = traded_value(simulation) if volume_value is None else volume_value
    units = simulation.units
    average = _average(value, units, window)
    price = _prices(simulation, units.columns)
    scale = capital / float(simulation.equity.iloc[0])
    held = np.abs(units.to_numpy()) * price * scale
    traded = np.abs(np.diff(units.to_numpy(), axis=0, prepend=0.0)) * price * scale
    known = np.isfinite(average) & (average > 0.0)
    orders = traded > 0.0
    share = traded[orders & known] / average[orders & known]
    slow = np.where(known & (held > 0.0), held / np.where(known, average, 1.0) / rate, 0.0).max(axis=1, initial=0.0)
    slow = slow[slow > 0.0]
    high = float(np.quantile(share, 0.95)) if len(share) else math.nan
    return Capacity(
        capital=float(capital),
        rate=float(rate),
        window=int(window),
        participation_mean=float(share.mean()) if len(share) else math.nan,
        participation_p95=high,
        participation_max=float(share.max()) if len(share) else math.nan,
        days_to_liquidate_mean=float(slow.mean()) if len(slow) else math.nan,
        days_to_liquidate_max=float(slow.max()) if len(slow) else math.nan,
        capital_at_rate=capital * rate / high if high > 0.0 else math.nan,
        orders=len(share),
        orders_unknown=int((orders & ~known).sum()),
    )


def traded_value(simulation: Any) -> pd.DataFrame:  # noqa: ANN401 - duck-typed
    """Return volume times close as traded [date x symbol] of a simulation's data, in money.

    Raises
    ------
    DataMissing
        The data have no volume.
    """
    market = simulation.problem.market
    if not market.has("volume"):
        raise DataMissing(
            "The simulation's data have no frame volume.", hint="Give volume_value, the traded value in money."
        )
    return pd.DataFrame(market.volume * market.raw_close, index=market.dates, columns=market.symbols)


def cost_sensitivity(
    simulate: Callable[[float], Any], multiples: Multiples = (0.0, 1.0, 2.0, 5.0), *, risk_free: float = 0.0
) -> pd.DataFrame:
    """Return what is left of a strategy at multiples of its costs, each simulated anew.

    Parameters
    ----------
    simulate : callable
        Takes a multiple of the costs, returns a Simulation; for example
        ``lambda k: sim(position, data, fee_ratio=k * 0.001)``.
    multiples : sequence of float
        0 is gross of costs.
    risk_free : float
        Annual.

    Returns
    -------
    DataFrame [multiple]
        total_return, cagr, sharpe, max_drawdown, cost_total; rates per year whatever the length.

    Raises
    ------
    ConfigError
        A multiple is negative or not finite.

    Examples
    --------
    >>> from outsample import sim
    >>> close = pd.DataFrame({"A": [10.0, 10, 11, 12, 11, 12]}, index=pd.date_range("2024-01-01", periods=6))
    >>> table = cost_sensitivity(lambda k: sim(close > 0, close, fee_ratio=0.01 * k), (0, 1, 2))
    >>> table["total_return"].round(4).tolist()
    [0.2, 0.1881, 0.1765]
    """
    wrong = [k for k in multiples if isinstance(k, bool) or not math.isfinite(k) or k < 0.0]
    if wrong:
        raise ConfigError(f"Multiples of costs are numbers >= 0. Got {wrong!r}.")
    rows = {}
    for multiple in multiples:
        found = simulate(float(multiple))
        year, returns = float(found.periods_per_year), found.returns
        rows[float(multiple)] = {
            "total_return": total_return(returns),
            "cagr": cagr(returns, periods_per_year=year),
            "sharpe": sharpe(returns, periods_per_year=year, risk_free=risk_free),
            "max_drawdown": max_drawdown(returns),
            "cost_total": float(pd.DataFrame(found.costs).to_numpy().sum()),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "multiple"
    return table


def _check(capital: float, rate: float, window: int) -> None:
    for name, value, high in (("capital", capital, math.inf), ("rate", rate, 1.0)):
        if isinstance(value, bool) or not math.isfinite(value) or not 0.0 < value <= high:
            raise ConfigError(f"{name} must be a number in (0, {high:g}]. Got {value!r}.")
    if isinstance(window, bool) or window != int(window) or window < 1:
        raise ConfigError(f"window must be a whole number of bars >= 1. Got {window!r}.")


def _average(value: pd.DataFrame, units: pd.DataFrame, window: int) -> np.ndarray:
    """Mean traded value over the bars before each bar; NaN where none is known."""
    missing = units.columns.difference(value.columns)
    if len(missing):
        raise DataInvalid(f"No traded value for {', '.join(map(str, missing[:5]))}.")
    earlier = value[units.columns].astype(float).rolling(window, min_periods=1).mean().shift(1)
    found: np.ndarray = earlier.reindex(units.index).to_numpy()
    return found


def _prices(simulation: Any, columns: pd.Index) -> np.ndarray:  # noqa: ANN401 - duck-typed
    """The last known close of each bar, 0 before the first."""
    market = simulation.problem.market
    table = pd.DataFrame(market.close, index=market.dates, columns=market.symbols)
    found: np.ndarray = table.loc[simulation.dates, columns].ffill().fillna(0.0).to_numpy()
    return found
