"""Options: frozen, validated values, and the one rule by which they are resolved.

Everybody gives options as keywords (a caller, a strategy's own ``sim`` call, a settings file, a market
preset). `resolve_options` turns the layers into one `Execution` and one `Costs`; below that nobody
sees keywords. Precedence: caller > the strategy's ``sim`` call > settings > preset.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import pandas as pd

from outsample.checks import (
    Dates,
    Rates,
    as_offset,
    as_resample,
    as_timestamp,
    check_choice,
    naive,
    set_bool,
    set_number,
    set_rates,
    set_value,
    set_whole,
)
from outsample.errors import ConfigError, nearest

__all__ = [
    "FINLAB_DEFAULTS",
    "MARKETS",
    "Conventions",
    "Costs",
    "Execution",
    "MarketPreset",
    "SandboxPolicy",
    "Thresholds",
    "market_preset",
    "option_names",
    "resolve_options",
]

MAXIMUM_SLIPPAGE = 0.05


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What trading costs, as fractions.

    Parameters
    ----------
    fee_ratio : float
        Commission on the value of every trade, in [0, 0.2].
    tax_ratio : float
        Tax on the value of every sale (reducing a long, opening or adding to a short), in [0, 0.2].
    slippage : float
        Fraction of traded value lost to the market, in [0, 0.05]; 0.0005 is 5 basis points.
    borrow_rate : float
        Annual rate on the value of short positions, per calendar day / 365.
    financing_rate : float
        Annual rate on negative cash, per calendar day / 365.
    """

    fee_ratio: float = 0.0
    tax_ratio: float = 0.0
    slippage: float = 0.0
    borrow_rate: float = 0.0
    financing_rate: float = 0.0

    def __post_init__(self) -> None:
        for name, high in (("fee_ratio", 0.2), ("tax_ratio", 0.2), ("slippage", MAXIMUM_SLIPPAGE)):
            hint = "slippage is a fraction of traded value: 0.0005 is 5 basis points." if name == "slippage" else ""
            set_number(self, name, low=0.0, high=high, hint=hint)
        for name in ("borrow_rate", "financing_rate"):
            set_number(self, name, low=0.0, high=10.0)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How a table of positions becomes trades; the rules are in the documentation of the engine.

    Parameters
    ----------
    resample : str, tuple of Timestamp, or None
        Rebalance frequency ("D", "W-FRI", "ME", ...), explicit decision dates, or None: whenever the
        normalised row changes.
    resample_offset : Timedelta or None
        Shifts the dates of `resample`.
    trade_at_price : {"close", "open", "ohlc4"}
        Price of the bar after the decision at which orders are filled.
    position_limit : float
        Largest absolute weight of one name; the rest is cash.
    leverage : float
        Largest sum of absolute weights.
    stop_loss, take_profit, trail_stop, trail_stop_activation : float or None
        Fractions of the entry price.
    touched_exit : bool
        Stops fill inside the bar that touches them.
    retain_cost_when_rebalance : bool
        A rebalance of a name held on the same side keeps its entry price and peak.
    stop_trading_next_period : bool
        A name stopped since the last rebalance gets nothing at the next one.
    delisting : {"last", "zero"} or float
        What a delisted holding is worth: its last price, nothing, or this fraction of the last price.
    delist_after : int
        Consecutive bars without a price after which a holding counts as delisted.
    price_limit : float or None
        Daily price limit against which nothing can be bought (or sold).
    allocation : {"after_cost", "pre_cost"}
        Weights hold on equity after costs, or before them (finlab's arithmetic).
    initial_capital : float
        Equity on the first bar.
    lag : int
        Whole bars between decision and fill, at least 1.
    intrabar : {"pessimistic", "optimistic"}
        Which of stop and target comes first when one bar touches both.
    outside_universe : {"refuse", "zero"}
        What happens to a target outside the dataset's universe.
    start, end : Timestamp or None
        Evaluation starts and ends here (both inclusive); earlier data stay visible.
    check : bool
        Also run the reference engine and compare.
    """

    resample: str | Dates | None = None
    resample_offset: pd.Timedelta | None = None
    trade_at_price: Literal["close", "open", "ohlc4"] = "close"
    position_limit: float = 1.0
    leverage: float = 1.0
    stop_loss: float | None = None
    take_profit: float | None = None
    trail_stop: float | None = None
    trail_stop_activation: float | None = None
    touched_exit: bool = False
    retain_cost_when_rebalance: bool = False
    stop_trading_next_period: bool = True
    delisting: str | float = "last"
    delist_after: int = 20
    price_limit: float | None = None
    allocation: Literal["after_cost", "pre_cost"] = "after_cost"
    initial_capital: float = 1.0
    lag: int = 1
    intrabar: Literal["pessimistic", "optimistic"] = "pessimistic"
    outside_universe: Literal["refuse", "zero"] = "refuse"
    start: pd.Timestamp | None = None
    end: pd.Timestamp | None = None
    check: bool = False

    def __post_init__(self) -> None:
        set_value(self, "resample", as_resample(self.resample))
        set_value(self, "resample_offset", as_offset(self.resample_offset))
        for name in ("start", "end"):
            set_value(self, name, as_timestamp(name, getattr(self, name)))
        if self.start is not None and self.end is not None and naive(self.start) > naive(self.end):
            raise ConfigError(f"start must not be after end. Got start={self.start}, end={self.end}.")
        set_number(self, "position_limit", low=0.0, high=math.inf, open_low=True)
        set_number(self, "leverage", low=0.0, high=100.0, open_low=True)
        set_number(self, "initial_capital", low=0.0, high=math.inf, open_low=True)
        for name in ("stop_loss", "take_profit", "trail_stop", "trail_stop_activation"):
            set_number(self, name, low=0.0, high=math.inf, open_low=name != "trail_stop_activation", optional=True)
        set_number(self, "price_limit", low=0.0, high=10.0, open_low=True, optional=True)
        set_whole(self, "lag", low=1, hint="A decision is filled on a later bar; lag=0 would trade on its own close.")
        set_whole(self, "delist_after", low=1)
        for name in ("touched_exit", "retain_cost_when_rebalance", "stop_trading_next_period", "check"):
            set_bool(self, name)
        check_choice("trade_at_price", self.trade_at_price, ("close", "open", "ohlc4"))
        check_choice("allocation", self.allocation, ("after_cost", "pre_cost"))
        check_choice("intrabar", self.intrabar, ("pessimistic", "optimistic"))
        check_choice("outside_universe", self.outside_universe, ("refuse", "zero"))
        if isinstance(self.delisting, str):
            check_choice("delisting", self.delisting, ("last", "zero"))
        else:
            set_number(self, "delisting", low=0.0, high=math.inf)

    @property
    def has_stops(self) -> bool:
        """Whether any stop is set."""
        return any(level is not None for level in (self.stop_loss, self.take_profit, self.trail_stop))


@dataclass(frozen=True, kw_only=True)
class MarketPreset:
    """Defaults of a market.

    Parameters
    ----------
    name : str
        "US", "TW", "CRYPTO".
    options : mapping
        Options of ``sim`` that the market sets.
    periods_per_year : float
        Trading days of a year.
    currency : str
        ISO code.
    """

    name: str
    options: Mapping[str, float]
    periods_per_year: float
    currency: str


MARKETS: Mapping[str, MarketPreset] = {
    preset.name: preset
    for preset in (
        MarketPreset(name="US", options={"fee_ratio": 0.0005}, periods_per_year=252.0, currency="USD"),
        MarketPreset(
            name="TW",
            options={"fee_ratio": 0.001425, "tax_ratio": 0.003, "price_limit": 0.10},
            periods_per_year=252.0,
            currency="TWD",
        ),
        MarketPreset(name="CRYPTO", options={"fee_ratio": 0.001}, periods_per_year=365.0, currency="USD"),
    )
}

# finlab's own defaults.
FINLAB_DEFAULTS: Mapping[str, Any] = {"fee_ratio": 0.001425, "tax_ratio": 0.003, "allocation": "pre_cost"}


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """How returns become statistics.

    Parameters
    ----------
    risk_free : float or Series [date]
        Annual risk-free rate as a fraction; (1 + risk_free)^(1/P) - 1 per period. By date: the last on or before it.
    periods_per_year : float or None
        Overrides the dataset's number of periods per year.
    nan_policy : {"raise", "zero", "drop"}
        What a NaN in returns means.
    annualise_short : bool
        Annualise spans shorter than a year.
    """

    risk_free: float | Rates | pd.Series = 0.0
    periods_per_year: float | None = None
    nan_policy: Literal["raise", "zero", "drop"] = "raise"
    annualise_short: bool = False

    def __post_init__(self) -> None:
        set_rates(self, "risk_free", low=-0.99, high=10.0)
        set_number(self, "periods_per_year", low=0.0, high=1e9, open_low=True, optional=True)
        check_choice("nan_policy", self.nan_policy, ("raise", "zero", "drop"))
        set_bool(self, "annualise_short")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What a success level asks for.

    Parameters
    ----------
    coverage : float
        Share of the core metrics that must be finite for VALID_METRICS.
    total_return : float
        PROFITABLE needs a total return above this.
    deflated_sharpe : float
        ROBUST needs at least this deflated Sharpe ratio.
    batch_coverage, batch_profitable : float
        The same questions for a whole batch.
    """

    coverage: float = 0.60
    total_return: float = 0.0
    deflated_sharpe: float = 0.95
    batch_coverage: float = 0.60
    batch_profitable: float = 0.40

    def __post_init__(self) -> None:
        for name in ("coverage", "deflated_sharpe", "batch_coverage", "batch_profitable"):
            set_number(self, name, low=0.0, high=1.0)
        set_number(self, "total_return", low=-1.0, high=math.inf)


@dataclass(frozen=True, kw_only=True)
class SandboxPolicy:
    """Limits of one sandboxed run, and how much protection it must have.

    Parameters
    ----------
    timeout : float
        Wall-clock seconds.
    cpu_seconds : float or None
        CPU seconds over all threads; None means timeout x cores.
    memory_mb : int
        Anonymous memory above the value after the data were mapped, in MiB.
    output_kb : int
        Captured text that is kept, in KiB; the rest is counted.
    require : {"kernel-confined", "partially-confined", "process-only"}
        The least protection under which a strategy may run.
    """

    timeout: float = 120.0
    cpu_seconds: float | None = None
    memory_mb: int = 500
    output_kb: int = 64
    require: Literal["kernel-confined", "partially-confined", "process-only"] = "kernel-confined"

    def __post_init__(self) -> None:
        set_number(self, "timeout", low=0.0, high=86_400.0, open_low=True)
        set_number(self, "cpu_seconds", low=0.0, high=86_400.0 * 1024, open_low=True, optional=True)
        set_whole(self, "memory_mb", low=16)
        set_whole(self, "output_kb", low=0)
        check_choice("require", self.require, ("kernel-confined", "partially-confined", "process-only"))


def market_preset(name: str) -> MarketPreset:
    """Return the preset of a market.

    Raises
    ------
    ConfigError
        There is no such market.
    """
    preset = MARKETS.get(str(name).upper())
    if preset is None:
        allowed = ", ".join(MARKETS)
        raise ConfigError(f"market must be one of {allowed}. Got {name!r}.", hint=nearest(str(name).upper(), MARKETS))
    return preset


def option_names() -> tuple[str, ...]:
    """Names of all options of ``sim``, in the order of the documentation."""
    return tuple(field.name for cls in (Execution, Costs) for field in dataclasses.fields(cls))


def resolve_options(*layers: Mapping[str, Any] | None) -> tuple[Execution, Costs]:
    """Merge layers of options, the weakest first, into one Execution and one Costs.

    Parameters
    ----------
    *layers : mapping or None
        Option name -> value. None as a value means "not said", except that it never hides a weaker layer.

    Raises
    ------
    ConfigError
        An unknown option (the nearest name is given) or a value that is not allowed.

    Examples
    --------
    >>> execution, costs = resolve_options({"fee_ratio": 0.001}, {"resample": "ME"}, {"fee_ratio": 0.0})
    >>> costs.fee_ratio, execution.resample
    (0.0, 'ME')
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in (layer or {}).items():
            if name not in _known_options():
                _refuse_option(name)
            if value is not None:
                merged[name] = value
    if all(type(value) in _PLAIN for value in merged.values()):
        # True == 1 == 1.0, but not every option takes each of them: the type is part of the question.
        return _resolved(tuple((name, type(value), value) for name, value in merged.items()))
    return _resolve(merged)


# Equal means the same for these; not so for dates (two time zones can name one moment).
_PLAIN = (bool, int, float, str)


@functools.lru_cache(maxsize=256)
def _resolved(items: tuple[tuple[str, type, Any], ...]) -> tuple[Execution, Costs]:
    # The simulations of a sweep ask for the same options again and again.
    return _resolve({name: value for name, _, value in items})


def _resolve(merged: Mapping[str, Any]) -> tuple[Execution, Costs]:
    execution_names = {field.name for field in dataclasses.fields(Execution)}
    execution = Execution(**{name: value for name, value in merged.items() if name in execution_names})
    costs = Costs(**{name: value for name, value in merged.items() if name not in execution_names})
    drag = costs.fee_ratio + costs.tax_ratio + costs.slippage
    if execution.leverage * drag >= 1:
        raise ConfigError(
            f"leverage x (fee_ratio + tax_ratio + slippage) must be below 1. Got {execution.leverage * drag:.4g}.",
            hint="Costs are fractions of traded value: 0.001425 is 0.1425 %.",
        )
    return execution, costs


@functools.cache
def _known_options() -> frozenset[str]:
    return frozenset(option_names())


def _refuse_option(name: str) -> NoReturn:
    suggestion = nearest(name, option_names()) or f"Options: {', '.join(option_names())}."
    raise ConfigError(f"sim has no option {name!r}.", hint=suggestion)
