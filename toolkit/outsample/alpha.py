"""A signal instead of positions: what does it say about later returns, and what does it earn?

The signal of row t is known at the close of bar t. It becomes weights, which the usual engine trades, and
it is compared with forward returns. These run from the price of the first fill after the signal: with
lag 1, from bar t+1 on, so that nothing is credited that could not have been traded.

Notation: IC the Pearson correlation across names of signal and forward return, rank IC Spearman's;
ICIR = mean(IC) / sd(IC) over dates (n - 1), per date and not annualised (R. C. Grinold and R. N. Kahn,
"Active Portfolio Management", 2nd ed., 2000, chapters 4 and 6). Forward returns of more than one bar
overlap, so ICs of neighbouring dates are not independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from outsample.data import Dataset
from outsample.data.align import floats
from outsample.data.ranking import sorted_rows
from outsample.engine import Simulation, sim
from outsample.engine.market import Market, market_of
from outsample.engine.scores import WEIGHT_METHODS, buckets_of, check_method, scores_of, signal_weights
from outsample.errors import ConfigError
from outsample.metrics import information_coefficient

__all__ = ["WEIGHT_METHODS", "AlphaResult", "alpha_backtest", "analyse_signal", "forward_returns", "signal_weights"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaResult:
    """What `alpha_backtest` returns.

    Attributes
    ----------
    weights : DataFrame [date x symbol]
        Target weights made from the signal.
    simulation : Simulation
        What trading them earned, net of costs.
    ic, rank_ic : DataFrame [date x horizon]
        Correlation across names of the signal and the forward return of each horizon (bars). NaN where
        too few names have both.
    summary : DataFrame [horizon x statistic]
        mean_ic, icir, mean_rank_ic, rank_icir, hit_rate, spread, dates. ``spread`` is the mean forward return of
        the highest quantile less that of the lowest; all are means over dates.
    quantile_returns : DataFrame [horizon x quantile]
        Mean forward return by quantile of the signal, 1 the lowest.
    decay : Series [horizon]
        Mean rank IC of the signal and the return of the single bar that many bars after the fill.
    coverage : Series [date]
        Share of the names with a price that have a signal.
    half_life : float
        Bars after which the mean rank IC of a single later bar has halved, from a line through the
        logarithms of `decay`; NaN if it does not decay.
    """

    weights: pd.DataFrame
    simulation: Simulation
    ic: pd.DataFrame
    rank_ic: pd.DataFrame
    summary: pd.DataFrame
    quantile_returns: pd.DataFrame
    decay: pd.Series
    coverage: pd.Series
    half_life: float

    @property
    def equity(self) -> pd.Series:
        """Equity of the simulation."""
        return self.simulation.equity

    @property
    def returns(self) -> pd.Series:
        """Net returns of the simulation."""
        return self.simulation.returns

    @property
    def turnover(self) -> float:
        """Average turnover of a bar, as a fraction of equity."""
        return float(self.simulation.turnover.mean())

    @property
    def mean_ic(self) -> float:
        """Mean IC at the shortest horizon."""
        return float(self.summary["mean_ic"].iloc[0])

    @property
    def icir(self) -> float:
        """ICIR at the shortest horizon."""
        return float(self.summary["icir"].iloc[0])

    @property
    def hit_rate(self) -> float:
        """Hit rate at the shortest horizon."""
        return float(self.summary["hit_rate"].iloc[0])

    def to_dict(self) -> dict[str, object]:
        """Return the numbers as plain values; NaN stays NaN."""
        return {
            "horizons": {h: self.summary.loc[h].to_dict() for h in self.summary.index.tolist()},
            "coverage": float(self.coverage.mean()),
            "turnover": self.turnover,
            "half_life": self.half_life,
            "total_return": float(self.equity.iloc[-1] / self.simulation.execution.initial_capital - 1.0),
        }

    def __repr__(self) -> str:
        first = int(self.summary.index[0])
        return (
            f"<AlphaResult: mean IC {self.mean_ic:+.4f}, ICIR {self.icir:+.3f} at {first} bar(s), "
            f"coverage {self.coverage.mean():.0%}, turnover {self.turnover:.1%} a bar>"
        )


def alpha_backtest(
    signal: object,
    data: Dataset | pd.DataFrame,
    *,
    weight_method: str = "rank",
    quantiles: int = 5,
    horizons: Sequence[int] = (1, 2, 5, 10, 20),
    top_n: int = 10,
    **options: object,
) -> AlphaResult:
    """Backtest a signal and measure what it says about later returns.

    Parameters
    ----------
    signal : DataFrame [date x symbol]
        Row t is known at the close of bar t; higher is better. NaN is no opinion. Names without a price on
        a bar, or outside the dataset's universe, have no signal there.
    data : Dataset, or DataFrame of closes
    weight_method : {"rank", "zscore", "quantile", "top_n", "equal"}
        How a row becomes weights, see `signal_weights`.
    quantiles : int
        Number of groups of equal size for `quantile_returns`, the spread and ``weight_method="quantile"``.
    horizons : sequence of int
        Bars over which forward returns run.
    top_n : int
        Number of names with ``weight_method="top_n"``.
    **options
        Options of `outsample.sim`: costs, resample, trade_at_price, lag, ...

    Returns
    -------
    AlphaResult

    Raises
    ------
    ConfigError
        A method, horizon or option that is not allowed.
    DataInvalid
        No name of the signal has a price.

    Examples
    --------
    >>> dates = pd.bdate_range("2024-01-01", periods=30)
    >>> steps = np.sin(np.arange(180.0) * 7.0).reshape(30, 6) / 100
    >>> close = pd.DataFrame(100 * np.exp(steps.cumsum(axis=0)), index=dates, columns=list("ABCDEF"))
    >>> perfect = close.shift(-2) / close.shift(-1)  # the return that follows the first fill
    >>> round(float(alpha_backtest(perfect, close, horizons=(1,)).summary.loc[1, "mean_rank_ic"]), 6)
    1.0
    """
    _check_choices(weight_method, quantiles, horizons, top_n)
    market = market_of(data)
    scores = scores_of(signal, market)
    weights = signal_weights(scores, method=weight_method, quantiles=quantiles, top_n=top_n)
    simulation = sim(weights, data, **options)
    return analyse_signal(scores, weights, simulation, quantiles=quantiles, horizons=horizons)


def analyse_signal(
    scores: pd.DataFrame,
    weights: pd.DataFrame,
    simulation: Simulation,
    *,
    quantiles: int = 5,
    horizons: Sequence[int] = (1, 2, 5, 10, 20),
) -> AlphaResult:
    """Measure what a signal said about later returns, beside what trading it earned.

    Parameters
    ----------
    scores, weights : DataFrame [date x symbol]
        The signal on bars and symbols of the market, and the weights made from it.
    simulation : Simulation
        Of these weights.
    quantiles : int
    horizons : sequence of int

    Returns
    -------
    AlphaResult
    """
    market: Market = simulation.problem.market
    grid = pd.DataFrame(market.close, index=market.dates, columns=market.symbols, copy=False)
    price = pd.DataFrame(
        market.trade_price(simulation.execution.trade_at_price), index=market.dates, columns=market.symbols, copy=False
    )
    lag = simulation.execution.lag
    later = {h: forward_returns(price, h, lag=lag).loc[scores.index] for h in sorted(set(horizons))}
    buckets = buckets_of(scores, quantiles)
    ic = pd.DataFrame({h: information_coefficient(scores, table, "pearson") for h, table in later.items()})
    rank_ic = pd.DataFrame({h: information_coefficient(scores, table, "spearman") for h, table in later.items()})
    by_quantile = pd.DataFrame({h: _quantile_means(buckets, floats(t), quantiles) for h, t in later.items()}).T
    hits = {h: _hit_rate(floats(scores), floats(table)) for h, table in later.items()}
    decay = _decay(scores, price, sorted(later), lag)
    return AlphaResult(
        weights=pd.DataFrame(weights),
        simulation=simulation,
        ic=ic,
        rank_ic=rank_ic,
        summary=_summary(ic, rank_ic, hits, by_quantile),
        quantile_returns=by_quantile,
        decay=decay,
        coverage=_coverage(scores, grid),
        half_life=_half_life(decay),
    )


def forward_returns(price: pd.DataFrame, horizon: int, *, lag: int = 1) -> pd.DataFrame:
    """Return of each name over the `horizon` bars that follow the first fill of a decision.

    Parameters
    ----------
    price : DataFrame [date x symbol]
        The price of fills.
    horizon : int
        Bars.
    lag : int
        Bars between decision and fill.

    Returns
    -------
    DataFrame [date x symbol]
        Row t holds price[t + lag + horizon] / price[t + lag] - 1: for judging decisions, never for making
        them. NaN at the end and where either price is missing.
    """
    values = floats(price)
    out = np.full(values.shape, np.nan)
    bars = values.shape[1] - lag - horizon
    if bars > 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            out[:, :bars] = values[:, lag + horizon :] / values[:, lag : lag + bars] - 1.0
    out[~np.isfinite(out)] = np.nan
    return pd.DataFrame(out.T, index=price.index, columns=price.columns, copy=False)


def _check_choices(method: str, quantiles: object, horizons: Sequence[int], top_n: object) -> None:
    check_method(method)
    if not isinstance(horizons, list | tuple | range) or not horizons:
        raise ConfigError(f"horizons must be a sequence of bars such as (1, 5, 20). Got {horizons!r}.")
    for name, value, low in (("quantiles", quantiles, 2), ("top_n", top_n, 1), *(("horizons", h, 1) for h in horizons)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise ConfigError(f"{name} must be a whole number >= {low}. Got {value!r}.")


def _quantile_means(buckets: Array, later: Array, quantiles: int) -> pd.Series:
    """Mean over dates of each group's mean forward return."""
    known = ~np.isnan(later)
    means = {}
    for group in range(1, quantiles + 1):
        inside = (buckets == group) & known
        count = inside.sum(axis=0)
        daily = np.where(inside, later, 0.0).sum(axis=0)[count > 0] / count[count > 0]
        means[group] = float(daily.mean()) if len(daily) else math.nan
    return pd.Series(means)


