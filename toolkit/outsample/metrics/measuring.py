"""`measure`: the policies (NaN, short spans, ruin, reasons) on top of the bare formulas."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pandas as pd

from outsample.config import Conventions
from outsample.errors import DataInvalid
from outsample.metrics import falls, tails
from outsample.metrics import values as v
from outsample.metrics.benchmarks import benchmark_metrics, shared_bars
from outsample.metrics.exposure import exposure_metrics
from outsample.metrics.rates import RiskFree, annual_rates, bar_rates
from outsample.metrics.summary import ANNUAL, NAN, Context, Metrics, reasons_for
from outsample.metrics.tables import calendar_changes
from outsample.metrics.trading import MEASURED_COLUMNS, trade_metrics, trade_sides
from outsample.stats import probabilistic_sharpe, sharpe_standard_error

__all__ = ["measure"]

Z95 = 1.959963984540054
# Functions of returns alone, of P too, and of the risk-free rate too.
_PLAIN = {
    name: getattr(module, name)
    for module, names in (
        (v, ("total_return", "gain_to_pain", "stability", "skewness", "kurtosis", "autocorrelation")),
        (falls, ("ulcer_index", "pain_index", "max_drawdown", "average_drawdown", "longest_drawdown")),
        (falls, ("conditional_drawdown_at_risk", "time_under_water")),
        (tails, tuple(tails.__all__)),
    )
    for name in names
}
_YEARLY = {"cagr": v.cagr, "annual_mean": v.annual_mean, "volatility": v.volatility, "calmar": falls.calmar}
_RISKY = {
    "downside_deviation": v.downside_deviation,
    "sharpe": v.sharpe,
    "lo_sharpe": v.lo_sharpe,
    "sortino": v.sortino,
    "omega": v.omega,
    "martin": falls.martin,
}


def measure(  # noqa: PLR0913 - pinned
    returns_or_simulation: object,
    *,
    trades: pd.DataFrame | None = None,
    benchmark: object = None,
    periods_per_year: float | None = None,
    risk_free: RiskFree = 0.0,
    nan_policy: str = "raise",
    conventions: Conventions | None = None,
) -> Metrics:
    """Measure returns, or a simulation.

    Parameters
    ----------
    returns_or_simulation : Series, array-like or Simulation
        Net returns of bars, or what has `returns`, `equity`, `trades`, `exposure`, `turnover`, `costs`.
    trades : DataFrame, optional
        With pnl, and what `trade_metrics` and `open` name if known; by default the simulation's.
    benchmark : Series or array-like, optional
        Returns; a Series is compared on shared dates, anything else has as many bars as the returns.
    periods_per_year : float, optional
        None: the simulation's, or 252 for bare returns.
    risk_free : float, Series or array-like [bar]
        Annual. A Series with dates gives each bar the last rate on or before its date.
    nan_policy : {"raise", "zero", "drop"}
        What a NaN in returns or benchmark means.
    conventions : Conventions, optional
        Takes the place of `risk_free`, `nan_policy` and, if it has one, `periods_per_year`.

    Raises
    ------
    DataInvalid
        NaN in returns under "raise", infinities, an equity beyond all numbers, or rates and a benchmark that do
        not fit the returns.

    Examples
    --------
    >>> measure([0.02, -0.01] * 126).max_drawdown
    -0.01...
    """
    plain = isinstance(risk_free, int | float)
    used = conventions or Conventions(
        risk_free=risk_free if plain else 0.0,  # type: ignore[arg-type]
        periods_per_year=periods_per_year,
        nan_policy=cast(Any, nan_policy),  # checked by Conventions
    )
    source: Any = returns_or_simulation
    simulated = hasattr(source, "returns") and hasattr(source, "equity")
    year = used.periods_per_year or periods_per_year or (float(source.periods_per_year) if simulated else 252.0)
    given = _series(source.returns if simulated else source)
    returns = _bounded(_clean(given, used.nan_policy))
    rate = _rates(used.risk_free if conventions else risk_free, given, used.nan_policy)
    closed, n_trades = _closed(source, trades, simulated=simulated)
    found = _of_returns(returns, year, rate) if len(returns) else {}
    found |= {} if closed is None else trade_metrics(closed)
    found |= exposure_metrics(source, year) if simulated else {}
    shared = None
    if benchmark is not None:
        theirs = _clean(_series(benchmark, like=given), used.nan_policy)
        shared = shared_bars(returns, theirs)
        found |= benchmark_metrics(returns, theirs, periods_per_year=year, risk_free=rate)
    short = _under_one_year(returns, year) and not used.annualise_short
    found |= dict.fromkeys(ANNUAL, NAN) if short else {}
    context = Context(
        bars=len(returns),
        short=short,
        dated=isinstance(returns.index, pd.DatetimeIndex),
        trades=n_trades,
        closed=None if closed is None else len(closed),
        simulated=simulated,
        shared_bars=shared,
    )
    return Metrics(
        n_bars=len(returns),
        periods_per_year=year,
        n_trades=n_trades,
        reasons=reasons_for(found, context),
        flags=_flags(returns, context),
        **found,
    )


def _flags(returns: pd.Series, context: Context) -> tuple[str, ...]:
    raised = {
        "ruin": bool((returns.to_numpy() <= -1.0).any()),
        "under_one_year": context.short,
        "benchmark_shorter": context.shared_bars is not None and context.shared_bars < context.bars,
    }
    return tuple(name for name, is_raised in raised.items() if is_raised)


def _closed(
    source: Any,  # noqa: ANN401 - duck-typed
    trades: pd.DataFrame | None,
    *,
    simulated: bool,
) -> tuple[pd.DataFrame | None, int | None]:
    """The closed trades, with their sides where those are known, and the number of all."""
    table = source.trades if trades is None and simulated else trades
    if table is None:
        return None, None
    if "pnl" not in table:
        return table, len(table)  # refused where they are measured
    columns = {name: table[name].to_numpy(dtype=float) for name in MEASURED_COLUMNS if name in table}
    if trades is None and "side" not in table and hasattr(source, "units"):
        columns["side"] = trade_sides(source).to_numpy()
    if "open" in table:
        closed = ~table["open"].to_numpy(dtype=bool)
        columns = {name: values[closed] for name, values in columns.items()}
    return pd.DataFrame(columns, copy=False), len(table)


def _rates(risk_free: RiskFree, given: pd.Series, policy: str) -> float | np.ndarray:
    """Annual rates of the bars that are measured; a number is one for all."""
    if isinstance(risk_free, int | float):
        return risk_free
    rates = np.asarray(annual_rates(risk_free, given))
    return rates[given.notna().to_numpy()] if policy == "drop" else rates


def _under_one_year(returns: pd.Series, year: float) -> bool:
    """Fewer returns than a year has, and no year by the calendar (in which holidays differ)."""
    n, dates = len(returns), returns.index
    if n >= year:
        return False
    spanned = isinstance(dates, pd.DatetimeIndex) and n > 0.9 * year and (dates[-1] - dates[0]).days >= 360
    return not spanned


def _series(returns: object, like: pd.Series | None = None) -> pd.Series:
    """Returns as a Series; what has no index gets that of the returns beside it."""
    if isinstance(returns, pd.Series):
        return returns
    x = np.asarray(returns, dtype=float)
    if x.ndim != 1:
        raise DataInvalid(f"Returns are one series. Got shape {x.shape}.", hint="Measure each column by itself.")
    if like is None:
        return pd.Series(x)
    if len(x) != len(like):
        raise DataInvalid(
            f"Returns and benchmark need the same bars. Got {len(like)} and {len(x)}.",
            hint="Give both as dated Series.",
        )
    return pd.Series(x, index=like.index)


def _clean(series: pd.Series, policy: str) -> pd.Series:
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


def _bounded(returns: pd.Series) -> pd.Series:
    """The returns, refused if their equity overflows; nearly always they are percent."""
    with np.errstate(over="ignore"):
        grown = v.wealth(returns)
    if not np.isfinite(grown).all():
        raise DataInvalid(
            "The equity of these returns exceeds the largest number.", hint="Returns are fractions: 1 % is 0.01."
        )
    return returns


def _of_returns(returns: pd.Series, year: float, risk_free: RiskFree) -> dict[str, float]:
    x = returns.to_numpy(dtype=float)
    found = {name: function(x) for name, function in _PLAIN.items()}
    found |= {name: function(x, periods_per_year=year) for name, function in _YEARLY.items()}
    found |= {name: function(x, periods_per_year=year, risk_free=risk_free) for name, function in _RISKY.items()}
    found |= {"best_bar": float(x.max()), "worst_bar": float(x.min()), "positive_bars": float((x > 0.0).mean())}
    if isinstance(returns.index, pd.DatetimeIndex):
        found |= _of_calendar(returns)
    return found | _of_sharpe(x, found["sharpe"], year, risk_free)


def _of_calendar(returns: pd.Series) -> dict[str, float]:
    changes = calendar_changes(returns)
    found = {"positive_months": float((changes["month"] > 0.0).mean())}
    for name, values in changes.items():
        if len(values):
            found |= {f"best_{name}": float(values.max()), f"worst_{name}": float(values.min())}
    return found


def _of_sharpe(x: np.ndarray, sharpe: float, year: float, risk_free: RiskFree) -> dict[str, float]:
    """The interval and the probability, of the same excess returns as the ratio itself."""
    excess = x - bar_rates(risk_free, x, year)
    single = sharpe / math.sqrt(year)
    known = len(x) > 2 and not math.isnan(sharpe)
    margin = Z95 * sharpe_standard_error(returns=excess, method="hac") * math.sqrt(year) if known else NAN
    return {
        "sharpe_low": sharpe - margin,
        "sharpe_high": sharpe + margin,
        "sharpe_per_period": single,
        "probabilistic_sharpe": probabilistic_sharpe(
            single, len(x), skewness=v.skewness(excess), kurtosis=v.kurtosis(excess)
        ),
    }
