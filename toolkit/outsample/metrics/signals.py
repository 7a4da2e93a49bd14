"""Signals against later returns, across names.

Every table is [date x symbol]. A signal of row t is what was known at the close of bar t; forward returns of row
t are what could be earned after it, and are used for judging only. Names that lack either do not count. IC: the
correlation across names of signal and forward return on one date (Grinold and Kahn, 2000, chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from outsample.checks import check_choice
from outsample.errors import ConfigError, DataInvalid
from outsample.metrics.values import spread_of

__all__ = [
    "coverage",
    "half_life",
    "hit_rate",
    "ic_by_horizon",
    "ic_summary",
    "information_coefficient",
    "long_short_spread",
    "quantile_returns",
    "quantile_turnover",
    "rank_autocorrelation",
]


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
    one, two = _pair(signal, forward_returns)
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


def ic_summary(ic: pd.Series, horizon: int = 1) -> dict[str, float]:
    """Return the statistics of a series of ICs.

    Parameters
    ----------
    ic : Series [date]
        NaN dates are left out.
    horizon : int
        Bars over which the forward returns ran. Those of neighbouring dates overlap, which the t value allows
        for by a Newey-West variance with horizon - 1 lags (1987).

    Returns
    -------
    dict
        mean, sd (n - 1), icir = mean / sd (per date, not annualised), t, positive_share, dates. NaN where fewer
        than two dates are known or the IC does not vary.

    Examples
    --------
    >>> {name: round(value, 4) for name, value in ic_summary(pd.Series([0.1, 0.0, 0.2, 0.1])).items()}
    {'mean': 0.1, 'sd': 0.0816, 'icir': 1.2247, 't': 2.8284, 'positive_share': 0.75, 'dates': 4.0}
    """
    from outsample.stats.moments import long_run_covariance

    if isinstance(horizon, bool) or horizon != int(horizon) or horizon < 1:
        raise ConfigError(f"horizon must be a whole number of bars >= 1. Got {horizon!r}.")
    x = np.asarray(ic, dtype=float)
    x = x[~np.isnan(x)]
    n = len(x)
    mean, spread = float(x.mean()) if n else math.nan, spread_of(x)
    known = n > 1 and spread > 0.0
    lags = min(int(horizon) - 1, n - 1)
    variance = float(long_run_covariance(x[:, None], lags)[0, 0]) if known else 0.0
    return {
        "mean": mean,
        "sd": spread,
        "icir": mean / spread if known else math.nan,
        "t": mean / math.sqrt(variance / n) if variance > 0.0 else math.nan,
        "positive_share": float((x > 0.0).mean()) if n else math.nan,
        "dates": float(n),
    }


def ic_by_horizon(
    signal: pd.DataFrame, forward_returns: Mapping[int, pd.DataFrame], *, method: str = "spearman", min_names: int = 5
) -> pd.DataFrame:
    """Return `ic_summary` for each horizon; each uses all dates of its own, whatever the others are.

    Parameters
    ----------
    signal : DataFrame [date x symbol]
    forward_returns : mapping of horizon in bars to DataFrame [date x symbol]
    method, min_names
        As in `information_coefficient`.

    Returns
    -------
    DataFrame [horizon x statistic]
    """
    found = {
        int(horizon): ic_summary(information_coefficient(signal, table, method, min_names), horizon)
        for horizon, table in sorted(forward_returns.items())
    }
    table = pd.DataFrame.from_dict(found, orient="index")
    table.index.name = "horizon"
    return table


def hit_rate(signal: pd.DataFrame, forward_returns: pd.DataFrame) -> pd.Series:
    """Return the share of names on the same side of the median in signal and later return, per date.

    NaN where fewer than two names have both. A name at the median of both counts as a hit.
    """
    one, two = _pair(signal, forward_returns)
    both = one.notna() & two.notna()
    sides = [np.sign(table.where(both).sub(table.where(both).median(axis=1), axis=0)) for table in (one, two)]
    count = both.sum(axis=1)
    same = ((sides[0] == sides[1]) & both).sum(axis=1)
    share: pd.Series = same / count.where(count >= 2)
    return share.rename("hit_rate")


def coverage(signal: pd.DataFrame, members: pd.DataFrame) -> pd.Series:
    """Return the share of names with a signal among those that count, per date.

    Parameters
    ----------
    signal : DataFrame [date x symbol]
    members : DataFrame [date x symbol]
        Who counts: a boolean table, or prices (names with a price). NaN where nobody does.
    """
    table = pd.DataFrame(members).reindex(index=signal.index, columns=signal.columns)
    counted = table.notna() & (table != False)  # noqa: E712 - element-wise, also on objects
    number = counted.sum(axis=1)
    return ((signal.notna() & counted).sum(axis=1) / number.where(number > 0)).rename("coverage")


def quantile_returns(signal: pd.DataFrame, forward_returns: pd.DataFrame, quantiles: int = 5) -> pd.DataFrame:
    """Return the mean later return of each quantile of the signal, per date.

    Parameters
    ----------
    signal, forward_returns : DataFrame [date x symbol]
    quantiles : int
        Groups of equal size by rank among the names with a signal, 1 the lowest; equal values share a group.

    Returns
    -------
    DataFrame [date x quantile]
        NaN where a group has no name with a return.
    """
    one, later = _pair(signal, forward_returns)
    groups, values = _groups(one, quantiles), later.to_numpy()
    columns = {}
    for group in range(1, quantiles + 1):
        inside = (groups == group) & ~np.isnan(values)
        count = inside.sum(axis=1)
        total = np.where(inside, values, 0.0).sum(axis=1)
        columns[group] = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    return pd.DataFrame(columns, index=signal.index).rename_axis(columns="quantile")


def long_short_spread(signal: pd.DataFrame, forward_returns: pd.DataFrame, quantiles: int = 5) -> pd.Series:
    """Return the mean later return of the highest quantile less that of the lowest, per date."""
    table = quantile_returns(signal, forward_returns, quantiles)
    return (table[quantiles] - table[1]).rename("spread")


def rank_autocorrelation(signal: pd.DataFrame, lag: int = 1, min_names: int = 5) -> pd.Series:
    """Return the rank correlation of the signal with itself `lag` rows earlier, per date; NaN on the first rows."""
    if isinstance(lag, bool) or lag != int(lag) or lag < 1:
        raise ConfigError(f"lag must be a whole number of rows >= 1. Got {lag!r}.")
    found = information_coefficient(signal, pd.DataFrame(signal).shift(int(lag)), "spearman", min_names)
    return found.rename("rank_autocorrelation")


def quantile_turnover(signal: pd.DataFrame, quantiles: int = 5) -> pd.DataFrame:
    """Return the share of each quantile's names that were not in it on the row before.

    Returns
    -------
    DataFrame [date x quantile]
        NaN on the first row and where the quantile is empty.
    """
    groups = _groups(pd.DataFrame(signal).astype(float), quantiles)
    columns = {}
    for group in range(1, quantiles + 1):
        inside = groups == group
        count = inside.sum(axis=1).astype(float)
        fresh = (inside[1:] & ~inside[:-1]).sum(axis=1)
        share = np.full(len(groups), np.nan)
        share[1:] = np.divide(fresh, count[1:], out=np.full(len(fresh), np.nan), where=count[1:] > 0)
        columns[group] = share
    return pd.DataFrame(columns, index=signal.index).rename_axis(columns="quantile")


def half_life(ic_by_horizon: Sequence[float], horizons: Sequence[float] | None = None) -> float:
    """Return the horizon over which an exponential decay of IC halves, by a log-linear fit.

    Parameters
    ----------
    ic_by_horizon : sequence
        Mean IC at each horizon; NaN unless at least two are positive and they decay.
    horizons : sequence, optional
        In bars; by default 1, 2, 3, ...

    Raises
    ------
    DataInvalid
        Not one horizon for each IC.

    Examples
    --------
    >>> round(half_life([0.08, 0.04, 0.01], horizons=[1, 2, 4]), 6)
    1.0
    """
    values = np.asarray(ic_by_horizon, dtype=float)
    places = np.arange(1.0, len(values) + 1.0) if horizons is None else np.asarray(horizons, dtype=float)
    if len(places) != len(values):
        raise DataInvalid(f"Each IC needs its horizon. Got {len(values)} ICs and {len(places)} horizons.")
    known = values > 0.0
    if known.sum() < 2:
        return math.nan
    slope = float(np.polyfit(places[known], np.log(values[known]), 1)[0])
    return -math.log(2.0) / slope if slope < 0.0 else math.nan


def _pair(signal: pd.DataFrame, forward_returns: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    later = pd.DataFrame(forward_returns).reindex(index=signal.index, columns=signal.columns)
    return pd.DataFrame(signal).astype(float), later.astype(float)


def _groups(signal: pd.DataFrame, quantiles: int) -> np.ndarray:
    """Quantile of each value in its row, from 1; 0 without a value."""
    if isinstance(quantiles, bool) or quantiles != int(quantiles) or quantiles < 2:
        raise ConfigError(f"quantiles must be a whole number >= 2. Got {quantiles!r}.")
    shares = signal.rank(axis=1, pct=True).to_numpy() * quantiles
    found: np.ndarray = np.nan_to_num(np.ceil(shares)).astype(int)
    return found


def _centred(table: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Deviations from the row's mean, 0 where missing or where the row varies only by rounding."""
    mean = np.nansum(table, axis=1) / np.maximum(count, 1)
    deviation = np.where(np.isnan(table), 0.0, table - mean[:, None])
    size = np.abs(np.where(np.isnan(table), 0.0, table)).max(axis=1, initial=0.0)
    flat = np.abs(deviation).max(axis=1, initial=0.0) <= 1e-12 * size
    return np.where(flat[:, None], 0.0, deviation)
