"""The value that `measure` returns: named statistics, and a reason for every one that is not defined."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from outsample.metrics.benchmarks import BENCHMARK_STATISTICS
from outsample.metrics.exposure import EXPOSURE_STATISTICS
from outsample.metrics.trading import TRADE_STATISTICS

__all__ = ["ANNUAL", "Context", "Metrics", "reasons_for"]

NAN = math.nan
# What is a rate per year; not shown for spans shorter than a year.
ANNUAL = frozenset(
    {
        "cagr", "annual_mean", "volatility", "downside_deviation", "sharpe", "sharpe_low", "sharpe_high", "lo_sharpe",
        "sortino", "calmar", "martin", "annual_turnover", "cost_drag", "active_return", "tracking_error",
        "information_ratio", "alpha", "treynor", "specific_risk",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Metrics:
    """Statistics of returns, net of costs; every NaN has a code in `reasons`.

    Two are equal if every value is; NaN equals NaN.

    Fractions, never percent; losses negative (ulcer and pain index are sizes). Each field is what the function of
    `outsample.metrics` with its name returns, or the entry of that name in `trade_metrics`, `exposure_metrics` or
    `benchmark_metrics`; those of trades and exposure need a simulation (or trades), those of the benchmark a
    benchmark. The others:

    best_bar, worst_bar, best_month, ..., worst_year
        Largest and smallest return of a bar, month, year; the first and the last month may be parts of one.
    positive_bars, positive_months
        Share with a return above 0.
    best_6_months, worst_6_months, ..., worst_36_months
        Of the total returns over all windows of that many calendar months.
    sharpe_low, sharpe_high
        95 % interval from the HAC standard error.
    sharpe_per_period, probabilistic_sharpe
        Not annualised; the probability that the true ratio is above 0, with the same risk-free rate.
    value_at_risk and its relatives, conditional_drawdown_at_risk
        Per bar, at 95 %.
    kurtosis
        Raw (normal = 3).
    n_trades
        With those that are open at the end; the other statistics of trades are of closed ones.
    flags
        What a reader must know: "ruin", "under_one_year", "benchmark_shorter" (fewer shared bars than bars).
    """

    n_bars: int = 0
    periods_per_year: float = 252.0
    total_return: float = NAN
    cagr: float = NAN
    annual_mean: float = NAN
    best_bar: float = NAN
    worst_bar: float = NAN
    best_month: float = NAN
    worst_month: float = NAN
    best_year: float = NAN
    worst_year: float = NAN
    positive_bars: float = NAN
    positive_months: float = NAN
    best_6_months: float = NAN
    worst_6_months: float = NAN
    best_12_months: float = NAN
    worst_12_months: float = NAN
    best_36_months: float = NAN
    worst_36_months: float = NAN
    volatility: float = NAN
    downside_deviation: float = NAN
    sharpe: float = NAN
    sharpe_low: float = NAN
    sharpe_high: float = NAN
    sharpe_per_period: float = NAN
    lo_sharpe: float = NAN
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
    parametric_value_at_risk: float = NAN
    parametric_conditional_value_at_risk: float = NAN
    cornish_fisher_value_at_risk: float = NAN
    cornish_fisher_conditional_value_at_risk: float = NAN
    tail_ratio: float = NAN
    skewness: float = NAN
    kurtosis: float = NAN
    autocorrelation: float = NAN
    max_drawdown: float = NAN
    average_drawdown: float = NAN
    conditional_drawdown_at_risk: float = NAN
    longest_drawdown: float = NAN
    time_under_water: float = NAN
    n_trades: int | None = None
    win_rate: float = NAN
    payoff: float = NAN
    profit_factor: float = NAN
    expectancy: float = NAN
    average_win: float = NAN
    average_loss: float = NAN
    average_trade_return: float = NAN
    sqn: float = NAN
    kelly: float = NAN
    max_consecutive_wins: float = NAN
    max_consecutive_losses: float = NAN
    largest_win_share: float = NAN
    average_bars_held: float = NAN
    max_bars_held: float = NAN
    average_mae: float = NAN
    average_mfe: float = NAN
    worst_mae: float = NAN
    n_long: float = NAN
    n_short: float = NAN
    long_win_rate: float = NAN
    short_win_rate: float = NAN
    long_pnl: float = NAN
    short_pnl: float = NAN
    annual_turnover: float = NAN
    holding_period: float = NAN
    time_in_market: float = NAN
    average_gross: float = NAN
    max_gross: float = NAN
    average_net: float = NAN
    average_position: float = NAN
    max_position: float = NAN
    hhi: float = NAN
    effective_names: float = NAN
    cost_total: float = NAN
    fee_total: float = NAN
    tax_total: float = NAN
    slippage_total: float = NAN
    borrow_total: float = NAN
    financing_total: float = NAN
    cost_drag: float = NAN
    break_even_cost: float = NAN
    gross_total_return: float = NAN
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metrics):
            return NotImplemented
        pairs = ((getattr(self, item.name), getattr(other, item.name)) for item in dataclasses.fields(self))
        return all(mine == its or (mine != mine and its != its) for mine, its in pairs)  # noqa: PLR0124 - NaN

    def __hash__(self) -> int:
        return hash((self.n_bars, self.n_trades))  # a NaN has a hash of its own each time

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


@dataclass(frozen=True, kw_only=True)
class Context:
    """What was known when statistics were computed: why one is not defined follows from it.

    Parameters
    ----------
    bars : int
    short : bool
        Under a year, and not to be annualised.
    dated : bool
    trades, closed : int or None
        None: no trades were given.
    simulated : bool
    shared_bars : int or None
        With the benchmark; None without one.
    """

    bars: int
    short: bool
    dated: bool
    trades: int | None
    closed: int | None
    simulated: bool
    shared_bars: int | None


def reasons_for(found: Mapping[str, float], context: Context) -> dict[str, str]:
    """Return the reason for each field of `Metrics` that is NaN in (or not in) `found`."""
    reasons = {}
    for item in dataclasses.fields(Metrics):
        value = found.get(item.name, item.default)
        if isinstance(value, float) and math.isnan(value):
            reasons[item.name] = _reason(item.name, context)
    return reasons


# Why a statistic is not defined although what it needs was given; anything else lacks variance.
_OWN_REASONS = {
    "calmar": "no_drawdown",
    "martin": "no_drawdown",
    "stability": "no_variance_or_ruin",
    "omega": "no_losses",
    "gain_to_pain": "no_losses",
    "sortino": "no_gains_or_losses",
    "tail_ratio": "no_lower_tail",
    "payoff": "no_wins_or_losses",
    "profit_factor": "no_wins_or_losses",
    "kelly": "no_wins",
    "average_win": "no_wins",
    "largest_win_share": "no_wins",
    "average_loss": "no_losses",
    "sqn": "one_trade_or_no_variance",
    "average_trade_return": "not_in_trades",
    "average_bars_held": "not_in_trades",
    "max_bars_held": "not_in_trades",
    "average_mae": "not_in_trades",
    "average_mfe": "not_in_trades",
    "worst_mae": "not_in_trades",
    "n_long": "side_not_in_trades",
    "n_short": "side_not_in_trades",
    "long_pnl": "side_not_in_trades",
    "short_pnl": "side_not_in_trades",
    "long_win_rate": "no_long_trades",
    "short_win_rate": "no_short_trades",
    "holding_period": "no_turnover",
    "break_even_cost": "no_turnover",
    "cost_drag": "no_equity",
    "average_position": "no_holdings",
    "max_position": "no_holdings",
    "hhi": "no_holdings",
    "effective_names": "no_holdings",
    "information_ratio": "no_active_risk",
    "treynor": "no_beta",
    "up_capture": "no_rising_bars",
    "down_capture": "no_falling_bars",
    "beta": "benchmark_without_variance",
    "alpha": "benchmark_without_variance",
    "specific_risk": "benchmark_without_variance",
}
_OF_CALENDAR = frozenset({"best_month", "worst_month", "best_year", "worst_year", "positive_months"})


def _reason(name: str, context: Context) -> str:
    return _not_given(name, context) or _too_short(name, context) or _OWN_REASONS.get(name, "no_variance")


def _not_given(name: str, context: Context) -> str:
    """Why a statistic of trades, exposure or a benchmark has nothing to stand on; "" if it has."""
    if name in TRADE_STATISTICS and not context.closed:
        if context.trades is None:
            return "trades_not_given"
        return "no_closed_trades" if context.trades else "no_trades"
    if name in EXPOSURE_STATISTICS and not context.simulated:
        return "needs_simulation"
    if name in BENCHMARK_STATISTICS and context.shared_bars is None:
        return "no_benchmark"
    return ""


def _too_short(name: str, context: Context) -> str:
    """Why the returns are not enough for a statistic; "" if they are."""
    if name in TRADE_STATISTICS:
        return ""
    if context.bars == 0:
        return "no_observations"
    if context.short and name in ANNUAL:
        return "under_one_year"
    if name in BENCHMARK_STATISTICS:
        return "under_two_shared_bars" if (context.shared_bars or 0) < 2 else ""
    if name in _OF_CALENDAR or name.endswith("_months"):
        return f"under_{name.split('_')[1]}_months" if context.dated else "no_dates"
    return "one_observation" if context.bars == 1 and name not in EXPOSURE_STATISTICS else ""
