"""`measure`: the policies (NaN, short spans, ruin, reasons) on top of the bare formulas."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd

from outsample.config import Conventions
from outsample.errors import DataInvalid
from outsample.metrics import values as v
from outsample.metrics.benchmarks import benchmark_metrics
from outsample.metrics.trading import exposure_metrics, trade_metrics
from outsample.stats import probabilistic_sharpe, sharpe_standard_error

__all__ = ["Metrics", "measure"]

NAN = math.nan
Z95 = 1.959963984540054
# What is a rate per year; not shown for spans shorter than a year.
_ANNUAL = (
    "cagr", "annual_mean", "volatility", "downside_deviation", "sharpe", "sharpe_low", "sharpe_high", "sortino",
    "calmar", "martin", "annual_turnover", "cost_drag",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """Statistics of returns, net of costs; every NaN has a code in `reasons`.

    Fractions, never percent; losses negative. `flags` tells what a reader must know: "ruin", "under_one_year".
    `kurtosis` is raw (normal = 3). `sharpe_low` and `sharpe_high` are the 95 % HAC interval. Fields of trades
    and exposure need a simulation, those of the benchmark a benchmark.
    """

    n_bars: int = 0
    periods_per_year: float = 252.0
    total_return: float = NAN
    cagr: float = NAN
    annual_mean: float = NAN
    best_bar: float = NAN
    worst_bar: float = NAN
    positive_bars: float = NAN
    volatility: float = NAN
    downside_deviation: float = NAN
    sharpe: float = NAN
    sharpe_low: float = NAN
    sharpe_high: float = NAN
    sharpe_per_period: float = NAN
    probabilistic_sharpe: float = NAN
    sortino: float = NAN
    omega: float = NAN
    calmar: float = NAN
    gain_to_pain: float = NAN
    ulcer_index: float = NAN
    martin: float = NAN
    pain_index: float = NAN
    stability: float = NAN
    value_at_risk: float = NAN
    conditional_value_at_risk: float = NAN
    tail_ratio: float = NAN
    skewness: float = NAN
    kurtosis: float = NAN
    autocorrelation: float = NAN
    max_drawdown: float = NAN
    conditional_drawdown_at_risk: float = NAN
    time_under_water: float = NAN
    n_trades: int | None = None
    win_rate: float = NAN
    payoff: float = NAN
    profit_factor: float = NAN
    expectancy: float = NAN
    sqn: float = NAN
    kelly: float = NAN
    max_consecutive_wins: float = NAN
    max_consecutive_losses: float = NAN
    largest_win_share: float = NAN
    average_bars_held: float = NAN
    max_bars_held: float = NAN
    annual_turnover: float = NAN
    time_in_market: float = NAN
    average_gross: float = NAN
    average_net: float = NAN
    cost_total: float = NAN
    cost_drag: float = NAN
    active_return: float = NAN
    tracking_error: float = NAN
    information_ratio: float = NAN
    beta: float = NAN
    alpha: float = NAN
    r_squared: float = NAN
    treynor: float = NAN
    specific_risk: float = NAN
    up_capture: float = NAN
    down_capture: float = NAN
    reasons: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """Return plain values: NaN and infinities are None, with the reason in "reasons"."""
        found: dict[str, object] = {}
        reasons = dict(self.reasons)
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, float) and not math.isfinite(value):
                reasons.setdefault(item.name, "infinite" if math.isinf(value) else "undefined")
                value = None
            found[item.name] = value
        return {**found, "reasons": reasons, "flags": list(self.flags)}


def measure(  # noqa: PLR0913 - pinned
    returns_or_simulation: object,
    *,
    trades: pd.DataFrame | None = None,
    benchmark: object = None,
    periods_per_year: float | None = None,
    risk_free: float = 0.0,
    nan_policy: str = "raise",
    conventions: Conventions | None = None,
) -> Metrics:
    """Measure returns, or a simulation.

    Parameters
    ----------
    returns_or_simulation : Series, array-like or Simulation
        Net returns of bars, or what has `returns`, `trades`, `exposure`, `turnover`, `costs`.
    trades : DataFrame, optional
        With pnl, and bars and open if known; by default the simulation's.
    benchmark : Series or array-like, optional
        Returns; compared on shared dates.
    periods_per_year : float, optional
        None: the simulation's, or 252 for bare returns.
    risk_free : float
        Annual.
    nan_policy : {"raise", "zero", "drop"}
    conventions : Conventions, optional
        Takes the place of `risk_free`, `nan_policy` and, if it has one, `periods_per_year`.

    Raises
    ------
    DataInvalid
        NaN in returns under "raise", or infinities.

    Examples
    --------
    >>> measure([0.02, -0.01] * 126).max_drawdown
    -0.01...
    """
    used = conventions or Conventions(
        risk_free=risk_free,
        periods_per_year=periods_per_year,
        nan_policy=cast(Any, nan_policy),  # checked by Conventions
    )
    source: Any = returns_or_simulation
    simulated = hasattr(source, "returns") and hasattr(source, "equity")
    year = used.periods_per_year or periods_per_year or (float(source.periods_per_year) if simulated else 252.0)
    returns = _clean(source.returns if simulated else source, used.nan_policy)
    x = returns.to_numpy(dtype=float)
    found = _of_returns(x, year, used.risk_free) if len(x) else {}
    closed = source.trades if trades is None and simulated else trades
    n_trades = None if closed is None else len(closed)
    if closed is not None:
        if "open" in closed:
            closed = closed[~closed["open"].astype(bool)]
        found |= trade_metrics(closed["pnl"], bars=closed.get("bars"))
    if simulated:
        found |= exposure_metrics(source, year)
    if benchmark is not None and len(x):
        theirs = benchmark if isinstance(source, np.ndarray | list) else _clean(benchmark, used.nan_policy)
        found |= benchmark_metrics(
            returns if isinstance(theirs, pd.Series) else x, theirs, periods_per_year=year, risk_free=used.risk_free
        )
    short = _under_one_year(returns, len(x), year) and not used.annualise_short
    flags = [name for name, raised in (("ruin", bool((x <= -1.0).any())), ("under_one_year", short)) if raised]
    if short:
        found |= dict.fromkeys(_ANNUAL, NAN)
    context = _Context(n=len(x), short=short, trades=n_trades, simulated=simulated, benchmark=benchmark is not None)
    reasons = _reasons(found, context)
    return Metrics(
        n_bars=len(x), periods_per_year=year, n_trades=n_trades, reasons=reasons, flags=tuple(flags), **found
    )


def _under_one_year(returns: object, n: int, year: float) -> bool:
    """Fewer returns than a year has, and no year by the calendar (in which holidays differ)."""
    if n >= year:
        return False
    dates = returns.index if isinstance(returns, pd.Series) else None
    spanned = isinstance(dates, pd.DatetimeIndex) and n > 0.9 * year and (dates[-1] - dates[0]).days >= 360
    return not spanned


def _clean(returns: object, policy: str) -> pd.Series:
    series = returns if isinstance(returns, pd.Series) else pd.Series(np.asarray(returns, dtype=float))
    x = series.to_numpy(dtype=float)
    if np.isinf(x).any():
        raise DataInvalid("The returns hold infinities.", hint="Look for a price of 0.")
    missing = np.isnan(x)
    if not missing.any():
        return series
    if policy == "raise":
        raise DataInvalid(
            f"{int(missing.sum())} of {len(x)} returns are NaN.",
            hint="Choose nan_policy='zero' or 'drop', or fill them.",
        )
    return series.fillna(0.0) if policy == "zero" else series[~missing]


def _of_returns(x: np.ndarray, year: float, risk_free: float) -> dict[str, float]:
    rates = {"periods_per_year": year, "risk_free": risk_free}
    excess = x - ((1.0 + risk_free) ** (1.0 / year) - 1.0)
    sharpe, path = v.sharpe(x, **rates), v.drawdown_path(x)
    single = sharpe / math.sqrt(year)
    known = len(x) > 2 and not math.isnan(sharpe)
    margin = Z95 * sharpe_standard_error(returns=excess, method="hac") * math.sqrt(year) if known else NAN
    skewness, kurtosis = v.skewness(x), v.kurtosis(x)
    lagged = known and min(x[1:].std(), x[:-1].std()) > v.ROUNDING
    named = ("tail_ratio", "omega", "ulcer_index", "pain_index", "stability", "value_at_risk", "gain_to_pain")
    found = {name: getattr(v, name)(x) for name in (*named, "conditional_value_at_risk", "total_return")}
    found["omega"] = v.omega(x, **rates)
    yearly = {name: getattr(v, name)(x, periods_per_year=year) for name in ("cagr", "volatility", "calmar")}
    risky = {name: getattr(v, name)(x, **rates) for name in ("downside_deviation", "sortino", "martin")}
    return found | yearly | risky | {
        "annual_mean": float(x.mean()) * year,
        "best_bar": float(x.max()),
        "worst_bar": float(x.min()),
        "positive_bars": float((x > 0.0).mean()),
        "sharpe": sharpe,
        "sharpe_low": sharpe - margin,
        "sharpe_high": sharpe + margin,
        "sharpe_per_period": single,
        "probabilistic_sharpe": probabilistic_sharpe(single, len(x), skewness=skewness, kurtosis=kurtosis),
        "skewness": skewness,
        "kurtosis": kurtosis,
        "autocorrelation": float(np.corrcoef(x[1:], x[:-1])[0, 1]) if lagged else NAN,
        "max_drawdown": float(path.min()),
        "conditional_drawdown_at_risk": v.conditional_value_at_risk(path),
        "time_under_water": float((path < 0.0).mean()),
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Context:
    n: int
    short: bool
    trades: int | None
    simulated: bool
    benchmark: bool


_OF_TRADES = frozenset(trade_metrics([]))
_OF_EXPOSURE = frozenset(
    {"annual_turnover", "time_in_market", "average_gross", "average_net", "cost_total", "cost_drag"}
)
_OF_BENCHMARK = frozenset(benchmark_metrics([], []))


def _reasons(found: Mapping[str, float], context: _Context) -> dict[str, str]:
    reasons = {}
    for item in dataclasses.fields(Metrics):
        value = found.get(item.name, item.default)
        if isinstance(value, float) and math.isnan(value):
            reasons[item.name] = _reason(item.name, context)
    return reasons


def _reason(name: str, context: _Context) -> str:
    if name in _OF_TRADES:
        return "trades_not_given" if context.trades is None else ("no_trades" if not context.trades else "undefined")
    if name in _OF_EXPOSURE and not context.simulated:
        return "needs_simulation"
    if name in _OF_BENCHMARK and not context.benchmark:
        return "no_benchmark"
    if context.n < 2:
        return ("no_observations", "one_observation")[context.n]
    if context.short and name in _ANNUAL:
        return "under_one_year"
    return {"calmar": "no_drawdown", "martin": "no_drawdown", "stability": "no_variance_or_ruin"}.get(
        name, "no_variance"
    )
