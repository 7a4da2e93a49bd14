"""From a selection to weights: by volatility, to a target volatility, with a limit per name.

Notation: w_i weight of name i, s_i its volatility, s_p volatility of the portfolio, P periods per year.
A selection or weights are read as the engine reads them: w / max(sum |w|, 1), k True names are 1/k each.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd

from outsample.data import operators
from outsample.data.align import fitted, floats
from outsample.data.base import BaseFrame, made, whole
from outsample.errors import ConfigError

__all__ = ["SizingMethods"]

Array = np.ndarray[Any, Any]

_PRICES = {f"{raw}{name}" for raw in ("", "raw_") for name in ("open", "high", "low", "close")}


class SizingMethods(BaseFrame):
    """Methods of `StrategyFrame` that turn selections into weights."""

    def inverse_volatility(self, window: int, *, price: pd.DataFrame | None = None) -> Self:
        """Weights proportional to 1 / volatility, with the gross weight of each row kept.

        Called on a selection or on weights. Called on prices as they come from the dataset, it weighs all
        names that have a price.

        Parameters
        ----------
        window : int
            Bars of the standard deviation of returns (n - 1), this one included; at least window // 2
            returns (and two) are needed.
        price : DataFrame [date x symbol], optional
            The dataset's adjusted closes by default.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            w_i / s_i, scaled so that sum |w| of the row is what it was. A name without a volatility, or
            with none at all (s_i = 0), gets 0.
        """
        window = whole("window", window)
        selection, price = self._selection(price)
        weights = _weights(selection)
        closes = floats(fitted(price, self, "price"))
        spread = operators.rolling_std(_returns(closes), window, max(2, window // 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            raw = np.where(spread > 0, weights / spread, 0.0)
            factor = np.abs(weights).sum(axis=0) / np.abs(raw).sum(axis=0)
        return made(self, raw * np.where(np.isfinite(factor), factor, 0.0))

    def scale_to_volatility(
        self,
        target: float,
        window: int = 60,
        cap: float = 1.0,
        *,
        price: pd.DataFrame | None = None,
        periods_per_year: float | None = None,
    ) -> Self:
        """Scale each row to a target volatility.

        Parameters
        ----------
        target : float
            Annual volatility as a fraction: 0.1 is 10 %.
        window : int
            Bars over which the volatility of *this row's* weights is measured (n - 1), this one included;
            at least window // 2 returns (and two) are needed.
        cap : float
            Largest gross weight sum |w| after scaling; above 1 needs ``sim(..., leverage=...)``.
        price : DataFrame [date x symbol], optional
            The dataset's adjusted closes by default.
        periods_per_year : float, optional
            The dataset's by default, 252 without one.

        Returns
        -------
        StrategyFrame [date x symbol], float64
            w x min(target / (s_p sqrt P), cap / sum |w|). Missing returns count as 0. Rows without a
            volatility yet are 0.
        """
        window = whole("window", window)
        target, cap = _positive("target", target), _positive("cap", cap)
        known = 252.0 if self._context is None else self._context.periods_per_year
        yearly = known if periods_per_year is None else _positive("periods_per_year", periods_per_year)
        selection, price = self._selection(price)
        weights = _weights(selection)
        closes = floats(fitted(price, self, "price"))
        spread = operators.portfolio_volatility(weights, _returns(closes), window, max(2, window // 2))
        gross = np.abs(weights).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.minimum(target / (spread * np.sqrt(yearly)), cap / gross)
        return made(self, weights * np.where(np.isfinite(factor), factor, 0.0))

    def cap(self, w: float) -> Self:
        """Limit the weight of every name to +-`w`; what is cut off stays cash.

        Parameters
        ----------
        w : float
            Largest absolute weight of one name.

        Returns
        -------
        StrategyFrame [date x symbol], float64
        """
        w = _positive("w", w)
        return made(self, np.clip(_weights(self), -w, w))

    def _selection(self, price: pd.DataFrame | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What to weigh, and by which prices; prices straight from a dataset stand for all names that have one."""
        if price is None and self._source in _PRICES:
            return self.notna(), self
        return self, self._prices(price)


def _weights(frame: pd.DataFrame) -> Array:
    values = np.nan_to_num(floats(frame), nan=0.0, posinf=0.0, neginf=0.0)
    scaled: Array = values / np.maximum(np.abs(values).sum(axis=0), 1.0)
    return scaled


def _returns(closes: Array) -> Array:
    # Over the last known price, which may be several bars old; NaN where there is no price today.
    known = np.isfinite(closes)
    places = np.maximum.accumulate(np.where(known, np.arange(closes.shape[1]), 0), axis=1)
    carried = np.take_along_axis(closes, places, axis=1)
    out = np.full(closes.shape, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[:, 1:] = closes[:, 1:] / carried[:, :-1] - 1.0
    return out


def _positive(name: str, value: object) -> float:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not 0 < float(value) < np.inf:  # type: ignore[arg-type]
        raise ConfigError(f"{name} must be a number > 0. Got {value!r}.")
    return float(value)  # type: ignore[arg-type]
