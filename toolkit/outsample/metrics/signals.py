"""Information coefficients of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from outsample.checks import check_choice

__all__ = ["half_life", "information_coefficient"]


def information_coefficient(
    signal: pd.DataFrame, forward_returns: pd.DataFrame, method: str = "spearman", min_names: int = 5
) -> pd.Series:
    """Return the correlation of signal and later return across names, per date.

    Parameters
    ----------
    signal, forward_returns : DataFrame [date x symbol]
        Only names with both count; NaN where fewer than `min_names` have both, or either does not vary.
    method : {"spearman", "pearson"}
        Ranks are averaged over ties.
    min_names : int
    """
    check_choice("method", method, ("spearman", "pearson"))
    later = pd.DataFrame(forward_returns).reindex(index=signal.index, columns=signal.columns)
    one, two = pd.DataFrame(signal).astype(float), later.astype(float)
    both = one.notna() & two.notna()
    one, two = one.where(both), two.where(both)
    if method == "spearman":
        one, two = one.rank(axis=1), two.rank(axis=1)
    count = both.sum(axis=1).to_numpy()
    x, y = (_centred(table.to_numpy(), count) for table in (one, two))
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    defined = (count >= max(min_names, 2)) & (scale > 0.0)
    values = np.divide((x * y).sum(axis=1), scale, out=np.full(len(scale), np.nan), where=defined)
    return pd.Series(np.clip(values, -1.0, 1.0), index=signal.index, name="ic")


def _centred(table: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Deviations from the row's mean, 0 where missing or where the row varies only by rounding."""
    mean = np.nansum(table, axis=1) / np.maximum(count, 1)
    deviation = np.where(np.isnan(table), 0.0, table - mean[:, None])
    size = np.abs(np.where(np.isnan(table), 0.0, table)).max(axis=1, initial=0.0)
    flat = np.abs(deviation).max(axis=1, initial=0.0) <= 1e-12 * size
    return np.where(flat[:, None], 0.0, deviation)


def half_life(ic_by_horizon: Sequence[float]) -> float:
    """Return the horizon over which an exponential decay of IC halves, by a log-linear fit.

    Parameters
    ----------
    ic_by_horizon : sequence
        Mean IC at horizons 1, 2, ...; NaN unless at least two are positive and they decay.
    """
    values = np.asarray(ic_by_horizon, dtype=float)
    known = np.flatnonzero(values > 0.0)
    if len(known) < 2:
        return math.nan
    slope = float(np.polyfit(known + 1.0, np.log(values[known]), 1)[0])
    return -math.log(2.0) / slope if slope < 0.0 else math.nan
