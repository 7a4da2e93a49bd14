"""Scores become weights: the first half of the alpha mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from outsample.data.align import fitted, floats, truth
from outsample.data.frame import StrategyFrame
from outsample.data.normalise import as_pandas
from outsample.data.ranking import rank_rows, top_rows
from outsample.engine.market import Market
from outsample.errors import ConfigError, DataInvalid, nearest

__all__ = ["WEIGHT_METHODS", "buckets_of", "check_method", "scores_of", "signal_weights"]

Array = np.ndarray[Any, Any]
WEIGHT_METHODS = ("rank", "zscore", "quantile", "top_n", "equal")


def check_method(method: str) -> None:
    """Raise ConfigError unless this is a weight method."""
    if method not in WEIGHT_METHODS:
        allowed = ", ".join(map(repr, WEIGHT_METHODS))
        raise ConfigError(
            f"weight_method must be one of {allowed}. Got {method!r}.", hint=nearest(str(method), WEIGHT_METHODS)
        )


def scores_of(signal: object, market: Market) -> StrategyFrame:
    """Return the signal on the bars and symbols of the market, where a name has a price and is a member.

    Parameters
    ----------
    signal : DataFrame [date x symbol], or Series of one symbol
    market : Market

    Returns
    -------
    StrategyFrame [date x symbol], float64
        NaN where there is no opinion.

    Raises
    ------
    DataInvalid
        No name of the signal has a price, or no date of it is a bar.
    """
    grid = pd.DataFrame(market.close, index=market.dates, columns=market.symbols, copy=False)
    universe = market.universe
    table = as_pandas(signal)
    if isinstance(table, pd.Series):
        table = table.to_frame(grid.columns[0] if grid.shape[1] == 1 else table.name)
    if not isinstance(table.index, pd.DatetimeIndex) or not table.columns.isin(grid.columns).any():
        raise DataInvalid(
            "A signal is a DataFrame [date x symbol] with symbols of the data; none of its names has a price.",
            hint=f"Symbols of the data: {', '.join(map(str, grid.columns[:5]))}, ...",
        )
    bars = grid.index[grid.index.isin(table.index)]
    if not len(bars):
        raise DataInvalid("No date of the signal is a bar of the data.")
    prices = grid.loc[bars]
    values = np.where(np.isfinite(floats(prices)), floats(fitted(StrategyFrame(table), prices, "signal")), np.nan)
    if universe is not None:
        values = np.where(truth(fitted(StrategyFrame(universe), prices, "universe")), values, np.nan)
    values[~np.isfinite(values)] = np.nan
    return StrategyFrame(values.T, index=prices.index, columns=prices.columns, copy=False)


def signal_weights(signal: pd.DataFrame, *, method: str = "rank", quantiles: int = 5, top_n: int = 10) -> StrategyFrame:
    """Turn a signal into target weights, row by row.

    Parameters
    ----------
    signal : DataFrame [date x symbol]
        NaN gets no weight.
    method : str
        "rank": ranks less their mean, scaled to sum |w| = 1. "zscore": the same with the signal itself.
        "quantile": long the highest, short the lowest of `quantiles` groups, equal weights, half of the
        gross each. "top_n": the `top_n` highest, equal weights. "equal": all names with a signal above 0
        (or True), equal weights.
    quantiles, top_n : int
        See `method`.

    Returns
    -------
    StrategyFrame [date x symbol], float64
        Rows without enough names, or in which all values are equal, are 0.
    """
    frame = StrategyFrame(signal)
    values = floats(frame)
    if method == "top_n":
        return _scaled(frame, top_rows(values, top_n, largest=True).astype(np.float64))
    if method == "equal":
        return _scaled(frame, (np.nan_to_num(values) > 0).astype(np.float64))
    if method == "quantile":
        groups = buckets_of(frame, quantiles)
        sides = []
        for side in (groups == quantiles, groups == 1):
            count = side.sum(axis=0)
            sides.append(np.where(side, 1.0 / np.maximum(count, 1), 0.0) * (count > 0))
        both = sides[0].any(axis=0) & sides[1].any(axis=0)
        return _scaled(frame, (sides[0] - sides[1]) * both)
    if method == "rank":
        values = rank_rows(values, "average", ascending=True, as_fraction=False)
    known = np.isfinite(values)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, values - mean, 0.0)
    # Rounding noise of equal values is no opinion.
    centred[:, np.abs(centred).max(axis=0, initial=0.0) <= 1e-13 * np.abs(mean)] = 0.0
    return _scaled(frame, centred)


def buckets_of(frame: pd.DataFrame, quantiles: int) -> Array:
    """Return each value's group in its row, 1 (lowest) to `quantiles`; 0 without a value. Equal values share one."""
    shares = rank_rows(floats(frame), "average", ascending=True, as_fraction=True)
    groups = np.ceil(np.round(shares * quantiles, 9))
    return np.where(np.isnan(groups), 0, groups).astype(np.int64)


def _scaled(frame: pd.DataFrame, values: Array) -> StrategyFrame:
    gross = np.abs(values).sum(axis=0)
    shares = values / np.where(gross > 0, gross, 1.0)
    return StrategyFrame(shares.T, index=frame.index, columns=frame.columns, copy=False)