def _hit_rate(scores: Array, later: Array) -> float:
    """Mean over dates of the share of names on the same side of the median in both."""
    both = ~np.isnan(scores) & ~np.isnan(later)
    count = both.sum(axis=0)
    s, r = (np.where(both, values, np.nan) for values in (scores, later))
    same = np.sign(s - _medians(s, count)) == np.sign(r - _medians(r, count))
    enough = count >= 2
    return float(np.mean((same & both).sum(axis=0)[enough] / count[enough])) if enough.any() else math.nan


def _medians(values: Array, count: Array) -> Array:
    ordered = sorted_rows(values)
    rows = np.arange(len(ordered))
    middle: Array = 0.5 * (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2])
    return middle


def _summary(
    ic: pd.DataFrame, rank_ic: pd.DataFrame, hits: dict[int, float], by_quantile: pd.DataFrame
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "mean_ic": ic.mean(),
            "icir": _ratio(ic),
            "mean_rank_ic": rank_ic.mean(),
            "rank_icir": _ratio(rank_ic),
            "hit_rate": pd.Series(hits),
            "spread": by_quantile.iloc[:, -1] - by_quantile.iloc[:, 0],
            "dates": ic.notna().sum(),
        }
    )
    table.index.name = "horizon"
    return table


def _ratio(table: pd.DataFrame) -> pd.Series:
    spread = table.std(ddof=1)
    # A constant IC leaves rounding noise, which is no deviation.
    return table.mean() / spread.where(spread > 1e-12)


def _coverage(scores: pd.DataFrame, grid: pd.DataFrame) -> pd.Series:
    priced = grid.loc[scores.index].notna().sum(axis=1)
    share = scores.notna().sum(axis=1) / priced.where(priced > 0)
    return share.rename("coverage")


def _decay(scores: pd.DataFrame, price: pd.DataFrame, horizons: Sequence[int], lag: int) -> pd.Series:
    found = {}
    for horizon in horizons:
        single = forward_returns(price, 1, lag=lag + horizon - 1).loc[scores.index]
        found[horizon] = float(information_coefficient(scores, single, "spearman").mean())
    return pd.Series(found, name="decay")


def _half_life(decay: pd.Series) -> float:
    known = decay.dropna()
    known = known[np.sign(known) == np.sign(known.iloc[0])] if len(known) else known
    known = known[known != 0]
    if len(known) < 2:
        return math.nan
    slope = float(np.polyfit(known.index.to_numpy(dtype=np.float64), np.log(known.abs().to_numpy()), 1)[0])
    return math.log(2.0) / -slope if slope < 0 else math.nan
