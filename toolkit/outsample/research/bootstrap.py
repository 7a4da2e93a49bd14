"""Bootstrap of returns or trades: one pass per path gives every statistic; paths are never kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from outsample.checks import check_choice
from outsample.errors import ConfigError, DataInvalid
from outsample.metrics.rates import RiskFree, bar_rates
from outsample.research.bootstrap_run import Paths, run_paths
from outsample.research.bootstrap_table import PERCENTILES, bootstrap_table
from outsample.research.fan import fan_figure, fan_html
from outsample.stats import optimal_block_length
from outsample.stats.moments import check_bootstrap, check_share, whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Bootstrap", "bootstrap", "trade_fractions"]

# Method -> kind of blocks; the last two resample trades.
_METHODS = {
    "stationary": "stationary",
    "circular": "circular",
    "moving": "moving",
    "iid": "iid",
    "trades": "iid",
    "trade_order": "order",
}
_PERMUTATIONS = ("permutation", "permute", "shuffle")
# What the order of trades can change.
_OF_ORDER = ("max_drawdown", "longest_under_water")
_FAN_PATHS, _FAN_DATES = 2_000, 256


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Bootstrap:
    """Resampled statistics.

    Parameters
    ----------
    table : DataFrame
        statistic, actual, mean, se, low, high, p5..p95, the Monte Carlo error of each of these percentiles (mc_low,
        mc_high, mc_p5..; 0 where the interval is not simulated), level (of the two-sided interval low..high) and
        the method of the interval.
    samples : mapping of str to array [path]
        sharpe, cagr, volatility, max_drawdown, final_wealth, and longest_under_water if it was asked for;
        NaN where a path is undefined.
    method, block, n_paths, seed, level
        What was asked; `block` as used.
    reasons : mapping
        Statistic -> why it is missing, or some of its paths are undefined.
    returns : Series
        What was resampled: net returns per bar, or trades as fractions of equity.
    """

    table: pd.DataFrame
    samples: Mapping[str, np.ndarray]
    method: str
    block: float
    n_paths: int
    seed: int
    level: float
    reasons: Mapping[str, str] = field(default_factory=dict)
    returns: pd.Series = field(repr=False)

    def __repr__(self) -> str:
        return f"<{self.title}>\n{self.table.iloc[:, :6].to_string(index=False)}"

    @property
    def title(self) -> str:
        """What was drawn, in a line."""
        return f"Bootstrap: {self.n_paths:,} {self.method} paths, mean block {self.block:.1f}, seed {self.seed}"

    def plot(self) -> Figure:
        """Return the fan chart: percentiles of resampled equity, with the actual one."""
        wealth = np.cumprod(1.0 + self.returns.to_numpy(dtype=float))
        return fan_figure(self.fan(), wealth[self._fan_places])

    @property
    def _fan_places(self) -> np.ndarray:
        n = len(self.returns)
        return np.unique(np.linspace(0, n - 1, min(_FAN_DATES, n)).round().astype(np.int64))

    def _repr_html_(self) -> str:
        return fan_html(self.title, self.table, self.plot())

    def fan(self) -> pd.DataFrame:
        """Return percentiles of equity (from 1) of the first 2,000 paths on at most 256 dates.

        Examples
        --------
        >>> bootstrap([0.01, -0.005, 0.002, 0.004] * 10, n_paths=50).fan().shape
        (40, 5)
        """
        places = self._fan_places
        x = self.returns.to_numpy(dtype=float)
        drawn = Paths(returns=x, excess=x, kind=_METHODS[self.method], block=self.block, seed=self.seed, year=1.0)
        equity = drawn.equity(places, min(self.n_paths, _FAN_PATHS))
        columns = {f"p{p}": np.percentile(equity, p, axis=0) for p in PERCENTILES}
        return pd.DataFrame(columns, index=self.returns.index[places])


def bootstrap(  # noqa: PLR0913 - pinned, with what a result knows by itself
    returns_or_result: object,
    *,
    n_paths: int = 10_000,
    method: str = "stationary",
    block: float | str = "auto",
    seed: int = 0,
    level: float = 0.95,
    n_jobs: int | None = None,
    periods_per_year: float | None = None,
    risk_free: RiskFree | None = None,
    time_under_water: bool = False,
    on_done: Callable[[int, int], None] | None = None,
) -> Bootstrap:
    """Resample returns or trades and say how uncertain their statistics are.

    Parameters
    ----------
    returns_or_result : Series, array-like or what has `returns`
        Net returns, without NaN, at least two; for trades a result, or fractions of equity, one per trade.
    n_paths : int
    method : {"stationary", "circular", "moving", "iid", "trades", "trade_order"}
        Politis and Romano (1994, 1992); Kuensch (1989); Efron (1979). "trades" draws as many trades as there
        were, with replacement, and compounds their fractions of equity (see `trade_fractions`); "trade_order"
        draws the same trades in random order, which only drawdowns can tell.
    block : float or "auto"
        Mean block; "auto" is the larger optimum of the returns and of their squares (Patton, Politis and
        White, 2009).
    seed : int
        Path i always draws from stream i, whatever `n_jobs`.
    level : float
        Of the two-sided intervals. The Sharpe ratio's is HAC, the others' percentile.
    n_jobs : int, optional
        Threads; None: one per core.
    periods_per_year : float, optional
        None: what the argument says, or 252. Trades that are given as numbers need their number per year.
    risk_free : float or Series [date], optional
        Annual rate, or rates by date, taken from returns before the Sharpe ratio and volatility; None: what the
        argument says, or 0. Trades are taken as they are.
    time_under_water : bool
        Also the longest time under water, in bars (or trades); it costs a walk over every bar.
    on_done : callable, optional
        Called with (paths done, paths in all) from the calling thread.

    Raises
    ------
    ConfigError
        An option is not allowed; a permutation is refused, because order changes neither CAGR nor Sharpe.
    DataInvalid
        Fewer than two returns or trades, or not finite ones.

    Examples
    --------
    >>> made = bootstrap([0.01, -0.005, 0.002, 0.004] * 10, n_paths=50)
    >>> list(made.table["statistic"])[:2]
    ['sharpe', 'cagr']
    """
    _check(method, n_paths, level, seed)
    if n_jobs is not None:
        whole("n_jobs", n_jobs, 1)
    returns, year, rate = _source(returns_or_result, method, periods_per_year, risk_free)
    x = returns.to_numpy(dtype=float)
    if len(x) < 2 or not np.isfinite(x).all():
        raise DataInvalid(
            f"At least two finite {_noun(method)} are needed. Got {len(x)}, {int((~np.isfinite(x)).sum())} of them "
            "not finite."
        )
    length = _block(x, block, method)
    excess = x - bar_rates(rate, returns, year)
    paths = Paths(returns=x, excess=excess, kind=_METHODS[method], block=length, seed=int(seed), year=year)
    samples = run_paths(paths, int(n_paths), n_jobs=n_jobs, time_under_water=time_under_water, on_done=on_done)
    missing = {}
    if method == "trade_order":
        missing = dict.fromkeys(samples.keys() - {*_OF_ORDER}, "order: it is the same in any order of the trades")
        samples = {name: values for name, values in samples.items() if name in _OF_ORDER}
    table, reasons = bootstrap_table(paths, samples, level)
    made = partial(Bootstrap, method=method, block=length, n_paths=int(n_paths), seed=int(seed), level=level)
    return made(table=table, samples=samples, reasons={**missing, **reasons}, returns=returns)


def trade_fractions(result: object) -> pd.Series:
    """Return what each trade of a result added to the equity before it, as a fraction.

    Parameters
    ----------
    result : object
        Has `equity` (a Series) and `trades` (a table with entry_date and pnl in the unit of equity).

    Returns
    -------
    Series [trade]
        Profit or loss, net of costs, over the last equity before the entry (on the first bar: that bar's), in
        order of entry. A trade that is open at the end counts with its mark. One after another they compound
        to the final equity; trades that overlap are taken one after another too, which is an approximation.
    """
    source: Any = result
    equity, trades = source.equity, source.trades
    places = equity.index.searchsorted(pd.DatetimeIndex(trades["entry_date"]), side="left") - 1
    before = equity.to_numpy(dtype=float)[np.maximum(places, 0)]
    fractions = np.divide(trades["pnl"].to_numpy(dtype=float), before, out=np.zeros(len(before)), where=before > 0.0)
    return pd.Series(fractions, name="fraction")


def _noun(method: str) -> str:
    return "trades" if method.startswith("trade") else "returns"


def _check(method: str, n_paths: int, level: float, seed: int) -> None:
    if method in _PERMUTATIONS:
        raise ConfigError(
            "A permutation of returns has the same CAGR and the same Sharpe ratio as the returns themselves: its "
            "'distribution' is a single point and says nothing about uncertainty.",
            hint="Use method='stationary'; method='trade_order' shows what the order of trades does to the drawdown.",
        )
    check_choice("method", method, tuple(_METHODS))
    whole("n_paths", n_paths, 1)
    check_bootstrap(1, seed)
    check_share("level", level, open_ends=True)


def _source(
    source: Any,  # noqa: ANN401 - duck-typed, as documented
    method: str,
    year: float | None,
    risk_free: RiskFree | None,
) -> tuple[pd.Series, float, RiskFree]:
    """What is resampled, its observations per year, and the annual risk-free rate."""
    conventions = getattr(getattr(getattr(source, "outcome", None), "request", None), "resolved_conventions", None)
    known = conventions or getattr(source, "simulation", source)
    bars = year or float(getattr(known, "periods_per_year", None) or 252.0)
    rate = getattr(conventions, "risk_free", 0.0) if risk_free is None else risk_free
    rate = float(rate) if isinstance(rate, int | float) else rate
    if not bars > 0.0 or (isinstance(rate, float) and not rate > -1.0):
        raise ConfigError(f"periods_per_year > 0 and risk_free > -1 are needed. Got {year!r} and {risk_free!r}.")
    held = getattr(source, "returns", source)
    returns = held if isinstance(held, pd.Series) else pd.Series(np.asarray(held, dtype=float))
    if not method.startswith("trade"):
        return returns, bars, rate
    if hasattr(source, "trades"):
        fractions = trade_fractions(source)
        return fractions, len(fractions) * bars / len(returns), 0.0
    if year is None:
        raise ConfigError(
            f"method={method!r} with numbers needs periods_per_year: how many trades there are in a year.",
            hint="Pass the result itself, which knows its trades and its dates.",
        )
    return returns.reset_index(drop=True), bars, 0.0


def _block(x: np.ndarray, block: float | str, method: str) -> float:
    if _METHODS[method] in {"iid", "order"}:
        return 1.0
    if block == "auto":
        found = [optimal_block_length(values) for values in (x, x**2)]
        return max(one.stationary if method == "stationary" else one.circular for one in found)
    if isinstance(block, str | bool) or not 1.0 <= float(block) <= len(x):
        raise ConfigError(f"block must be 'auto' or a number in [1, {len(x)}]. Got {block!r}.")
    return float(block)
