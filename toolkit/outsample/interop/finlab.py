"""finlab's ``sim`` outside strategies: its names, defaults and arithmetic, on our engine."""

from __future__ import annotations

from typing import Any

import pandas as pd

from outsample.config import FINLAB_DEFAULTS, option_names
from outsample.data import Dataset
from outsample.engine import Simulation
from outsample.engine import sim as simulate_positions
from outsample.errors import ConfigError, nearest
from outsample.sandbox.answers import FINLAB_PRESENTATION

__all__ = ["sim"]


def sim(
    position: object,
    close: pd.DataFrame | Dataset,
    resample: object = None,
    *,
    open: pd.DataFrame | None = None,  # noqa: A002 - finlab's own name
    high: pd.DataFrame | None = None,
    low: pd.DataFrame | None = None,
    **options: object,
) -> Simulation:
    """Simulate a table of positions as finlab would.

    Parameters
    ----------
    position : DataFrame [date x symbol]
        bool or weights; row t is decided with the close of bar t.
    close : DataFrame [date x symbol] of adjusted closes, or Dataset
    resample : str or dates, optional
        finlab's frequencies ("M", "W", "Q", ...).
    open, high, low : DataFrame, optional
        For ``trade_at_price`` and ``touched_exit`` when `close` is a frame.
    **options
        Options of ``sim``; fee_ratio 0.001425, tax_ratio 0.003 and costs taken out of the position, unless
        said otherwise. What finlab's ``sim`` uses for its display alone (name, upload, ...) is ignored.

    Returns
    -------
    Simulation

    Raises
    ------
    ConfigError
        An unknown option (the nearest is named).
    DataInvalid, DataMissing
        Positions or prices that cannot be used.

    Examples
    --------
    >>> dates = pd.bdate_range("2024-01-01", periods=4)
    >>> close = pd.DataFrame({"A": [10.0, 10.0, 11.0, 11.0]}, index=dates)
    >>> float(sim(close > 0, close).equity.iloc[-1].round(5))
    1.09843
    """
    given = {name: value for name, value in options.items() if name not in FINLAB_PRESENTATION}
    known = (*option_names(), "engine")
    for name in given:
        if name not in known:
            raise ConfigError(f"sim has no option {name!r}.", hint=nearest(name, known))
    merged: dict[str, Any] = {**FINLAB_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
    return simulate_positions(position, _prices(close, open, high, low), resample=resample, **merged)


def _prices(close: pd.DataFrame | Dataset, *others: pd.DataFrame | None) -> pd.DataFrame | Dataset:
    frames = {name: frame for name, frame in zip(("open", "high", "low"), others, strict=True) if frame is not None}
    if isinstance(close, Dataset):
        if frames:
            raise ConfigError(
                "open, high and low come from the dataset.", hint="Leave them out, or pass close as a frame."
            )
        return close
    return close if not frames else Dataset.from_frames({"close": close, **frames}, name="finlab")
